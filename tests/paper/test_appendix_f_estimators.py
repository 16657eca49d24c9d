"""Appendix F.4 to F.6: PKPO's sloo and sloo_minus_one, the analytical pass@K signal and the all-subsets transform."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from math import comb, sqrt

import pytest
from exact import (
    EI,
    L1O,
    A,
    C,
    Members,
    R,
    Rewards,
    V,
    Values,
    centred,
    everyone,
    highest,
    mean,
    minus,
    positive_part,
    proportional,
    rho,
    subsets,
    times,
)
from exact_bandits import Bandit, J, expect, expected_gradient, grad_J
from float_check import assert_matches, tensor
from float_check import expected_gradient as package_gradient
from reward_groups import (
    every_binary_k,
    every_binary_k_below_n,
    every_k,
    every_k_below_n,
    every_k_below_n_with_comparators,
    every_k_with_comparators,
)

from maxpo_bench import estimators


def containing(pool: Members, i: int, k: int) -> list[Members]:
    """Return the K-subsets of ``pool`` that contain ``i``."""
    return [t for t in subsets(pool, k) if i in t]


@cache
def transform(rewards: Rewards, i: int, k: int, pool: Members) -> Fraction:
    """Return 1 / C(|pool|, K) * sum of the maxima of the K-subsets of ``pool`` that contain i (Eq 82, 98)."""
    total = sum((highest(rewards, t) for t in containing(pool, i, k)), Fraction(0))
    return total / comb(len(pool), k)


def all_subsets(rewards: Rewards, k: int) -> Values:
    """Return the all-subsets transform of the whole group."""
    return tuple(transform(rewards, i, k, everyone(rewards)) for i in everyone(rewards))


@cache
def sloo_minus_one(rewards: Rewards, k: int) -> Values:
    """Return PKPO's max@K - max@(K-1) estimator: Eq 77."""
    n = len(rewards)
    return tuple(
        sum(
            (
                highest(rewards, t) - highest(rewards, tuple(j for j in t if j != i))
                for t in containing(everyone(rewards), i, k)
            ),
            Fraction(0),
        )
        / comb(n, k)
        for i in range(n)
    )


@cache
def sloo(rewards: Rewards, k: int) -> Values:
    """Return PKPO's leave-one-out estimator: Eq 81."""
    n = len(rewards)
    return tuple(
        transform(rewards, i, k, everyone(rewards))
        - sum(transform(rewards, j, k, everyone(rewards, i)) for j in everyone(rewards, i)) / (n - 1)
        for i in range(n)
    )


@every_k
def test_eq_77_sloo_minus_one_takes_the_sample_out_of_each_group(rewards: Rewards, k: int):
    assert_matches(estimators.pkpo_sloo_minus_one(tensor(rewards), k), sloo_minus_one(rewards, k))


@every_k_with_comparators
def test_eq_78_maximum_with_minus_maximum_without_is_the_positive_part(rewards: Rewards, k: int):
    for i in everyone(rewards):
        for t in containing(everyone(rewards), i, k):
            without = highest(rewards, tuple(j for j in t if j != i))
            assert highest(rewards, t) - without == positive_part(rewards[i] - without)


@every_k
def test_eq_79_80_sloo_minus_one_times_n_over_k_is_ei(rewards: Rewards, k: int):
    n = len(rewards)
    assert Fraction(n, k) / comb(n, k) == Fraction(1, comb(n - 1, k - 1))
    assert times(Fraction(n, k), sloo_minus_one(rewards, k)) == EI(rewards, k)
    assert_matches(n / k * estimators.pkpo_sloo_minus_one(tensor(rewards), k), EI(rewards, k))


@every_k_below_n
def test_eq_81_sloo_subtracts_the_others_transform_without_i(rewards: Rewards, k: int):
    assert_matches(estimators.pkpo_sloo(tensor(rewards), k), sloo(rewards, k))


@every_k
def test_eq_82_83_transform_is_k_over_n_times_R(rewards: Rewards, k: int):
    """S(i, K) sums over the K-subsets with i (82); each is i and a comparator set, hence (K/n) R_i (83)."""
    assert all_subsets(rewards, k) == times(Fraction(k, len(rewards)), R(rewards, k))


