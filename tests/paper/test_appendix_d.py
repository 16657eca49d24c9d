"""Appendix D: unbiasedness and exact centring of the L2O advantage, step by step.

Expectations (Eq 14 to 25) are exact sums over every batch of a small bandit, realised identities (Eq 26 to 33) are
checked on every test group.
"""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from math import comb

import pytest
from exact import (
    EI,
    L2O,
    Rewards,
    comparator_sets,
    ei_within,
    everyone,
    improvement,
    mean,
    minus,
    subsets,
)
from exact_bandits import Bandit, J, expect, population_EI
from float_check import assert_matches, tensor
from reward_groups import every_k, every_k_below_n

from maxpo_bench import estimators


def population_mean(bandit: Bandit, k: int) -> Fraction:
    """Return the population EI: E_a[EI(a)]."""
    return bandit.expectation_over_arms([population_EI(bandit, a, k) for a in bandit.arms])


def pairs(n: int) -> list[tuple[int, int]]:
    """Return all (i, j) with j != i."""
    return [(i, j) for i in range(n) for j in range(n) if j != i]


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_eq_14_population_ei_is_one_action_against_k_minus_1_others(bandit: Bandit, k: int):
    direct = expect(bandit, k, lambda r: improvement(r, 0, tuple(range(1, k))))
    assert direct == population_mean(bandit, k) == J(bandit, k) - J(bandit, k - 1)


@every_k
def test_eq_15_ei_averages_all_comparator_sets(rewards: Rewards, k: int):
    n = len(rewards)
    for i in everyone(rewards):
        sets = comparator_sets(everyone(rewards), i, k)
        assert len(set(sets)) == comb(n - 1, k - 1)
        assert all(i not in s and len(s) == k - 1 for s in sets)
        total = sum((improvement(rewards, i, s) for s in sets), Fraction(0))
        assert EI(rewards, k)[i] == Fraction(1, comb(n - 1, k - 1)) * total
    assert_matches(estimators.ei(tensor(rewards), k), EI(rewards, k))


def test_eq_16_17_18_ei_is_unbiased_for_the_population_ei(bandit: Bandit, size: tuple[int, int]):
    """Every comparator set has the same expectation (17), the average over them (16) the population's (18)."""
    n, k = size
    population = population_mean(bandit, k)
    for i in (0, n - 1):
        terms = [
            expect(bandit, n, lambda r, i=i, s=s: improvement(r, i, s)) for s in comparator_sets(tuple(range(n)), i, k)
        ]
        assert terms == [population] * comb(n - 1, k - 1)
        assert expect(bandit, n, lambda r, i=i: EI(r, k)[i]) == mean(terms) == population


@every_k_below_n
def test_eq_19_l2o_baseline_averages_leave_two_out_estimators(rewards: Rewards, k: int):
    for i in everyone(rewards):
        others = [ei_within(rewards, j, k, everyone(rewards, i)) for j in everyone(rewards, i)]
        assert L2O(rewards, k)[i] == Fraction(1, len(rewards) - 1) * sum(others)
    assert_matches(estimators.l2o_baseline(tensor(rewards), k), L2O(rewards, k))


@every_k_below_n
def test_eq_20_leave_two_out_estimator_uses_sets_without_i_and_j(rewards: Rewards, k: int):
    n = len(rewards)
    for i, j in pairs(n):
        sets = subsets(everyone(rewards, i, j), k - 1)
        assert len(sets) == comb(n - 2, k - 1)
        total = sum((improvement(rewards, j, s) for s in sets), Fraction(0))
        assert ei_within(rewards, j, k, everyone(rewards, i)) == Fraction(1, comb(n - 2, k - 1)) * total


def test_eq_21_l2o_expectation_is_linear(bandit: Bandit, size: tuple[int, int]):
    n, k = size
    parts = [expect(bandit, n, lambda r, j=j: ei_within(r, j, k, everyone(r, 0))) for j in range(1, n)]
    assert expect(bandit, n, lambda r: L2O(r, k)[0]) == mean(parts)


def test_eq_22_23_24_leave_two_out_estimator_is_unbiased(bandit: Bandit, size: tuple[int, int]):
    """Of one pair (i, j): the sum over sets (22), each set's expectation (23), their average (24)."""
    n, k = size
    i, j = n - 1, 0
    population = population_mean(bandit, k)
    terms = [expect(bandit, n, lambda r, s=s: improvement(r, j, s)) for s in subsets(tuple(range(1, n - 1)), k - 1)]
    assert terms == [population] * comb(n - 2, k - 1)
    assert expect(bandit, n, lambda r: ei_within(r, j, k, everyone(r, i))) == mean(terms) == population


def test_eq_25_l2o_baseline_is_unbiased_for_the_population_ei(bandit: Bandit, size: tuple[int, int]):
    n, k = size
    for i in range(n):
        assert expect(bandit, n, lambda r, i=i: L2O(r, k)[i]) == population_mean(bandit, k)


@every_k_below_n
def test_eq_26_baselines_add_up_to_the_ei_values(rewards: Rewards, k: int):
    assert sum(L2O(rewards, k)) == sum(EI(rewards, k))
    baseline = estimators.l2o_baseline(tensor(rewards), k)
    assert_matches(baseline.sum(), sum(EI(rewards, k), Fraction(0)))


@every_k_below_n
def test_eq_27_28_29_30_removing_each_other_sample_in_turn_averages_to_ei(rewards: Rewards, k: int):
    """For a fixed target j: each set occurs for the n - K removed samples that are neither j nor in it."""
    n = len(rewards)
    for j in range(n):
        removed = everyone(rewards, j)
        left_hand = mean(ei_within(rewards, j, k, everyone(rewards, i)) for i in removed)
        counts = Counter(s for i in removed for s in subsets(everyone(rewards, i, j), k - 1))
        assert counts == dict.fromkeys(comparator_sets(everyone(rewards), j, k), n - k)
        reindexed = sum((n - k) * improvement(rewards, j, s) for s in counts) / ((n - 1) * comb(n - 2, k - 1))
        averaged = sum(improvement(rewards, j, s) for s in counts) / Fraction(comb(n - 1, k - 1))
        assert left_hand == reindexed == averaged == EI(rewards, k)[j]


def test_eq_31_binomial_identity():
    """(n-K) / ((n-1) C(n-2, K-1)) = 1 / C(n-1, K-1) for 1 <= K <= n-1."""
    for n in range(2, 40):
        for k in range(1, n):
            assert Fraction(n - k, (n - 1) * comb(n - 2, k - 1)) == Fraction(1, comb(n - 1, k - 1))


@every_k_below_n
def test_eq_32_summing_over_targets_and_removed_samples(rewards: Rewards, k: int):
    """The double sum is that of the baselines when grouped by i and that of the EI values when grouped by j."""
    n = len(rewards)
    grid = {(i, j): ei_within(rewards, j, k, everyone(rewards, i)) / (n - 1) for i, j in pairs(n)}
    assert tuple(sum(grid[i, j] for j in everyone(rewards, i)) for i in range(n)) == L2O(rewards, k)
    assert tuple(sum(grid[i, j] for i in everyone(rewards, j)) for j in range(n)) == EI(rewards, k)


@every_k_below_n
def test_eq_33_realised_batch_mean_is_zero(rewards: Rewards, k: int):
    advantages = minus(EI(rewards, k), L2O(rewards, k))
    assert mean(advantages) == 0
    measured = estimators.ei_l2o(tensor(rewards), k)
    assert measured.mean().abs() <= 4e-15 * measured.abs().max()
