"""The best of k draws from a mixture: closed forms, adaptive integration over quantiles, and invariants."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import beta, betaln, gamma, ndtr, stdtr

from maxpo_bench.envs.mixture import NORMAL, Mixture, Normal, StudentT, expected_best

ONE = np.ones(1)


def by_quad(locations, scales, weights, k, cdf, reach):
    """E[max] = b - int_a^b F^k, by scipy's quad between many break points."""
    locations, scales = np.array(locations, dtype=float), np.array(scales, dtype=float)

    def best_is_below(x):
        return float(np.dot(weights, cdf((x - locations) / scales)) ** k)

    points = np.unique(locations[:, None] + scales[:, None] * np.linspace(-reach, reach, 41))
    total = sum(quad(best_is_below, a, b, epsabs=1e-14, epsrel=1e-13)[0] for a, b in itertools.pairwise(points))
    return points[-1] - total


@pytest.mark.parametrize("k", [2, 3, 16, 500])
@pytest.mark.parametrize(
    ("locations", "scales", "weights"),
    [
        ([0.0], [1.0], [1.0]),
        ([0.0, 1.0, 5.0], [0.2, 1.0, 3.0], [0.5, 0.3, 0.2]),
        ([0.0, 10.0], [0.01, 0.3], [0.999, 0.001]),
        ([3.0, 3.0], [0.001, 2.0], [0.6, 0.4]),
    ],
)
def test_normal_mixtures_equal_adaptive_integration(locations, scales, weights, k):
    value = expected_best(np.array(locations), np.array(scales), np.array(weights), k)
    assert value == pytest.approx(by_quad(locations, scales, weights, k, ndtr, 9.0), rel=1e-11)


@pytest.mark.parametrize("k", [2, 5])
def test_mixtures_of_light_students_equal_adaptive_integration(k):
    """With 40 degrees of freedom nothing of a draw lies beyond 40 scales: quad sees all of it."""
    locations, scales, weights = [0.0, 2.0], [1.0, 0.3], [0.8, 0.2]
    value = expected_best(np.array(locations), np.array(scales), np.array(weights), k, StudentT(40.0))
    expected = by_quad(locations, scales, weights, k, lambda z: stdtr(40.0, z), 40.0)
    assert value == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("k", [2, 3, 50])
@pytest.mark.parametrize("df", [1.2, 1.5, 3.0])
def test_mixtures_of_heavy_students_equal_integration_on_a_logarithmic_axis(df, k):
    """With x = e^u - 1 and -x apart, the integrand falls like e^(-(df - 1) u) and is followed until nothing is left."""
    locations, scales, weights = np.array([0.0, 3.0, -1.0]), np.array([1.0, 0.05, 8.0]), np.array([0.4, 0.5, 0.1])

    def integrand(u, sign):
        x = sign * np.expm1(u)
        below, above = (float(weights @ stdtr(df, s * (x - locations) / scales)) for s in (1.0, -1.0))
        share = 1.0 - below ** (k - 1) if below < 0.5 else -np.expm1((k - 1) * np.log1p(-above))
        return np.exp(u) * below * share

    near = np.log1p(np.abs(locations[:, None] + scales[:, None] * np.linspace(-6, 6, 25))).ravel()
    points = np.unique(np.concatenate([[0.0], near, np.arange(3.0, 40.0 / (df - 1), 2.0)]))
    total = sum(
        quad(integrand, a, b, args=(sign,), epsabs=1e-14, epsrel=1e-12)[0]
        for sign in (-1.0, 1.0)
        for a, b in itertools.pairwise(points)
    )
    expected = weights @ locations + total
    assert expected_best(locations, scales, weights, k, StudentT(df)) == pytest.approx(expected, rel=1e-10)


def test_the_best_of_a_few_normals_has_its_closed_form():
    for scale in (1e-6, 1.0, 1e6):
        best = [expected_best(ONE * 2.0, ONE * scale, ONE, k) - 2.0 for k in (1, 2, 3)]
        expected = scale / np.sqrt(np.pi) * np.array([0.0, 1.0, 1.5])
        np.testing.assert_allclose(best, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("df", [1.02, 1.1, 1.5, 2.0, 3.0, 4.5, 10.0, 100.0])
def test_the_best_of_two_students_has_its_closed_form(df):
    """E[max of 2] is half the mean difference, the integral of F (1 - F)."""
    expected = 2 * np.sqrt(df) / (df - 1) * beta(0.5, df - 0.5) / beta(0.5, df / 2) ** 2
    assert expected_best(0 * ONE, ONE, ONE, 2, StudentT(df)) == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("k", [2, 3, 7, 1000])
def test_two_degrees_of_freedom_have_quantiles_in_closed_form(k):
    """With df = 2 the quantile of u is (2u - 1) / sqrt(2u (1 - u)), and E[max] = int quantile k u^(k-1) is gammas."""
    moment = k * (2 * np.exp(betaln(k + 0.5, 0.5)) - np.exp(betaln(k - 0.5, 0.5))) / np.sqrt(2)
    assert expected_best(0 * ONE, ONE, ONE, k, StudentT(2.0)) == pytest.approx(moment, rel=1e-11)


def test_students_become_normal():
    locations, scales, weights = np.array([0.0, 1.0]), np.array([0.5, 0.5]), np.array([0.7, 0.3])
    for k in (2, 8, 64):
        normal = expected_best(locations, scales, weights, k)
        gaps = [expected_best(locations, scales, weights, k, StudentT(df)) - normal for df in (1e4, 1e6, 1e11)]
        assert 0 < gaps[1] < gaps[0] < 1e-2
        assert gaps[0] / gaps[1] == pytest.approx(100.0, rel=0.01)
        assert abs(gaps[2]) < 1e-9


def test_the_best_of_many_students_grows_like_a_power():
    """Extreme values: E[max of k] / (c k^(1/df)) -> Gamma(1 - 1/df), with P(T > x) ~ (c / x)^df."""
    for df in (1.5, 3.0):
        density = gamma((df + 1) / 2) / gamma(df / 2) / np.sqrt(df * np.pi)
        tail = stdtr(df, -1e6) * 1e6**df
        assert tail == pytest.approx(density * df ** ((df + 1) / 2) / df, rel=1e-6)
        c = tail ** (1 / df)
        value = expected_best(0 * ONE, ONE, ONE, 10**7, StudentT(df))
        assert value / (c * 1e7 ** (1 / df)) == pytest.approx(gamma(1 - 1 / df), rel=1e-3)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), k=st.integers(2, 200), is_normal=st.booleans())