@every_k_below_n
def test_eq_84_85_transforms_of_the_reduced_pool_add_up_to_k_times_V(rewards: Rewards, k: int):
    n = len(rewards)
    for i in range(n):
        total = sum(transform(rewards, j, k, everyone(rewards, i)) for j in everyone(rewards, i))
        assert total == k * V(rewards, k)[i]
        assert total / (n - 1) == Fraction(k, n - 1) * V(rewards, k)[i]


@every_k_below_n
def test_eq_86_sloo_weighs_R_and_V_differently(rewards: Rewards, k: int):
    """sloo_i = (K/n) R_i - K/(n-1) V_i: off (K/n) A_i by -K/(n(n-1)) V_i.

    The paper says that it underestimates the advantage. That holds where V_i is positive, as for rewards of 0 and 1
    with successes; for negative V_i it overestimates.
    """
    n = len(rewards)
    rescaled = minus(times(Fraction(k, n), R(rewards, k)), times(Fraction(k, n - 1), V(rewards, k)))
    assert sloo(rewards, k) == rescaled
    gap = minus(sloo(rewards, k), times(Fraction(k, n), A(rewards, k)))
    assert gap == times(Fraction(-k, n * (n - 1)), V(rewards, k))
    assert all((g < 0) is (v > 0) for g, v in zip(gap, V(rewards, k), strict=True))
    assert mean(sloo(rewards, k)) == Fraction(-k, n * (n - 1)) * rho(rewards, k)
    assert_matches(estimators.pkpo_sloo(tensor(rewards), k), rescaled)


def test_appendix_f_4_sloo_is_unbiased_as_a_gradient_and_biased_as_an_advantage(bandit: Bandit, size: tuple[int, int]):
    """The paper calls sloo biased. Its advantage is (mean -K/(n(n-1)) J_K); its policy gradient is not.

    V_i does not depend on the action, so that the plain sum of sloo_i score_i has expectation grad J_K.
    """
    n, k = size
    true = grad_J(bandit, k)
    assert expected_gradient(bandit, n, lambda r: sloo(r, k), 1) == true
    assert expected_gradient(bandit, n, lambda r: sloo_minus_one(r, k), 1) == true
    assert expect(bandit, n, lambda r: sloo(r, k)[0]) == Fraction(-k, n * (n - 1)) * J(bandit, k)
    assert expect(bandit, n, lambda r: sloo_minus_one(r, k)[0]) == Fraction(k, n) * (J(bandit, k) - J(bandit, k - 1))
    assert_matches(package_gradient(lambda r: estimators.pkpo_sloo(r, k), bandit, n, 1), true)
    assert_matches(package_gradient(lambda r: estimators.pkpo_sloo_minus_one(r, k), bandit, n, 1), true)


@every_binary_k
def test_eq_87_binary_all_subsets_mean_is_the_empirical_pass_at_k(rewards: Rewards, k: int):
    n, failures = len(rewards), rewards.count(Fraction(0))
    formula = 1 - Fraction(comb(failures, k), comb(n, k))
    assert rho(rewards, k) == formula
    assert_matches(estimators.max_at_k(tensor(rewards), k), formula)


def analytic_numerator(rewards: Rewards, k: int) -> Values:
    """Return the analytical signal by its two cases: what a group with this response earns, minus the group mean."""
    n, failures = len(rewards), rewards.count(Fraction(0))
    group_mean = 1 - Fraction(comb(failures, k), comb(n, k))
    failed = 1 - Fraction(comb(failures - 1, k - 1), comb(n - 1, k - 1)) if failures else Fraction(0)
    return tuple((1 if r == 1 else failed) - group_mean for r in rewards)


@every_binary_k_below_n
def test_eq_88_analytic_numerator_is_R_minus_rho(rewards: Rewards, k: int):
    expected = tuple(r - rho(rewards, k) for r in R(rewards, k))
    assert analytic_numerator(rewards, k) == expected
    assert_matches(estimators.passk_analytic(tensor(rewards), k), expected)


