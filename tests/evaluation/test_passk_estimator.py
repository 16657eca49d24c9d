"""pass@k and max@k against enumeration of all subsets, exact fractions and their definitions."""

from fractions import Fraction
from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maxpo_bench.evaluation import exact_pass_at_k, max_at_k, pass_at_k, sampling_error


@st.composite
def counts(draw, largest=3000):
    samples = draw(st.integers(1, largest))
    return samples, draw(st.integers(0, samples)), draw(st.integers(1, samples))


def binomial(n, c, p):
    """Probability of c correct samples of n."""
    return comb(n, c) * p**c * (1 - p) ** (n - c)


def test_it_is_the_share_of_subsets_that_hold_a_correct_sample():
    for n in range(1, 9):
        for c in range(n + 1):
            marks = [1] * c + [0] * (n - c)
            for k in range(1, n + 1):
                subsets = list(combinations(marks, k))
                share = Fraction(sum(map(max, subsets)), len(subsets))
                assert exact_pass_at_k(n, c, k) == share
                assert abs(pass_at_k(n, c, k) - float(share)) < 1e-15


@given(counts())
def test_floats_are_the_exact_fractions(case):
    assert abs(Fraction(float(pass_at_k(*case))) - exact_pass_at_k(*case)) < Fraction(1, 10**15)


@pytest.mark.parametrize(
    ("correct", "k"),
    [(1, 1), (1, 99_999), (316, 316), (224, 224), (2, 50_000), (1000, 100), (99_998, 1), (30_000, 3), (5, 20_000)],
)
def test_a_hundred_thousand_samples_lose_nothing(correct, k):
    exact = exact_pass_at_k(100_000, correct, k)
    assert abs(Fraction(float(pass_at_k(100_000, correct, k))) - exact) < Fraction(1, 10**12)


def test_binomials_beyond_floats_are_no_problem():
    with pytest.raises(OverflowError):
        float(comb(1200, 600))
    exact = exact_pass_at_k(1200, 1, 600)
    assert exact == Fraction(1, 2)
    assert pass_at_k(1200, 1, 600) == pytest.approx(0.5, abs=1e-15)


@given(counts(), st.data())
def test_ends_are_exact(case, data):
    n, c, k = case
    assert pass_at_k(n, 0, k) == 0.0
    assert not np.signbit(pass_at_k(n, 0, k))
    certain = data.draw(st.integers(n - k + 1, n))
    assert pass_at_k(n, certain, k) == 1.0
    assert pass_at_k(n, c, 1) == pytest.approx(c / n, abs=1e-15)


@given(counts(200))
def test_more_draws_and_more_correct_samples_never_lower_it(case):
    n, _, _ = case
    table = pass_at_k(n, np.arange(n + 1), np.arange(1, n + 1))
    assert (np.diff(table, axis=0) >= -1e-15).all()
    assert (np.diff(table, axis=1) >= -1e-15).all()
    assert ((table >= 0) & (table <= 1)).all()


@given(counts(500))
def test_draws_and_correct_samples_may_be_exchanged(case):
    n, c, k = case
    if c:
        assert pass_at_k(n, c, k) == pass_at_k(n, k, c)


@pytest.mark.parametrize("p", [Fraction(1, 10), Fraction(1, 3), Fraction(9, 10)])
def test_it_is_unbiased(p):
    for n in (4, 9):
        for k in range(1, n + 1):
            mean = sum(binomial(n, c, p) * exact_pass_at_k(n, c, k) for c in range(n + 1))
            assert mean == 1 - (1 - p) ** k


def test_looking_at_the_first_k_samples_alone_has_a_several_times_larger_variance():
    n, k, p = 16, 4, Fraction(1, 10)
    mean = 1 - (1 - p) ** k
    square = sum(binomial(n, c, p) * exact_pass_at_k(n, c, k) ** 2 for c in range(n + 1))
    assert 4.5 < float(mean * (1 - mean) / (square - mean**2)) < 4.7


def test_problems_and_draws_are_axes_of_their_own():
    samples = np.array([[8, 16, 8], [32, 8, 300]])
    correct = np.array([[3, 5, 0], [32, 8, 1]])
    table = pass_at_k(samples, correct, [1, 8, 2])
    assert table.shape == (2, 3, 3)
    for at in np.ndindex(2, 3):
        for column, k in enumerate((1, 8, 2)):
            assert table[at][column] == pass_at_k(int(samples[at]), int(correct[at]), k)
    assert pass_at_k(8, [1, 2], 2).shape == (2,)
    assert pass_at_k(8, 3, [1, 2]).shape == (2,)
    assert np.ndim(pass_at_k(8, 3, 2)) == 0


