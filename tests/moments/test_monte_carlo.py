"""Sampled moments: the engine against a plain loop, pairing, corrections for noise, and the bias curve.

Statistical assertions compare with exact moments at 8 standard errors; these come from 32 segments, and a t statistic
with 31 degrees of freedom is beyond 8 with chance 5e-9.
"""

from __future__ import annotations

import json
import math
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import torch

from maxpo_bench.estimators import as_estimator, ei, get_estimator
from maxpo_bench.moments import (
    CertificateError,
    bias_curve,
    enumerate_moments,
    monte_carlo_moments,
    paired_log_ratio,
    paired_moments,
    required_groups,
)
from maxpo_bench.moments.instances import BanditInstance
from maxpo_bench.moments.monte_carlo import MonteCarloMoments
from maxpo_bench.moments.sampling import CHUNK_SAMPLES, sample_segments
from maxpo_bench.seeding import derive_seed

ERRORS = 8


def bandit(arms: int, *path: str | int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(derive_seed(9, "monte carlo tests", arms, *path))
    return rng.normal(size=arms), rng.normal(size=arms)


def recorder(groups: list[np.ndarray], name: str = "recorder"):
    def advantages(rewards: torch.Tensor, k: int) -> torch.Tensor:
        groups.append(rewards.numpy().copy())
        return ei(rewards, k)

    return as_estimator(advantages, 3, name=name)


@pytest.mark.parametrize("arms", [3, 40])
def test_sums_equal_a_loop_over_dense_gradients(arms: int):
    rewards, logits = bandit(arms, "loop")
    seen: list[np.ndarray] = []
    found = monte_carlo_moments(recorder(seen), rewards, logits, 6, 300, seed=1)
    policy = np.exp(logits) / np.exp(logits).sum()
    gradients = []
    for row in np.concatenate(seen):
        actions = [int(np.flatnonzero(rewards == reward)[0]) for reward in row]
        advantages = ei(torch.tensor(row), 3).numpy()
        gradients.append(3 / 6 * advantages @ (np.eye(arms)[actions] - policy))
    dense = np.array(gradients)
    assert len(dense) == found.num_groups == 300
    np.testing.assert_allclose(found.mean, dense.mean(axis=0), atol=1e-13)
    assert found.total_variance == pytest.approx(dense.var(axis=0, ddof=1).sum(), rel=1e-11)
    assert found.bias == pytest.approx(float(np.linalg.norm(dense.mean(axis=0) - found.truth)))
    assert found.mean_square == pytest.approx(found.mean @ found.mean - found.total_variance / 300)


def test_actions_follow_the_policy():
    rewards, logits = np.arange(4.0), np.array([0.0, 1.0, -2.0, 0.5])
    seen: list[np.ndarray] = []
    monte_carlo_moments(recorder(seen), rewards, logits, 4, 20_000, seed=2)
    counts = np.bincount(np.concatenate(seen).astype(int).ravel(), minlength=4)
    policy = np.exp(logits) / np.exp(logits).sum()
    deviation = np.sqrt(80_000 * policy * (1 - policy))
    assert (np.abs(counts - 80_000 * policy) < 6 * deviation).all()  # 4 normal tails beyond 6: 8e-9


def test_estimators_are_paired_on_the_same_groups():
    rewards, logits = bandit(30, "paired")
    first, second, alone = [], [], []
    together = paired_moments([recorder(first, "a"), recorder(second, "b")], rewards, logits, 5, 200, seed=3)
    single = monte_carlo_moments(recorder(alone, "c"), rewards, logits, 5, 200, seed=3)
    np.testing.assert_array_equal(np.concatenate(first), np.concatenate(second))
    np.testing.assert_array_equal(np.concatenate(first), np.concatenate(alone))
    np.testing.assert_array_equal(together[0].mean, single.mean)
    other = monte_carlo_moments(get_estimator("ei", 3), rewards, logits, 5, 200, seed=4)
    assert not np.array_equal(single.mean, other.mean)


def test_pairing_makes_ratios_precise():
    rewards, logits = bandit(50, "ratios")
    first, second = paired_moments([get_estimator("ei", 4), get_estimator("ei_l2o", 4)], rewards, logits, 16, 20_000)
    ratio, error = paired_log_ratio(second, first, "total_variance")
    assert ratio == pytest.approx(math.log(second.total_variance / first.total_variance))
    unpaired = math.hypot(
        first.standard_error("total_variance") / first.total_variance,
        second.standard_error("total_variance") / second.total_variance,
    )
    assert 0 < error < 0.7 * unpaired
    copy, none = paired_log_ratio(first, first, "b95")
    assert (copy, none) == (0.0, 0.0)
    shorter = monte_carlo_moments(get_estimator("ei", 4), rewards, logits, 16, 200)
    with pytest.raises(ValueError, match="same groups"):
        paired_log_ratio(first, shorter, "b95")


@pytest.mark.parametrize("questions", [1, 3])
@pytest.mark.parametrize("name", ["ei", "ei_l1o", "reinforce_l1o"])
def test_metrics_agree_with_enumeration(name: str, questions: int):
    rng = np.random.default_rng(derive_seed(9, "metrics", questions))
    rewards, logits = rng.normal(size=(questions, 5)), rng.normal(size=5)
    estimator = get_estimator(name, k=3)
    exact = enumerate_moments(estimator, rewards, logits, 6)
    sampled = monte_carlo_moments(estimator, rewards, logits, 6, 30_000, seed=5)
    for metric in ("total_variance", "nsr", "bias_debiased", "advantage_rms"):
        expected = exact.bias if metric == "bias_debiased" else getattr(exact, metric)
        error = sampled.standard_error(metric)
        if name == "ei" and metric == "bias_debiased":
            assert sampled.bias < 10 * math.sqrt(exact.total_variance / sampled.num_groups)
            continue
        assert error < 0.05 * expected
        assert abs(getattr(sampled, metric) - expected) < ERRORS * error, metric
    assert sampled.cosine == pytest.approx(exact.cosine, abs=ERRORS * sampled.standard_error("cosine") + 1e-3)
    assert sampled.centring == pytest.approx(exact.centring, rel=0.05, abs=1e-12)


def test_the_squared_norm_is_corrected_for_noise():
    """100 streams of 20 groups: the plain ||mean||^2 is too large by V/20, the corrected one has the right mean."""
    rewards, logits = bandit(5, "noise")
    estimator = get_estimator("ei_l2o", k=3)
    exact = enumerate_moments(estimator, rewards, logits, 6)
    runs = [monte_carlo_moments(estimator, rewards, logits, 6, 20, seed=seed) for seed in range(100)]
    corrected = np.array([run.mean_square for run in runs])
    plain = np.array([run.mean @ run.mean for run in runs])
    error = corrected.std(ddof=1) / 10
    assert abs(corrected.mean() - exact.mean_square) < 7 * error
    assert plain.mean() - exact.mean_square == pytest.approx(exact.total_variance / 20, rel=0.5)
    variances = np.array([run.total_variance for run in runs])
    assert abs(variances.mean() - exact.total_variance) < 7 * variances.std(ddof=1) / 10


def test_the_cosine_is_corrected_for_noise_along_the_truth():
    """Against a direction orthogonal to the mean the corrected cos^2 is negative, hence 0, in about 68 of 100 runs."""
    rewards, logits = bandit(5, "orthogonal")
    estimator = get_estimator("ei", k=3)
    mean = enumerate_moments(estimator, rewards, logits, 6).mean
    direction = np.arange(5.0)
    orthogonal = direction - (direction @ mean) / (mean @ mean) * mean
    runs = [monte_carlo_moments(estimator, rewards, logits, 6, 400, seed=seed) for seed in range(100)]
    zeros = sum(replace(run, truth=orthogonal).cosine == 0.0 for run in runs)
    assert 40 <= zeros <= 95  # a binomial with 100 trials and 0.68 leaves this range with chance < 1e-7


def test_questions_get_groups_of_their_own():
    seen: list[np.ndarray] = []
    arms = np.arange(50.0)
    monte_carlo_moments(recorder(seen), np.stack([arms, arms]), np.zeros(50), 4, 20)
    first, second = np.split(np.concatenate(seen), 2)
    assert not (first == second).all(axis=1).any()


def test_noise_without_a_signal_is_no_signal():
    rng = np.random.default_rng(derive_seed(9, "no signal"))
    found = monte_carlo_moments(
        as_estimator(lambda r, k: torch.ones_like(r), 2), rng.normal(size=5), np.zeros(5), 4, 999
    )
    exact = enumerate_moments(as_estimator(lambda r, k: torch.ones_like(r), 2), np.arange(5.0), np.zeros(5), 4)
    assert exact.is_null
    assert found.nsr > 100 or math.isinf(found.nsr)
    zero = monte_carlo_moments(as_estimator(lambda r, k: 0 * r, 2), np.arange(5.0), np.zeros(5), 4, 50)
    assert (zero.nsr, zero.cosine, zero.b95, zero.centring) == (math.inf, 0.0, math.inf, 0.0)
    assert zero.standard_error("b95") == math.inf


def test_enough_groups_are_taken_by_default():
    rewards, logits = bandit(300, "enough")
    found = paired_moments([get_estimator("ei", 4), get_estimator("ei_l2o", 4)], rewards, logits, 16)
    assert all(each.has_enough_groups for each in found)
    assert found[0].num_groups >= max(1000, 50 * max(each.nsr for each in found))
    assert found[0].num_groups == found[1].num_groups
    capped = monte_carlo_moments(as_estimator(lambda r, k: 0 * r, 2), rewards, logits, 16, max_groups=1500)
    assert capped.num_groups == 1500
    assert not capped.has_enough_groups
    assert (required_groups(1.0), required_groups(100.0)) == (1000.0, 5000.0)


def test_bias_curve_is_the_prefix_of_one_stream():
    rewards, logits = bandit(20, "curve")
    estimator = get_estimator("ei_l1o", k=4)
    curve = bias_curve(estimator, rewards, logits, 8, [1000, 10, 100], seed=6)
    np.testing.assert_array_equal(curve.num_groups, [10, 100, 1000])
    for index, groups in enumerate((10, 100, 1000)):
        alone = monte_carlo_moments(estimator, rewards, logits, 8, groups, seed=6)
        assert curve.bias[index] == pytest.approx(alone.bias, rel=1e-10)
        assert curve.total_variance[index] == pytest.approx(alone.total_variance, rel=1e-10)


def test_bias_falls_with_the_root_of_batches_for_ei_and_stops_for_ei_l1o():
    """Bias(M)^2 has expectation bias^2 + V/M; each point is within a factor 4 of its root (chi-square tails < 1e-9)."""
    rewards, logits = bandit(6, "limit")
    for name in ("ei", "ei_l1o"):
        exact = enumerate_moments(get_estimator(name, k=2), rewards, logits, 6)
        curve = bias_curve(get_estimator(name, k=2), rewards, logits, 6, [100, 40_000], seed=8)
        for groups, bias in zip(curve.num_groups, curve.bias, strict=True):
            assert bias < 4 * exact.bias_after(groups)
        if name == "ei_l1o":
            assert curve.bias[-1] == pytest.approx(exact.bias, rel=0.1)
            assert exact.bias > 5 * math.sqrt(exact.total_variance / 40_000)


def test_memory_does_not_grow_with_groups_times_arms():
    """2 million samples of 10^4 arms; a dense array of all estimates would take 5 GB."""
    rewards, logits = bandit(10_000, "memory")
    estimator = get_estimator("ei_l2o", k=4)
    tracemalloc.start()
    found = monte_carlo_moments(estimator, rewards, logits, 32, 64_000, seed=1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.num_groups * 32 > 4 * CHUNK_SAMPLES
    assert peak < 120e6


def test_segments_do_not_change_the_stream():
    rewards, logits = bandit(7, "segments")
    instance, estimator = BanditInstance.of(rewards, logits), get_estimator("ei", k=2)
    whole, parts = (sample_segments([estimator], instance, 4, sizes, 3)[0] for sizes in ([100], [30, 1, 69]))
    np.testing.assert_allclose((parts.sizes / 100) @ parts.mean, whole.mean[0], atol=1e-14)
    assert (parts.sizes / 100) @ parts.square == pytest.approx(whole.square[0])
    joined = MonteCarloMoments.from_segments(parts.select(slice(0, 2)), instance.gradient(2))
    assert joined.num_groups == 31


def test_estimates_as_json():
    rewards, logits = bandit(5, "json")
    data = monte_carlo_moments(get_estimator("grpo", 2), rewards, logits, 4, 100).to_dict()
    assert data["num_groups"] == 100
    assert json.loads(json.dumps(data, allow_nan=False))["total_variance_se"] > 0


def test_bad_input_raises_at_the_door():
    rewards, logits = bandit(5, "bad")
    with pytest.raises(ValueError, match="at least 10, got 9"):
        monte_carlo_moments(get_estimator("ei", 2), rewards, logits, 4, 9)
    for counts in ([], [1, 10], [10, 10]):
        with pytest.raises(ValueError, match="different numbers"):
            bias_curve(get_estimator("ei", 2), rewards, logits, 4, counts)
    with pytest.raises(ValueError, match="ei_l2o"):
        monte_carlo_moments(get_estimator("ei_l2o", 4), rewards, logits, 4, 100)
    with pytest.raises(CertificateError, match="not finite"):
        monte_carlo_moments(as_estimator(lambda r, k: r / 0, 2, name="inf"), rewards, logits, 4, 100)