def test_it_moves_and_scales_with_the_mixture_and_ignores_what_never_happens(seed, k, is_normal):
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, 8))
    locations, scales = rng.normal(size=size) * 10.0 ** rng.uniform(-2, 2), 10.0 ** rng.uniform(-3, 1, size=size)
    weights, kernel = rng.dirichlet(np.ones(size)), NORMAL if is_normal else StudentT(1.2 + 10 * rng.random())
    value = expected_best(locations, scales, weights, k, kernel)
    gain = value - weights @ locations
    assert gain > 0
    assert expected_best(locations, scales, weights, k + 1, kernel) > value
    moved = expected_best(3.0 * locations + 7.0, 3.0 * scales, weights, k, kernel)
    assert moved == pytest.approx(3.0 * value + 7.0, abs=1e-11 * (gain + np.abs(locations).max() + 7.0))
    order = rng.permutation(size)
    padded = [np.append(part[order], extra) for part, extra in ((locations, 1e3), (scales, 5.0), (weights, 0.0))]
    assert expected_best(*padded, k, kernel) == pytest.approx(value, abs=1e-12 * (gain + np.abs(locations).max()))
    split = [np.tile(locations, 2), np.tile(scales, 2), np.tile(weights, 2)]
    assert expected_best(*split, k, kernel) == pytest.approx(value, abs=1e-12 * (gain + np.abs(locations).max()))


def test_far_apart_components_are_as_good_as_fixed_numbers():
    values, weights = np.array([0.0, 1.0, 50.0]), np.array([0.2, 0.5, 0.3])
    below = np.cumsum(weights)[:-1]
    for k in (2, 9):
        exact = np.diff(values) @ (1 - below**k)
        assert expected_best(values, np.full(3, 1e-9), weights, k) == pytest.approx(exact, abs=1e-8)


def test_large_mixtures_are_summed_in_blocks(rng):
    """Ten thousand components of two kinds are two, though no matrix of all nodes and components is ever made."""
    is_second, weights = np.arange(10_000) >= 4_000, rng.dirichlet(np.ones(10_000))
    locations, scales = np.where(is_second, 1.0, 0.0), np.where(is_second, 0.5, 1.0)
    two = [np.array([0.0, 1.0]), np.array([1.0, 0.5]), np.array([weights[~is_second].sum(), weights[is_second].sum()])]
    for kernel in (NORMAL, StudentT(3.0)):
        assert expected_best(locations, scales, weights, 5, kernel) == pytest.approx(
            expected_best(*two, 5, kernel), rel=1e-12
        )


@pytest.mark.parametrize("kernel", [Normal(), StudentT(1.3), StudentT(3.0), StudentT(1e8)])
def test_kernels_know_their_tails(kernel):
    def above(x, z):  # with x = y / (1 + y), integrated over y > 0
        return float(kernel.below(np.array(-z - x / (1 - x)))) / (1 - x) ** 2

    for z in (0.1, 1.0, 3.0):
        excess = quad(above, 0, 1, args=(z,), epsabs=1e-12)[0]
        assert float(kernel.excess(np.array(z))) == pytest.approx(excess, rel=1e-6)
    for tail in (1e-17, 1e-5, 0.3):
        assert float(kernel.below(np.array(-kernel.reach(tail)))) == pytest.approx(tail, rel=1e-9)
    low, high = kernel.quantile(np.array([0.1, 0.9]))
    assert high == pytest.approx(-low, rel=1e-14)


def test_a_mixture_knows_its_mean_and_tails():
    mixture = Mixture(np.array([0.0, 4.0]), np.array([1.0, 2.0]), np.array([0.25, 0.75]))
    assert mixture.mean == 3.0
    points = np.array([-1.0, 2.0, 3.0])
    expected = 0.25 * ndtr(points) + 0.75 * ndtr((points - 4.0) / 2.0)
    np.testing.assert_allclose(mixture.tail(points, 1.0, 9.0), expected, rtol=1e-15)
    np.testing.assert_allclose(mixture.tail(points, -1.0, 9.0), 1.0 - expected, rtol=1e-13)
