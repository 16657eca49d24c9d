"""Intervals and aggregates. Coverage tests draw many data sets from a fixed seed.

The number of data sets whose interval holds the true value is binomial; with the coverage stated in each test, a count
below the bound has probability < 1e-7.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats as scipy_stats

from maxpo_bench.seeding import derive_seed
from maxpo_bench.stats import (
    Interval,
    RankInterval,
    _simultaneous_differences,
    bootstrap_mean_interval,
    iqm,
    iqm_interval,
    joint_rank_intervals,
    mean_interval,
    ratio_of_means_interval,
)

ALARM = 1e-7


def generator(*path: str | int) -> np.random.Generator:
    return np.random.default_rng(derive_seed(20260601, *path))


def fewest_hits(trials: int, coverage: float) -> int:
    """Hits that a binomial with this coverage falls below with probability < ALARM."""
    return int(scipy_stats.binom.ppf(ALARM, trials, coverage))


def most_hits(trials: int, coverage: float) -> int:
    return int(scipy_stats.binom.isf(ALARM, trials, coverage))


def test_t_interval_equals_scipys_t_test():
    values = generator("t").normal(size=9)
    interval = mean_interval(values, confidence=0.9)
    reference = scipy_stats.ttest_1samp(values, 0.0).confidence_interval(0.9)
    assert interval.estimate == pytest.approx(values.mean())
    assert (interval.low, interval.high) == pytest.approx((reference.low, reference.high), rel=1e-12)


def test_t_interval_covers_the_mean_of_few_normal_values_in_exactly_95_percent():
    rng = generator("t coverage")
    trials = 4000
    hits = sum(3.0 in mean_interval(rng.normal(3.0, 2.0, size=5)) for _ in range(trials))
    assert fewest_hits(trials, 0.95) <= hits <= most_hits(trials, 0.95)


def test_bootstrap_mean_interval_is_the_percentile_of_resampled_means():
    values = generator("percentile").normal(size=12)
    interval = bootstrap_mean_interval(values, generator("a"), resamples=4000)
    means = generator("b").choice(values, size=(20_000, 12)).mean(axis=1)
    assert (interval.low, interval.high) == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])), abs=0.05)


@pytest.mark.parametrize("kind", ["bootstrap mean", "iqm", "ratio of means"])
def test_bootstrap_intervals_cover_the_true_value(kind: str):
    """True coverage of the percentile bootstrap at these sizes is above 0.91 and below 0.99."""
    rng = generator("coverage", kind)
    trials, size = 300, 40
    hits = 0
    for _ in range(trials):
        first, second = rng.lognormal(0.5, 0.4, size=size), rng.lognormal(0.0, 0.4, size=size)
        if kind == "bootstrap mean":
            hits += np.exp(0.5 + 0.08) in bootstrap_mean_interval(first, rng, resamples=500)
        elif kind == "iqm":
            hits += 1.0 in iqm_interval(rng.normal([[0.0], [2.0]], 1.0, size=(2, size)), rng, resamples=500)
        else:
            hits += np.exp(0.5) in ratio_of_means_interval(first, second, rng, resamples=500)
    assert fewest_hits(trials, 0.91) <= hits <= most_hits(trials, 0.99)


def test_pairing_narrows_the_interval_of_a_ratio():
    rng = generator("pairing")
    shared = rng.lognormal(0.0, 2.0, size=60)
    top, bottom = 1.3 * shared * rng.lognormal(0.0, 0.01, size=60), shared
    interval = ratio_of_means_interval(top, bottom, rng)
    assert interval.high / interval.low < 1.02
    assert 1.25 < interval.low < interval.estimate < interval.high < 1.35


@pytest.mark.parametrize(
    ("values", "expected"),
    [([1, 2, 3, 4], 2.5), ([5], 5.0), ([-100, 0, 1, 2, 3, 4, 50, 1000], 2.5), ([[0, 1], [2, 9]], 1.5)],
)
def test_iqm_drops_a_quarter_on_either_side(values: list, expected: float):
    assert iqm(values) == pytest.approx(expected)


def test_iqm_interval_resamples_within_tasks():
    """Two tasks far apart: resampling runs across tasks would move the estimate by far more than this."""
    rng = generator("strata")
    scores = np.stack([rng.normal(0.0, 0.1, size=20), rng.normal(100.0, 0.1, size=20)])
    interval = iqm_interval(scores, rng)
    assert interval.estimate == pytest.approx(iqm(scores))
    assert interval.high - interval.low < 1.0


@pytest.mark.parametrize("best", ["low", "high"])
def test_entries_far_apart_get_their_own_rank(best: str):
    rng = generator("far", best)
    columns = rng.normal(0.0, 5.0, size=30)
    scores = np.array([3.0, 1.0, 2.0])[:, None] + columns + rng.normal(0.0, 0.05, size=(3, 30))
    ranks = joint_rank_intervals(scores, rng, best=best)
    assert [str(rank) for rank in ranks] == (["3", "1", "2"] if best == "low" else ["1", "3", "2"])


def test_identical_entries_share_all_their_ranks():
    row = generator("equal").normal(size=10)
    ranks = joint_rank_intervals(np.stack([row, row, row + 1.0]), generator("equal", 2))
    assert [str(rank) for rank in ranks] == ["1-2", "1-2", "3"]


def test_noise_that_hides_the_order_gives_wide_ranks():
    rng = generator("wide")
    ranks = joint_rank_intervals(np.array([0.0, 0.01, 0.02])[:, None] + rng.normal(size=(3, 8)), rng)
    assert ranks == [RankInterval(1, 3)] * 3


def test_rank_intervals_hold_all_true_ranks_jointly_even_under_ties():
    """Four entries, two of them truly tied; joint coverage of the studentised bootstrap is above 0.92 here."""
    rng = generator("ranks")
    trials, hits = 250, 0
    true_means = np.array([0.0, 0.5, 0.5, 1.0])
    spans = [RankInterval(1, 1), RankInterval(2, 3), RankInterval(2, 3), RankInterval(4, 4)]
    for _ in range(trials):
        shared = rng.normal(size=25)
        scores = true_means[:, None] + shared + rng.standard_t(6, size=(4, 25))
        ranks = joint_rank_intervals(scores, rng, resamples=400)
        hits += all(rank.low <= span.low and span.high <= rank.high for rank, span in zip(ranks, spans, strict=True))
    assert hits >= fewest_hits(trials, 0.92)


def test_differences_have_their_standard_error():
    differences = generator("standard error").normal(size=(4, 7))
    mean, error, critical = _simultaneous_differences(differences, generator("critical"), 0.95, 4000)
    np.testing.assert_allclose(mean, differences.mean(axis=1))
    np.testing.assert_allclose(error, scipy_stats.sem(differences, axis=1))
    single = _simultaneous_differences(differences[:1], generator("critical"), 0.95, 4000)[2]
    assert critical > single > scipy_stats.t.ppf(0.95, 6)


def test_one_entry_ranks_first():
    assert joint_rank_intervals([[0.3, 0.4]], generator("one")) == [RankInterval(1, 1)]


def test_two_columns_can_separate_nobody():
    assert joint_rank_intervals([[0.0, 0.1], [5.0, 5.2]], generator("two")) == [RankInterval(1, 2)] * 2


def test_two_columns_separate_a_constant_difference():
    ranks = joint_rank_intervals([[0.0, 4.0], [1.0, 5.0], [0.5, 9.0]], generator("constant"))
    assert [str(rank) for rank in ranks] == ["1-2", "2-3", "1-3"]


def test_one_seed_gives_one_interval():
    values = generator("seed").normal(size=(3, 12))
    assert bootstrap_mean_interval(values[0], generator(1)) == bootstrap_mean_interval(values[0], generator(1))
    assert joint_rank_intervals(values, generator(1)) == joint_rank_intervals(values, generator(1))


def test_constant_values_have_an_interval_of_no_width():
    for interval in (
        mean_interval([2.0] * 5),
        bootstrap_mean_interval([2.0] * 5, generator(2)),
        iqm_interval([2.0] * 5, generator(2)),
    ):
        assert (interval.low, interval.estimate, interval.high) == (2.0, 2.0, 2.0)


def test_intervals_read_well():
    assert str(Interval(0.5, 1.25, 2.0)) == "1.25 [0.5, 2]"
    assert str(RankInterval(3, 5)) == "3-5"
    assert 4 in RankInterval(3, 5)
    assert 6 not in RankInterval(3, 5)


@pytest.mark.parametrize(
    "call",
    [
        lambda: mean_interval([1.0]),
        lambda: mean_interval([[1.0, 2.0]]),
        lambda: mean_interval([1.0, np.nan]),
        lambda: mean_interval([1.0, 2.0], confidence=1.0),
        lambda: iqm([]),
        lambda: iqm([np.inf]),
        lambda: iqm_interval(np.ones((2, 1)), generator(3)),
        lambda: ratio_of_means_interval([1.0, 2.0], [1.0, 2.0, 3.0], generator(3)),
        lambda: ratio_of_means_interval([1.0, 2.0], [1.0, 0.0], generator(3)),
        lambda: joint_rank_intervals([[1.0, np.inf]], generator(3)),
        lambda: joint_rank_intervals([[1.0, 2.0]], generator(3), best="middle"),  # type: ignore[arg-type]
    ],
)
def test_bad_input_raises_at_the_door(call):
    with pytest.raises(ValueError, match=r"must|needs"):
        call()
