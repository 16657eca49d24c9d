"""Table 1: each published signal's relation to the canonical advantage A, with its constant, on random groups.

Every row is checked twice: the identity in exact rationals, and the package's estimator of that row.
"""

from __future__ import annotations

import random
from fractions import Fraction
from math import sqrt

import pytest
from exact import EI, A, C, R, Rewards, centred, mean, minus, rho, times
from float_check import assert_matches, tensor
from reward_groups import binary, eighths

from maxpo_bench import estimators

SIZES = [(3, 2), (4, 2), (5, 3), (6, 4), (7, 2)]
over_sizes = pytest.mark.parametrize(("n", "k"), SIZES)


def real_groups(n: int) -> list[Rewards]:
    """Return random groups of n rewards, the last one with ties."""
    return [*(eighths(f"table-{n}-{seed}", n, -3, 3) for seed in range(4)), (*eighths("t", n - 1, 0, 1), Fraction(1))]


def binary_groups(n: int) -> list[Rewards]:
    """Return groups with every number of successes."""
    return [binary(n, successes) for successes in range(n + 1)]


@over_sizes
def test_table_1_row_1_pkpo_ei_only_is_R_minus_C_and_uncentred(n: int, k: int):
    """PKPO's sloo_minus_one is K/n times EI; its mean (K/n)(rho_K - rho_{K-1}) is positive unless all are equal."""
    for rewards in real_groups(n):
        assert EI(rewards, k) == minus(R(rewards, k), C(rewards, k))
        assert mean(EI(rewards, k)) == rho(rewards, k) - rho(rewards, k - 1) > 0
        assert_matches(estimators.ei(tensor(rewards), k), EI(rewards, k))
        assert_matches(estimators.pkpo_sloo_minus_one(tensor(rewards), k), times(Fraction(k, n), EI(rewards, k)))


@over_sizes
def test_table_1_row_2_maxpo_is_canonical_with_factor_one(n: int, k: int):
    for rewards in real_groups(n):
        assert_matches(estimators.get_estimator("maxpo", k)(tensor(rewards)), A(rewards, k))


@over_sizes
def test_table_1_row_3_analytical_with_deviation_is_normalised(n: int, k: int):
    """(R - rho) / sqrt(rho (1 - rho)): A times a factor that differs between batches, for rewards of 0 and 1."""
    factors = set()
    for rewards in binary_groups(n):
        variance = rho(rewards, k) * (1 - rho(rewards, k))
        if variance:
            factor = Fraction(n - k, n) / Fraction(sqrt(variance))
            factors.add(variance)
            assert_matches(estimators.passk_analytic_std(tensor(rewards), k), times(factor, A(rewards, k)))
        else:
            assert not estimators.passk_analytic_std(tensor(rewards), k).any()
    assert len(factors) >= min(2, n - k)


@over_sizes
def test_table_1_row_4_analytical_without_deviation_is_proportional(n: int, k: int):
    """R - rho = (n-K)/n A: published for rewards of 0 and 1, true for all."""
    for rewards in binary_groups(n) + real_groups(n):
        expected = times(Fraction(n - k, n), A(rewards, k))
        assert tuple(r - rho(rewards, k) for r in R(rewards, k)) == expected
        assert_matches(estimators.passk_analytic(tensor(rewards), k), expected)


@over_sizes
def test_table_1_row_5_all_subsets_transform_is_proportional_to_R(n: int, k: int):
    """(K/n) R is uncentred: its mean is (K/n) rho."""
    for rewards in real_groups(n):
        expected = times(Fraction(k, n), R(rewards, k))
        assert mean(expected) == Fraction(k, n) * rho(rewards, k)
        assert_matches(estimators.all_subsets(tensor(rewards), k), expected)


@over_sizes
def test_table_1_row_6_mean_centred_all_subsets_is_proportional(n: int, k: int):
    for rewards in real_groups(n):
        expected = times(Fraction(k * (n - k), n * n), A(rewards, k))
        assert centred(times(Fraction(k, n), R(rewards, k))) == expected
        assert_matches(estimators.all_subsets_centered(tensor(rewards), k), expected)


@over_sizes
def test_table_1_row_7_bon_mean_is_normalised(n: int, k: int):
    """A over its sample deviation: the factor differs between batches."""
    factors = set()
    for rewards in real_groups(n):
        variance = sum(a * a for a in A(rewards, k)) / (n - 1)
        factors.add(variance)
        expected = times(1 / Fraction(sqrt(variance)), A(rewards, k))
        assert_matches(estimators.bon_mean(tensor(rewards), k), expected)
    assert len(factors) > 1


@over_sizes
def test_table_1_fixed_scale_rows_agree_in_direction_and_uncentred_rows_do_not(n: int, k: int):
    """Scaled to unit length, rows 2 to 4, 6 and 7 are one vector for rewards of 0 and 1; rows 1 and 5 are others."""
    successes = random.Random(n).randint(1, n - k)
    rewards = tensor(binary(n, successes))
    canonical = estimators.ei_l2o(rewards, k)
    unit = canonical / canonical.norm()
    for name in ("passk_analytic_std", "passk_analytic", "all_subsets_centered", "bon_mean"):
        signal = estimators.get_estimator(name, k)(rewards)
        assert (signal / signal.norm() - unit).abs().max() < 1e-12
    for name in ("ei", "all_subsets"):
        signal = estimators.get_estimator(name, k)(rewards)
        assert (signal / signal.norm() - unit).abs().max() > 0.01