@every_binary_k
def test_eq_89_90_positive_response_earns_one_minus_the_mean(rewards: Rewards, k: int):
    n, failures = len(rewards), rewards.count(Fraction(0))
    for i in everyone(rewards):
        if rewards[i] == 1:
            assert R(rewards, k)[i] == 1
            assert analytic_numerator(rewards, k)[i] == 1 - rho(rewards, k) == Fraction(comb(failures, k), comb(n, k))


@every_binary_k
def test_eq_91_92_negative_response_earns_its_groups_chance_minus_the_mean(rewards: Rewards, k: int):
    n, failures = len(rewards), rewards.count(Fraction(0))
    for i in everyone(rewards):
        if rewards[i] == 0:
            chance = 1 - Fraction(comb(failures - 1, k - 1), comb(n - 1, k - 1))
            assert R(rewards, k)[i] == chance
            assert analytic_numerator(rewards, k)[i] == chance - rho(rewards, k)


@every_binary_k
def test_eq_93_both_cases_are_R_minus_rho(rewards: Rewards, k: int):
    assert analytic_numerator(rewards, k) == tuple(r - rho(rewards, k) for r in R(rewards, k))
    assert mean(analytic_numerator(rewards, k)) == 0


@every_k_below_n
def test_eq_94_groups_with_and_without_i_partition_all_groups(rewards: Rewards, k: int):
    """rho = (K/n) R_i + ((n-K)/n) V_i for every i and any rewards, not only binary ones."""
    n = len(rewards)
    assert Fraction(comb(n - 1, k - 1), comb(n, k)) == Fraction(k, n)
    assert Fraction(comb(n - 1, k), comb(n, k)) == Fraction(n - k, n)
    for r, v in zip(R(rewards, k), V(rewards, k), strict=True):
        assert Fraction(k, n) * r + Fraction(n - k, n) * v == rho(rewards, k)


@every_k_below_n
def test_eq_95_R_minus_rho_is_a_fixed_share_of_the_canonical_advantage(rewards: Rewards, k: int):
    n = len(rewards)
    assert tuple(r - rho(rewards, k) for r in R(rewards, k)) == times(Fraction(n - k, n), A(rewards, k))


@every_binary_k_below_n
def test_eq_96_analytic_numerator_is_proportional_to_the_canonical_advantage(rewards: Rewards, k: int):
    n = len(rewards)
    expected = times(Fraction(n - k, n), A(rewards, k))
    assert analytic_numerator(rewards, k) == expected
    assert_matches(estimators.passk_analytic(tensor(rewards), k), expected)


@every_binary_k_below_n
def test_eq_97_analytic_signal_is_divided_by_the_groups_deviation(rewards: Rewards, k: int):
    """sigma = sqrt(rho (1 - rho)); a group without deviation gets 0."""
    variance = rho(rewards, k) * (1 - rho(rewards, k))
    numerator = analytic_numerator(rewards, k)
    expected = [Fraction(float(v) / sqrt(variance)) if variance else Fraction(0) for v in numerator]
    assert_matches(estimators.passk_analytic_std(tensor(rewards), k), expected)
    if not variance:
        assert not any(numerator)


def test_eq_97_normalised_signal_has_a_batch_dependent_scale(bandit: Bandit):
    """Its factor before A differs between groups, so that its mean gradient is no multiple of grad J_K in general."""
    one, two = (tuple(Fraction(int(i < c)) for i in range(4)) for c in (1, 2))
    ratios = []
    for rewards in (one, two):
        normalised = estimators.passk_analytic_std(tensor(rewards), 2)
        ratios.append(float(normalised[0]) / float(A(rewards, 2)[0]))
    assert ratios[0] == pytest.approx(0.5 / sqrt(0.5 * 0.5), rel=1e-12)
    assert ratios[1] == pytest.approx(0.5 / sqrt(5 / 36), rel=1e-12)


