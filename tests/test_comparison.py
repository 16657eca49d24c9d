"""Probability of improvement, profiles and gaps: by hand, against SciPy's tests, by their invariants, by coverage.

The number of data sets whose interval holds the true value is binomial; with the coverage stated in each test, a count
outside the bounds has probability < 1e-7.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from maxpo_bench.comparison import mean_score, optimality_gap, performance_profile, probability_of_improvement
from maxpo_bench.seeding import derive_seed
from maxpo_bench.stats import bootstrap_mean_interval, iqm_interval

ALARM = 1e-7
FEW = {"resamples": 20}


def generator(*path: str | int) -> np.random.Generator:
    return np.random.default_rng(derive_seed(20260602, *path))


def poi(x, y) -> float:
    return probability_of_improvement(x, y, generator("poi"), **FEW).estimate


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        ([3, 4], [1, 2], 1.0),
        ([1, 2], [3, 4], 0.0),
        ([1, 3], [2, 2], 0.5),
        ([1, 1], [1, 1], 0.5),
        ([2, 5], [1, 2, 4], (1 + 0.5 + 3) / 6),
        ([[3, 4], [1, 3]], [[1, 2], [2, 2]], 0.75),
        ([[3, 4, 5], [0, 0]], [[1, 2], [1, 1, 1, 1]], 0.5),
    ],
)
def test_probability_of_improvement_by_hand(x, y, expected):
    """Pairs won, and half of those drawn, over all pairs; averaged over tasks whatever their numbers of runs."""
    assert poi(x, y) == pytest.approx(expected, abs=1e-15)


runs = st.lists(st.integers(-5, 5), min_size=2, max_size=7)
tasks = st.lists(st.tuples(runs, runs), min_size=1, max_size=4)


@given(tasks)
@settings(deadline=None, max_examples=60)
def test_probability_of_improvement_is_the_mean_of_mann_whitneys_u(pairs):
    x, y = zip(*pairs, strict=True)
    shares = [scipy_stats.mannwhitneyu(a, b).statistic / (len(a) * len(b)) for a, b in pairs]
    assert poi(x, y) == pytest.approx(np.mean(shares), abs=1e-12)
    assert poi(x, y) + poi(y, x) == pytest.approx(1.0, abs=1e-12)


@given(tasks)
@settings(deadline=None, max_examples=30)
def test_increasing_maps_of_each_tasks_scores_change_nothing(pairs):
    x, y = zip(*pairs, strict=True)
    maps = [np.exp, np.arctan, lambda v: 3 * np.asarray(v) ** 3 - 7, lambda v: np.asarray(v) / 10]
    mapped = [[f(np.asarray(v, float)) for f, v in zip(maps, side, strict=False)] for side in (x, y)]
    plain = probability_of_improvement(x, y, generator("map"), resamples=50)
    assert probability_of_improvement(*mapped, generator("map"), resamples=50) == plain


def test_wins_are_resampled_within_tasks():
    """Task 0 is always won, task 1 always lost: the resamples, stratified, all give one half."""
    interval = probability_of_improvement([[5, 6, 7], [1, 2, 3]], [[1, 2, 3], [5, 6, 7]], generator("strata"))
    assert (interval.low, interval.estimate, interval.high) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize("size", [10, 30])
def test_intervals_of_the_probability_of_improvement_cover_the_true_one(size):
    """Normal scores on three tasks, P = Phi(shift / sqrt 2); the percentile bootstrap covers between .90 and .985."""
    rng = generator("coverage", size)
    shifts = np.array([[0.0], [0.5], [1.0]])
    truth = scipy_stats.norm.cdf(shifts / np.sqrt(2)).mean()
    trials = 400
    hits = sum(
        truth
        in probability_of_improvement(
            rng.normal(shifts, 1.0, (3, size)), rng.normal(size=(3, size)), rng, resamples=400
        )
        for _ in range(trials)
    )
    assert scipy_stats.binom.ppf(ALARM, trials, 0.90) <= hits <= scipy_stats.binom.isf(ALARM, trials, 0.985)


def test_the_interval_is_the_percentile_of_resampled_statistics():
    rng = generator("percentile data")
    x, y = rng.normal(0.5, 1.0, (2, 12)), rng.normal(size=(2, 9))
    interval = probability_of_improvement(x, y, generator("a"), confidence=0.8, resamples=8000)
    other = generator("b")
    drawn = [
        np.mean(
            [(other.choice(a, a.size)[:, None] > other.choice(b, b.size)).mean() for a, b in zip(x, y, strict=True)]
        )
        for _ in range(4000)
    ]
    assert (interval.low, interval.high) == pytest.approx(tuple(np.quantile(drawn, [0.1, 0.9])), abs=0.02)


def test_mean_score_weighs_tasks_not_runs():
    interval = mean_score([[0.0] * 8, [1.0, 3.0]], generator("mean"))
    assert interval.estimate == 1.0
    assert (interval.low, interval.high) == (0.5, 1.5)
    values = generator("one task").normal(size=20)
    assert mean_score(values, generator("same")) == bootstrap_mean_interval(values, generator("same"))


def test_optimality_gap_by_hand():
    scores = [[0.5, 1.5], [0.8, 0.9, 1.0, 2.0]]
    assert optimality_gap(scores, generator("gap")).estimate == pytest.approx((0.25 + 0.3 / 4) / 2)
    assert optimality_gap(scores, generator("gap"), target=0.5).estimate == 0.0
    assert optimality_gap(scores, generator("gap"), target=3.0).estimate == pytest.approx((2.0 + 1.825) / 2)


def test_profile_by_hand():
    scores = [[0.1, 0.2, 0.3, 0.4], [0.3, 0.9]]
    profile = performance_profile(scores, [0.0, 0.1, 0.25, 0.3, 0.5, 0.9], generator("profile"))
    np.testing.assert_allclose(profile.share, [1.0, (3 / 4 + 1) / 2, (2 / 4 + 1) / 2, (1 / 4 + 1 / 2) / 2, 0.25, 0.0])
    assert profile.confidence == 0.95
    assert (profile.low[0], profile.high[0], profile.low[-1], profile.high[-1]) == (1.0, 1.0, 0.0, 0.0)


@given(st.lists(runs, min_size=1, max_size=3), st.lists(st.integers(-6, 6), min_size=1, max_size=9))
@settings(deadline=None, max_examples=30)
def test_profiles_fall_from_one_to_zero_between_their_limits(scores, thresholds):
    levels = [-6, *sorted(thresholds), 6]
    profile = performance_profile(scores, levels, generator("falls"), resamples=50)
    assert profile.share[0] == 1.0
    assert profile.share[-1] == 0.0
    for curve in (profile.share, profile.low, profile.high):
        assert (np.diff(curve) <= 1e-15).all()
        assert ((curve >= 0.0) & (curve <= 1.0)).all()
    assert (profile.low <= profile.high).all()


def test_pointwise_bands_cover_the_true_share_at_one_threshold():
    """Uniform scores, twenty runs on two tasks: P(score > .4) = .6; the true coverage is above .90, below .99."""
    rng = generator("profile coverage")
    trials = 400
    hits = 0
    for _ in range(trials):
        profile = performance_profile(rng.random((2, 20)), [0.4], rng, resamples=400)
        hits += profile.low[0] <= 0.6 <= profile.high[0]
    assert scipy_stats.binom.ppf(ALARM, trials, 0.90) <= hits <= scipy_stats.binom.isf(ALARM, trials, 0.99)


def test_batches_of_resamples_change_nothing(monkeypatch):
    scores = generator("batches").random((2, 10))
    whole = performance_profile(scores, [0.2, 0.5], generator("same"))
    monkeypatch.setattr("maxpo_bench.comparison._BATCH_VALUES", 1000)
    parts = performance_profile(scores, [0.2, 0.5], generator("same"))
    assert whole.share.tolist() == parts.share.tolist()
    np.testing.assert_allclose(whole.low, parts.low, atol=0.051)


def test_one_seed_gives_one_interval_and_another_another():
    x, y = generator("x").normal(size=(2, 3, 15))
    first, again, other = (probability_of_improvement(x, y, generator(name)) for name in ("one", "one", "two"))
    assert first == again
    assert (first.low, first.high) != (other.low, other.high)


def test_profile_and_interquartile_mean_tell_of_the_same_resamples():
    """Both stratify: with the runs of a task all alike, neither has any width."""
    scores = [[0.2] * 5, [0.7] * 5]
    profile = performance_profile(scores, [0.1, 0.5, 0.8], generator("alike"))
    assert profile.low.tolist() == profile.high.tolist() == [1.0, 0.5, 0.0]
    interval = iqm_interval(scores, generator("alike"))
    assert interval.low == interval.high


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda g: probability_of_improvement([[1, 2]], [[1, 2], [3, 4]], g), "same tasks, got 1 and 2 tasks"),
        (lambda g: probability_of_improvement([[1, 2], [3]], [[1, 2]] * 2, g), r"x: task 1 needs .* got shape \[1\]"),
        (lambda g: probability_of_improvement([1, 2], [1, np.nan], g), "y: task 0 has a score that is not finite"),
        (lambda g: mean_score(3.0, g), "at least 2 runs"),
        (lambda g: mean_score([[[1, 2], [3, 4]]], g), r"got shape \[2, 2\]"),
        (lambda g: mean_score([1, 2], g, confidence=1.0), r"confidence must be in \(0, 1\)"),
        (lambda g: mean_score([1, 2], g, resamples=0), "resamples must be at least 1"),
        (lambda g: performance_profile([1, 2], [1, 0], g), "ascending order"),
        (lambda g: performance_profile([1, 2], [], g), "at least one"),
        (lambda g: performance_profile([1, 2], [np.inf], g), "finite"),
    ],
)
def test_wrong_scores_are_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call(generator("wrong"))
