from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import maxpo_bench  # noqa: F401 (registers the environments)
from maxpo_bench.envs import ENVIRONMENTS

# Small variants of every registered id, and variants whose episodes are random or of several kinds of end.
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *((env_id, {}) for env_id in ENVIRONMENTS),
    ("maxpo/Bandit-v0", {"num_arms": 5, "reward_noise": 0.5}),
    ("maxpo/Bandit-v0", {"arm_rewards": [0.0, 1.0, -2.0]}),
    ("maxpo/Maze-v0", {"length": 4, "dead_end_length": 2, "majority_share": 0.5}),
    ("maxpo/Maze-v0", {"length": 7, "dead_end_length": "mixed", "instance": 3}),
]


def variant_name(variant: tuple[str, dict[str, Any]]) -> str:
    env_id, kwargs = variant
    return "-".join([env_id.split("/")[1], *(f"{key}={value}" for key, value in kwargs.items())])


@pytest.fixture(params=VARIANTS, ids=variant_name)
def variant(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    return request.param


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
