from dataclasses import replace

import numpy as np
import pytest

from maxpo_bench.leaderboard.noise import (
    CAP,
    BlockSums,
    bootstrap_weights,
    jackknife_columns,
    jackknife_weights,
    log_ratios,
    measure,
    noise_metrics,
)
from maxpo_bench.leaderboard.submission import Metadata, built_in, from_function
from maxpo_bench.leaderboard.suite import SUITES, Instance
from maxpo_bench.moments import enumerate_moments

SUITE = replace(SUITES.get("quick"), num_groups=32000)
SMALL = Instance("gaussian", 5, 3, 0, 4, 11)
ONES = np.ones((1, SUITE.num_blocks))


@pytest.mark.parametrize(
    ("name", "kind"), [("ei", "exact"), ("all_subsets_centered", "proportional"), ("grpo", "biased")]
)
def test_metrics_equal_exact_enumeration_within_noise(name, kind):
    """Bounds are 6 standard errors of the jackknife: false alarm below 1e-6 for all three together."""
    sums = measure(built_in(name), kind, SUITE, SMALL)
    exact = enumerate_moments(built_in(name).build(SMALL.k), *SMALL.bandit(), SMALL.n)
    found = noise_metrics(sums, jackknife_weights(SUITE.num_blocks))
    for metric, expected in (("nsr", exact.nsr), ("variance", exact.total_variance)):
        values = getattr(found, metric)
        error = np.sqrt((SUITE.num_blocks - 1) * np.var(values[1:]))
        assert abs(values[0] - expected) < 6 * error
        assert error < 0.1 * expected
    assert found.cos[0] == pytest.approx(exact.cosine, abs=0.02)


def test_certified_estimators_store_no_gram_and_biased_ones_do():
    assert measure(built_in("ei_l2o"), "exact", SUITE, SMALL).gram is None
    assert np.shape(measure(built_in("grpo"), "biased", SUITE, SMALL).gram) == (SUITE.num_blocks, SUITE.num_blocks)


def test_proportional_constant_is_that_of_theory():
    n, k = SMALL.n, SMALL.k
    sums = measure(built_in("all_subsets_centered"), "proportional", SUITE, SMALL)
    factor = k / n if built_in("all_subsets_centered").metadata.scale == "K/n" else 1.0
    assert sums.constant == pytest.approx(factor * k * (n - k) / n**2 * n / k, rel=1e-9)


def test_what_an_estimator_is_not_defined_for_is_none():
    assert measure(built_in("passk_analytic_std"), "biased", SUITE, SMALL) is None
    assert measure(built_in("ei_l2o"), "exact", SUITE, replace(SMALL, n=3)) is None
    binary = replace(SMALL, family="binary")
    assert measure(built_in("passk_analytic_std"), "biased", SUITE, binary) is not None


def test_entries_see_the_same_groups():
    """A rescaled copy has the same B95 to rounding, not only within noise."""
    copy = from_function(
        lambda rewards, k: 1e-9 * built_in("ei_l2o").build(k)(rewards), Metadata(name="copy"), digest="0"
    )
    ours = [measure(copy, "proportional", SUITE, SMALL)]
    reference = [measure(built_in("ei_l2o"), "exact", SUITE, SMALL)]
    logs = log_ratios(ours, reference, "b95", lambda name, blocks: bootstrap_weights(name, blocks, 50))
    assert np.abs(logs).max() < 1e-6


def synthetic(rng, mean, blocks=16, per_block=200, noise=1.0, truth=None):
    """Block sums of independent normal vectors with a known mean."""
    truth = mean if truth is None else truth
    draws = mean + noise * rng.standard_normal((blocks, per_block, len(mean)))
    sums = draws.sum(1)
    return BlockSums(
        "synthetic",
        blocks * per_block,
        float(truth @ truth),
        None,
        (draws**2).sum((1, 2)).tolist(),
        (sums @ truth).tolist(),
        (sums @ sums.T).tolist(),
    )


def test_squared_norm_is_corrected_for_noise():
    """Mean of 1 / NSR over 4000 draws of 64 groups: 0.1 within 6 standard errors; uncorrected it would be 0.116."""
    rng = np.random.default_rng(8)
    mean = np.zeros(20)
    mean[0] = np.sqrt(2.0)
    inverse = [1 / noise_metrics(synthetic(rng, mean, per_block=4), ONES).nsr[0] for _ in range(4000)]
    error = np.std(inverse) / np.sqrt(len(inverse))
    assert abs(np.mean(inverse) - 0.1) < 6 * error
    assert 6 * error < 0.01


def test_cosine_is_corrected_for_noise():
    """Angle of 60 degrees: the mean cosine of 2000 draws is 0.5 within 6 standard errors."""
    rng = np.random.default_rng(12)
    mean, truth = np.array([1.0, np.sqrt(3.0), 0.0, 0.0]), np.array([1.0, 0.0, 0.0, 0.0])
    cosines = [noise_metrics(synthetic(rng, mean, per_block=20, truth=truth), ONES).cos[0] for _ in range(2000)]
    error = np.std(cosines) / np.sqrt(len(cosines))
    assert abs(np.mean(cosines) - 0.5) < 6 * error + 1e-3


def test_wrong_direction_is_never_solved():
    rng = np.random.default_rng(9)
    metrics = noise_metrics(synthetic(rng, np.array([1.0, 0.0]), truth=np.array([-1.0, 0.0])), ONES)
    assert np.isinf(metrics.b95[0])
    assert metrics.cos[0] < 0


def test_infinite_b95_counts_as_the_cap():
    rng = np.random.default_rng(10)
    wrong = synthetic(rng, np.array([1.0, 0.0]), truth=np.array([-1.0, 0.0]))
    right = synthetic(rng, np.array([1.0, 0.0]))
    logs = log_ratios([wrong], [right], "b95", lambda name, blocks: ONES)
    assert np.exp(logs[0]) == pytest.approx(CAP)
    assert log_ratios([wrong], [right], "variance", lambda name, blocks: ONES) is None
    assert log_ratios([None], [right], "b95", lambda name, blocks: ONES) is None


def test_pseudo_values_average_to_the_estimate_and_are_paired():
    rng = np.random.default_rng(11)
    first, second = (synthetic(rng, np.array([1.0, 0.5])) for _ in range(2))
    columns = jackknife_columns([first], [second])
    plain = log_ratios([first], [second], "b95", lambda name, blocks: ONES)
    assert columns.shape == (16,)
    assert columns.mean() == pytest.approx(plain[0], abs=0.02)
    assert np.abs(jackknife_columns([first], [first])).max() < 1e-12
