"""The agents learn on every registered environment and log its exact values."""

from __future__ import annotations

import numpy as np
import pytest
from env_variants import RANDOM_VARIANTS

from maxpo_bench.agents import make_agent
from maxpo_bench.envs import NUMERIC_ENVIRONMENTS


@pytest.mark.parametrize("env_id", NUMERIC_ENVIRONMENTS)
def test_agents_log_exact_values(env_id):
    agent = make_agent("ei_l2o", env_id, k=4, group_size=16, seed=0, **RANDOM_VARIANTS[env_id]).learn(iterations=20)
    log = agent.iteration_log
    assert len(log) == 20
    values = np.array([[record["exact_return"], record["exact_max_at_k"]] for record in log])
    assert np.isfinite(values).all()
    assert (values[:, 1] > values[:, 0]).all()
    assert values[-1, 1] > values[0, 1]


@pytest.mark.parametrize("env_id", NUMERIC_ENVIRONMENTS)
def test_agents_begin_on_the_defaults(env_id):
    agent = make_agent("ei_l2o", env_id, k=4, group_size=16, seed=0).learn(iterations=2)
    assert agent.iteration_log[-1]["exact_max_at_k"] > agent.iteration_log[-1]["exact_return"]
