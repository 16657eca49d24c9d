"""The ratio of gradient variances on the maze (Eq 125) against autograd, recomputed jackknives and a long run."""

import dataclasses

import numpy as np
import pytest
import torch
from maze_autograd import as_torch, step_log_likelihoods, train

from maxpo_bench.agents.maze_episodes import correct_signs, sample
from maxpo_bench.agents.maze_population import variance_ratio
from maxpo_bench.agents.maze_variance import Groups, leave_one_out
from maxpo_bench.envs.maze import MazeLayout
from maxpo_bench.estimators import get_estimator
from maxpo_bench.seeding import derive_seed

LENGTH = 40


@pytest.fixture
def layout():
    return MazeLayout.generate(LENGTH, 0.8, 1, instance=3)


def measured_variance(layout, result, name, n, k, seed, groups):
    """Total variance over all parameters from the covariance's diagonal, with gradients from autograd."""
    signs = correct_signs(layout)
    x, bias = result.theta[:1, : layout.length, 1], result.bias[:1, 1]
    uniforms = np.random.default_rng(derive_seed(seed, "maze_variance", n, k)).random((groups, n))
    gradients = []
    for row in uniforms:
        lengths = sample(x, bias, signs, row[None]).lengths[0]
        theta, vector = as_torch(x, bias)
        advantages = get_estimator(name, k)(torch.tensor(lengths, dtype=torch.float64))
        (step_log_likelihoods(layout, theta, vector, lengths) @ advantages / n).backward()
        gradients.append(np.concatenate([theta.grad.numpy().ravel(), vector.grad.numpy()]))
    return np.var(gradients, axis=0, ddof=1).sum()


def test_variance_ratio_is_the_trace_of_the_sample_covariances(layout):
    result = train(layout, iterations=20)
    ratio = variance_ratio(layout, result.theta[0], result.bias[0], 6, 3, num_groups=40, seed=1)
    ei, l2o = (measured_variance(layout, result, name, 6, 3, 1, 40) for name in ("ei", "ei_l2o"))
    assert ratio.variance_ei == pytest.approx(ei, rel=1e-10)
    assert ratio.variance_ei_l2o == pytest.approx(l2o, rel=1e-10)
    assert ratio.ratio == pytest.approx(l2o / ei, rel=1e-10)
    assert ratio.low < ratio.ratio < ratio.high
    assert ratio.num_groups == 40


def test_variance_ratio_jackknife_equals_leaving_groups_out(layout):
    rng = np.random.default_rng(0)
    lengths, turns = rng.integers(0, LENGTH + 1, size=(12, 5)), rng.normal(size=(12, 5))
    groups = Groups(lengths, turns, np.full(LENGTH, 0.7), correct_signs(layout))
    estimator = get_estimator("ei", 3)
    together = leave_one_out(groups, estimator)
    for left_out in range(12):
        rest = dataclasses.replace(
            groups, lengths=np.delete(lengths, left_out, axis=0), turns=np.delete(turns, left_out, axis=0)
        )
        assert together[1 + left_out] == pytest.approx(leave_one_out(rest, estimator)[0], rel=1e-10)


def test_variance_ratio_interval_covers_a_long_run(layout):
    result = train(layout, iterations=20)
    policy = result.theta[0], result.bias[0]
    long_run = variance_ratio(layout, *policy, 8, 4, num_groups=20_000, seed=100)
    short = [variance_ratio(layout, *policy, 8, 4, num_groups=300, seed=seed) for seed in range(40)]
    inside = sum(r.low <= long_run.ratio <= r.high for r in short)
    assert inside >= 24  # 95 % intervals: binomial(40, .95) below 24 has probability 3e-11; (40, .9): 7e-8
    assert long_run.high - long_run.low < 0.3 * (short[0].high - short[0].low)


def test_variance_ratio_of_a_deterministic_policy_is_undefined(layout):
    theta = np.zeros((layout.num_states, 2))
    theta[np.arange(LENGTH), layout.correct_actions] = 400.0
    ratio = variance_ratio(layout, theta, np.zeros(2), 4, 2, num_groups=10)
    assert np.isnan([ratio.ratio, ratio.low, ratio.high]).all()
    assert ratio.variance_ei == 0.0


@pytest.mark.parametrize(
    ("change", "message"),
    [({"num_groups": 2}, "at least 3"), ({"k": 4}, "at least 5"), ({"theta": np.zeros((3, 2))}, "theta must be")],
)
def test_variance_ratio_checks_its_arguments(layout, change, message):
    options = dict(theta=np.zeros((layout.num_states, 2)), bias=np.zeros(2), n=4, k=2, num_groups=10)
    with pytest.raises(ValueError, match=message):
        variance_ratio(layout, **{**options, **change})
