"""Intervals of pass@k: what they are made of, how often they hold the truth, on what they do not depend."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maxpo_bench import stats
from maxpo_bench.evaluation import doubling_ks, estimate_curves, pass_at_k
from maxpo_bench.evaluation.curves import PerProblem

KS = (1, 4, 16)


def part(problems, seed, ks=KS):
    rng = np.random.default_rng(seed)
    return PerProblem(ks, pass_at_k(16, rng.binomial(16, rng.random(problems)), ks))


def limits(points):
    return np.array([[point.low, point.estimate, point.high] for point in points])


def test_each_interval_is_the_bootstrap_of_the_mean_over_problems():
    # by 20000 resamples a limit is known to 0.02 standard errors of the mean, five times that is allowed
    values = part(80, 1)
    curve = estimate_curves({"a": values}, seed=3, confidence=0.9, resamples=20_000).benchmarks["a"]
    for column, point in enumerate(curve):
        one = values.values[:, column]
        reference = stats.bootstrap_mean_interval(one, np.random.default_rng(4), confidence=0.9, resamples=20_000)
        error = one.std() / np.sqrt(len(one))
        assert point.k == KS[column]
        assert point.estimate == pytest.approx(reference.estimate, abs=1e-15)
        assert point.low == pytest.approx(reference.low, abs=0.1 * error)
        assert point.high == pytest.approx(reference.high, abs=0.1 * error)


def test_intervals_hold_the_truth_as_often_as_documented():
    # six standard deviations of 1200 repetitions are 5.2 of their difference to the documented shares, which are of
    # 4000 repetitions: a false alarm in any of the 3 cases has a probability below 6e-7
    repetitions, held = 1200, np.zeros(len(KS))
    rng = np.random.default_rng(12)
    for repetition in range(repetitions):
        values = pass_at_k(16, rng.binomial(16, rng.random(100)), KS)
        points = estimate_curves({"a": PerProblem(KS, values)}, seed=repetition, resamples=300).benchmarks["a"]
        held += [point.low <= 1 - 1 / (point.k + 1) <= point.high for point in points]
    documented = np.array([0.942, 0.937, 0.915])
    allowed = 6 * np.sqrt(documented * (1 - documented) / repetitions)
    assert (np.abs(held / repetitions - documented) < allowed).all()


def test_paired_differences_are_narrower_than_the_curves_they_are_of():
    rng = np.random.default_rng(2)
    rates = rng.random(200)
    first, second = (pass_at_k(64, rng.binomial(64, rate), KS) for rate in (rates, rates**1.1))
    single = limits(estimate_curves({"a": PerProblem(KS, first)}, seed=0).benchmarks["a"])
    difference = limits(estimate_curves({"a": PerProblem(KS, first - second)}, seed=0).benchmarks["a"])
    np.testing.assert_allclose(difference[:, 1], (first - second).mean(axis=0))
    assert difference[0, 2] - difference[0, 0] < 0.3 * (single[0, 2] - single[0, 0])


def test_averages_weigh_problems_or_benchmarks():
    parts = {"a": part(40, 1), "b": part(10, 2), "c": part(50, 3)}
    curves = estimate_curves(parts, seed=0)
    means = np.stack([parts[name].values.mean(axis=0) for name in "abc"])
    np.testing.assert_allclose([point.estimate for point in curves.task_average], means.mean(axis=0))
    np.testing.assert_allclose([point.estimate for point in curves.problem_average], [0.4, 0.1, 0.5] @ means)


def test_averages_resample_within_benchmarks():
    # two constant benchmarks that differ: only resampling across them would give their average a width
    parts = {name: PerProblem((1,), np.full((30, 1), value)) for name, value in (("a", 0.25), ("b", 0.75))}
    (point,) = estimate_curves(parts, seed=0).task_average
    assert (point.low, point.estimate, point.high) == (0.5, 0.5, 0.5)


def test_the_width_of_the_task_average_is_that_of_independent_benchmarks():
    parts = {"a": part(400, 1), "b": part(100, 2)}
    (point, *_) = estimate_curves(parts, seed=0, resamples=20_000).task_average
    variance = sum(values.values[:, 0].var() / len(values.values) / 4 for values in parts.values())
    assert (point.high - point.low) / 2 == pytest.approx(1.96 * np.sqrt(variance), rel=0.05)


def test_benchmarks_may_differ_in_k():
    curves = estimate_curves({"a": part(40, 1, (1, 2, 4)), "b": part(40, 1, (1, 4, 16))}, seed=0)
    assert [point.k for point in curves.benchmarks["b"]] == [1, 4, 16]
    assert [point.k for point in curves.task_average] == [1, 4]
    assert [point.k for point in curves.problem_average] == [1, 4]
    second = np.mean([part(40, 1, (4,)).values.mean()])
    assert curves.task_average[1].estimate == pytest.approx(second)


def test_one_benchmark_has_no_averages():
    curves = estimate_curves({"a": part(40, 1)}, seed=0)
    assert curves.task_average == curves.problem_average == ()


def test_one_problem_has_no_interval_nor_has_an_average_that_holds_it():
    curves = estimate_curves({"a": part(40, 1), "b": part(1, 2)}, seed=0)
    assert {(point.low, point.high) for point in curves.benchmarks["b"]} == {(None, None)}
    assert {(point.low, point.high) for point in curves.task_average} == {(None, None)}
    assert curves.benchmarks["a"][0].low is not None
    assert curves.benchmarks["b"][0].to_dict() == {
        "k": 1,
        "estimate": part(1, 2).values[0, 0],
        "low": None,
        "high": None,
    }


def test_the_seed_alone_decides():
    parts = {"a": part(40, 1), "b": part(30, 2)}
    assert estimate_curves(parts, seed=5) == estimate_curves(parts, seed=5)
    assert estimate_curves(parts, seed=5) != estimate_curves(parts, seed=6)
    assert estimate_curves(parts, seed=5).benchmarks["a"] == estimate_curves({"a": parts["a"]}, seed=5).benchmarks["a"]
    assert estimate_curves(dict(reversed(parts.items())), seed=5) == estimate_curves(parts, seed=5)


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 30), st.integers(0, 100), st.randoms(use_true_random=False))
def test_the_order_of_problems_does_not_matter(problems, seed, random):
    values = part(problems, seed)
    order = list(range(problems))
    random.shuffle(order)
    first = estimate_curves({"a": values}, seed=1, resamples=50).benchmarks["a"]
    second = estimate_curves({"a": PerProblem(KS, values.values[order])}, seed=1, resamples=50).benchmarks["a"]
    np.testing.assert_allclose(limits(first), limits(second), atol=1e-15)


def test_many_different_values_are_resampled_in_pieces(monkeypatch):
    values = PerProblem((1,), np.random.default_rng(0).random((500, 1)))
    whole = estimate_curves({"a": values}, seed=1, resamples=100)
    monkeypatch.setattr("maxpo_bench.evaluation.curves._MOST_AT_ONCE", 3500)
    assert estimate_curves({"a": values}, seed=1, resamples=100) == whole


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"confidence": 1.0}, r"confidence must be in \(0, 1\), got 1.0"),
        ({"confidence": float("nan")}, r"confidence must be in \(0, 1\), got nan"),
        ({"resamples": 0}, "resamples must be at least 1, got 0"),
    ],
)
def test_wrong_options_raise(options, words):
    with pytest.raises(ValueError, match=words):
        estimate_curves({"a": part(5, 1)}, seed=0, **options)


def test_no_benchmarks_raise():
    with pytest.raises(ValueError, match="no benchmarks"):
        estimate_curves({}, seed=0)


@pytest.mark.parametrize(
    ("largest", "ks"), [(1, (1,)), (2, (1, 2)), (8, (1, 2, 4, 8)), (300, (1, 2, 4, 8, 16, 32, 64, 128, 256, 300))]
)
def test_ks_double_up_to_the_number_of_samples(largest, ks):
    assert doubling_ks(largest) == ks