@every_k
def test_eq_98_99_all_subsets_transform_is_k_over_n_times_R(rewards: Rewards, k: int):
    n = len(rewards)
    expected = times(
        Fraction(k, n) / comb(n - 1, k - 1),
        [sum((highest(rewards, (*s, i)) for s in subsets(everyone(rewards, i), k - 1)), Fraction(0)) for i in range(n)],
    )
    assert all_subsets(rewards, k) == expected == times(Fraction(k, n), R(rewards, k))
    assert_matches(estimators.all_subsets(tensor(rewards), k), expected)


def test_appendix_f_6_all_subsets_transform_is_an_unbiased_uncentred_signal(bandit: Bandit, size: tuple[int, int]):
    n, k = size
    true = grad_J(bandit, k)
    assert expected_gradient(bandit, n, lambda r: all_subsets(r, k), 1) == true
    assert expect(bandit, n, lambda r: mean(all_subsets(r, k))) == Fraction(k, n) * J(bandit, k) != 0
    assert_matches(package_gradient(lambda r: estimators.all_subsets(r, k), bandit, n, 1), true)


@every_k
def test_eq_100_mean_of_R_is_rho(rewards: Rewards, k: int):
    assert mean(R(rewards, k)) == rho(rewards, k)
    assert_matches(estimators.max_at_k(tensor(rewards), k), mean(R(rewards, k)))


@every_k
def test_eq_101_centred_transform_is_k_over_n_times_R_minus_rho(rewards: Rewards, k: int):
    expected = tuple(Fraction(k, len(rewards)) * (r - rho(rewards, k)) for r in R(rewards, k))
    assert centred(all_subsets(rewards, k)) == expected


@every_k_below_n
def test_eq_102_centred_transform_is_proportional_to_the_canonical_advantage(rewards: Rewards, k: int):
    n = len(rewards)
    expected = times(Fraction(k * (n - k), n * n), A(rewards, k))
    assert centred(all_subsets(rewards, k)) == expected
    assert_matches(estimators.all_subsets_centered(tensor(rewards), k), expected)


def z_scores(values: Values) -> list[Fraction]:
    """Return the centred values over their sample standard deviation, rounded; zeros where there is none."""
    deviations = centred(values)
    variance = sum(d * d for d in deviations) / (len(values) - 1)
    return [Fraction(float(d) / sqrt(variance)) if variance else Fraction(0) for d in deviations]


@every_k_below_n
def test_eq_103_z_score_of_the_transform_is_the_z_score_of_the_canonical_advantage(rewards: Rewards, k: int):
    """Both are centred and collinear, so that only the batch's own deviation is left; the sample deviation is used."""
    expected = z_scores(A(rewards, k))
    transformed = z_scores(all_subsets(rewards, k))
    assert all(abs(float(a - b)) <= 1e-14 for a, b in zip(expected, transformed, strict=True))
    assert_matches(estimators.bon_mean(tensor(rewards), k), expected)


def test_eq_103_z_score_scale_depends_on_the_batch():
    ratios = set()
    for rewards in (
        (Fraction(0), Fraction(0), Fraction(1), Fraction(2)),
        (Fraction(0), Fraction(0), Fraction(0), Fraction(2)),
    ):
        scores = estimators.bon_mean(tensor(rewards), 2)
        ratios.add(round(float(scores[3]) / float(A(rewards, 2)[3]), 6))
    assert len(ratios) == 2


@every_k
def test_eq_104_mean_centred_ei(rewards: Rewards, k: int):
    n = len(rewards)
    expected = tuple(value - mean(EI(rewards, k)) for value in EI(rewards, k))
    assert expected == times(Fraction(n - 1, n), minus(EI(rewards, k), L1O(rewards, k)))
    assert_matches(estimators.ei_mean_centered(tensor(rewards), k), expected)


@every_k
def test_eq_105_mean_centred_ei_is_R_minus_C_minus_the_mean_gain(rewards: Rewards, k: int):
    gain = rho(rewards, k) - rho(rewards, k - 1)
    expected = tuple(r - c - gain for r, c in zip(R(rewards, k), C(rewards, k), strict=True))
    assert centred(EI(rewards, k)) == expected
    assert_matches(estimators.ei_mean_centered(tensor(rewards), k), expected)