@pytest.mark.parametrize("estimate", [pass_at_k, exact_pass_at_k])
@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (
            (8, 3, 9),
            ValueError,
            r"k=9 needs at least 9 samples of every problem, problem 0 has 8: lower k or draw more",
        ),
        ((8, 9, 1), ValueError, r"num_correct must be in \[0, num_samples\], got 9 of 8 samples of problem 0"),
        ((8, -1, 1), ValueError, "got -1 of 8"),
        ((8, 3, 0), ValueError, "k must be at least 1, got 0"),
        ((8, 3, 2.0), TypeError, "k must be integers, got float64"),
        ((8, True, 2), TypeError, "num_correct must be integers, got bool"),
        ((8.5, 1, 2), TypeError, "num_samples must be integers"),
    ],
)
def test_what_has_no_value_raises(estimate, arguments, error, words):
    with pytest.raises(error, match=words):
        estimate(*arguments)


def test_errors_name_the_problem_of_an_array():
    with pytest.raises(ValueError, match="problem 2 has 4"):
        pass_at_k([16, 8, 4], [0, 0, 0], [1, 5])
    with pytest.raises(ValueError, match="got 9 of 8 samples of problem 1"):
        pass_at_k([16, 8], [0, 9], 1)
    with pytest.raises(ValueError, match="num_correct is empty"):
        pass_at_k(8, [], 1)


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=7))
def test_max_at_k_is_the_mean_of_the_maximum_over_all_subsets(scores):
    ks = list(range(1, len(scores) + 1))
    values = max_at_k(scores, ks)
    for k, value in zip(ks, values, strict=True):
        subsets = [max(subset) for subset in combinations(scores, k)]
        assert value == pytest.approx(float(Fraction(sum(subsets), len(subsets))), abs=1e-13)


@given(counts(300))
def test_max_at_k_of_zeros_and_ones_is_pass_at_k_to_the_last_bit(case):
    n, c, k = case
    scores = np.random.default_rng(0).permutation([1.0] * c + [0.0] * (n - c))
    assert max_at_k(scores, k) == pass_at_k(n, c, k)


@settings(max_examples=30)
@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30), st.floats(0.1, 10), st.floats(-1e3, 1e3), st.data())
def test_max_at_k_follows_shift_and_scale_and_no_order(scores, scale, shift, data):
    k = data.draw(st.integers(1, len(scores)))
    moved = max_at_k(scale * np.array(scores[::-1]) + shift, k)
    assert moved == pytest.approx(scale * max_at_k(scores, k) + shift, abs=1e-7)


def test_max_at_k_from_the_mean_to_the_maximum():
    scores = np.random.default_rng(1).normal(size=(2, 3, 50))
    values = max_at_k(scores, [1, 7, 50])
    assert values.shape == (2, 3, 3)
    np.testing.assert_allclose(values[..., 0], scores.mean(axis=-1), atol=1e-14)
    np.testing.assert_array_equal(values[..., 2], scores.max(axis=-1))
    assert max_at_k(scores, 7).shape == (2, 3)
    np.testing.assert_array_equal(max_at_k(scores, 7), values[..., 1])


def test_a_far_outlier_does_not_blur_the_others():
    assert max_at_k([-1e18, 1.0, 2.0, 3.0], 3) == pytest.approx((3.0 + 3.0 + 3.0 + 2.0) / 4, abs=1e-12)


@pytest.mark.parametrize(
    ("scores", "k", "error", "words"),
    [
        ([1.0, np.nan], 1, ValueError, r"scores must be finite and below 1e\+300: leave samples without a score out"),
        ([1.7e308, -1.7e308], 1, ValueError, "scores must be finite"),
        (3.0, 1, ValueError, r"scores must be \[..., n\] with n >= 1, got shape \[\]"),
        (np.zeros((3, 0)), 1, ValueError, r"got shape \[3, 0\]"),
        ([1.0, 2.0], 3, ValueError, "k=3 needs at least 3 samples"),
        ([1.0, 2.0], 1.5, TypeError, "k must be integers"),
    ],
)
def test_max_at_k_refuses_what_has_no_value(scores, k, error, words):
    with pytest.raises(error, match=words):
        max_at_k(scores, k)


@pytest.mark.parametrize("n", [2, 5])
def test_the_sampling_variance_is_estimated_without_bias(n):
    rates = (Fraction(1, 5), Fraction(2, 3))
    mean = sum(
        float(binomial(n, a, rates[0]) * binomial(n, b, rates[1])) * sampling_error([n, n], [a, b]) ** 2
        for a in range(n + 1)
        for b in range(n + 1)
    )
    assert mean == pytest.approx(float(sum(p * (1 - p) / n for p in rates) / 4), abs=1e-15)


def test_one_sample_says_nothing_of_its_variation():
    assert sampling_error([5, 1], [3, 1]) is None