def test_eq_104_105_mean_centred_ei_is_not_proportional_to_the_canonical_advantage():
    """Rewards 0, 1, 2, 4 with K = 2: A pays samples 0 and 1 alike, mean-centred EI does not."""
    rewards = (Fraction(0), Fraction(1), Fraction(2), Fraction(4))
    assert times(12, centred(EI(rewards, 2))) == (-13, -9, -1, 23)
    assert times(3, A(rewards, 2)) == (-3, -3, -1, 7)
    assert not proportional(centred(EI(rewards, 2)), A(rewards, 2))
    assert_matches(estimators.ei_mean_centered(tensor(rewards), 2), centred(EI(rewards, 2)))


@every_binary_k_below_n
def test_eq_104_105_binary_mean_centred_ei_is_collinear_in_each_group(rewards: Rewards, k: int):
    """With two reward levels any centred vector that treats ties alike is collinear with A, but not by a fixed factor.

    With K - 1 failures A is 0 while centred EI is not: then even a fixed direction is missing.
    """
    failures = rewards.count(Fraction(0))
    assert proportional(centred(EI(rewards, k)), A(rewards, k))
    if failures == k - 1 and 0 < failures < len(rewards):
        assert not any(A(rewards, k))
        assert any(centred(EI(rewards, k)))


def test_eq_104_105_mean_centred_ei_is_biased_with_a_known_closed_form(bandit: Bandit, size: tuple[int, int]):
    """E[(K/n) sum] = ((n-K) grad J_K + K grad J_{K-1}) / n, even at K = 1 short of grad J_1 by 1/n."""
    n, k = size
    mixture = tuple(
        ((n - k) * g + k * below) / n for g, below in zip(grad_J(bandit, k), grad_J(bandit, k - 1), strict=True)
    )
    assert mixture != grad_J(bandit, k)
    assert expected_gradient(bandit, n, lambda r: centred(EI(r, k)), Fraction(k, n)) == mixture
    assert_matches(package_gradient(lambda r: estimators.ei_mean_centered(r, k), bandit, n, Fraction(k, n)), mixture)


def test_appendix_f_6_mean_centred_ei_baseline_contains_its_own_action():
    """EI_j for j != i falls as r_i rises from below r_j to above it: the mean EI is no leave-one-out baseline."""
    low, high = (Fraction(0), Fraction(1), Fraction(2)), (Fraction(3), Fraction(1), Fraction(2))
    assert mean(EI(low, 2)[1:]) == 1
    assert mean(EI(high, 2)[1:]) == Fraction(1, 4)


@every_k_with_comparators
def test_eq_106_transform_is_proportional_to_R_and_not_to_ei(rewards: Rewards, k: int):
    """(K/n) R is collinear with EI = R - C only where C is collinear with R: all EI 0, or C 0 for all."""
    assert proportional(all_subsets(rewards, k), R(rewards, k))
    assert proportional(all_subsets(rewards, k), EI(rewards, k)) is proportional(C(rewards, k), R(rewards, k))


@every_k_below_n
def test_eq_107_108_the_vector_that_is_centred_makes_the_difference(rewards: Rewards, k: int):
    """Centring (K/n) R gives K(n-K)/n^2 A, centring EI = R - C does not: they differ by the centred C (108)."""
    n = len(rewards)
    assert centred(all_subsets(rewards, k)) == times(Fraction(k * (n - k), n * n), A(rewards, k))
    assert centred(R(rewards, k)) == times(Fraction(n - k, n), A(rewards, k))
    assert minus(centred(R(rewards, k)), centred(EI(rewards, k))) == centred(C(rewards, k))


@every_k_below_n_with_comparators
def test_eq_108_centred_ei_is_never_a_fixed_multiple_of_the_canonical_advantage(rewards: Rewards, k: int):
    """It equals the multiple that centring R gives only where all comparator maxima are the same."""
    share = times(Fraction(len(rewards) - k, len(rewards)), A(rewards, k))
    assert (centred(EI(rewards, k)) == share) is (len(set(C(rewards, k))) == 1)
