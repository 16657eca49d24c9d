"""Appendix F.1 to F.3: the marginal view, its identity with EI + L2O, and L2O for any comparator-only baseline.

F.4 to F.6, the other authors' estimators, are in ``test_appendix_f_estimators.py``.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from math import comb

import pytest
import torch
from exact import (
    EI,
    L2O,
    A,
    C,
    Members,
    R,
    Rewards,
    Signal,
    V,
    c_within,
    comparator_sets,
    ei_within,
    everyone,
    highest,
    leave_two_out,
    mean,
    minus,
    positive_part,
    r_within,
    rho,
    signal_within,
    subsets,
)
from exact_bandits import Bandit, expected_gradient, grad_J
from float_check import assert_matches, tensor
from reward_groups import every_k, every_k_below_n, every_k_below_n_with_comparators, every_k_with_comparators

from maxpo_bench import estimators


@every_k
def test_eq_49_conditional_maximum(rewards: Rewards, k: int):
    n = len(rewards)
    for i in range(n):
        containing = [t for t in subsets(everyone(rewards), k) if i in t]
        assert len(containing) == comb(n - 1, k - 1)
        assert R(rewards, k)[i] == sum(highest(rewards, t) for t in containing) / comb(n - 1, k - 1)
    assert_matches(estimators.conditional_max(tensor(rewards), k), R(rewards, k))


@every_k_below_n
def test_eq_50_leave_one_out_maximum(rewards: Rewards, k: int):
    n = len(rewards)
    for i in range(n):
        excluding = [t for t in subsets(everyone(rewards), k) if i not in t]
        assert len(excluding) == comb(n - 1, k)
        assert V(rewards, k)[i] == sum(highest(rewards, t) for t in excluding) / comb(n - 1, k)
        assert V(rewards, k)[i] == rho(rewards[:i] + rewards[i + 1 :], k)
    assert_matches(estimators.leave_one_out_max(tensor(rewards), k), V(rewards, k))


def total_maximum(rewards: Rewards, k: int) -> Fraction:
    """Return the sum of the maxima of all K-groups."""
    return sum((highest(rewards, t) for t in subsets(everyone(rewards), k)), Fraction(0))


@every_k
def test_eq_51_sum_of_conditional_maxima(rewards: Rewards, k: int):
    assert sum(R(rewards, k)) == Fraction(k, comb(len(rewards) - 1, k - 1)) * total_maximum(rewards, k)


@every_k_below_n
def test_eq_52_sum_of_leave_one_out_maxima(rewards: Rewards, k: int):
    n = len(rewards)
    assert sum(V(rewards, k)) == Fraction(n - k, comb(n - 1, k)) * total_maximum(rewards, k)


def test_eq_53_both_coefficients_are_n_over_n_choose_k():
    for n in range(2, 40):
        for k in range(1, n):
            assert Fraction(k, comb(n - 1, k - 1)) == Fraction(n - k, comb(n - 1, k)) == Fraction(n, comb(n, k))


@every_k_below_n
def test_eq_54_canonical_advantage_is_centred(rewards: Rewards, k: int):
    assert mean(minus(R(rewards, k), V(rewards, k))) == 0
    measured = estimators.ei_l2o(tensor(rewards), k)
    assert measured.sum().abs() <= len(rewards) * 4e-15 * measured.abs().max()


@every_k_with_comparators
def test_eq_55_ei_gains_over_the_comparators_maximum(rewards: Rewards, k: int):
    """(r - m)+ = max(r, m) - m turns EI into the difference of two maxima, R - C."""
    for i in everyone(rewards):
        sets = comparator_sets(everyone(rewards), i, k)
        gains = [positive_part(rewards[i] - highest(rewards, s)) for s in sets]
        assert gains == [highest(rewards, (*s, i)) - highest(rewards, s) for s in sets]
        assert EI(rewards, k)[i] == mean(gains) == R(rewards, k)[i] - C(rewards, k)[i]
    assert_matches(estimators.ei(tensor(rewards), k), EI(rewards, k))
    assert_matches(estimators.comparator_max(tensor(rewards), k), C(rewards, k))


@every_k_below_n
def test_eq_56_l2o_baseline_averages_ei_over_the_pool_without_i(rewards: Rewards, k: int):
    for i in everyone(rewards):
        pool = everyone(rewards, i)
        assert L2O(rewards, k)[i] == mean(ei_within(rewards, j, k, pool) for j in pool)
    assert_matches(estimators.l2o_baseline(tensor(rewards), k), L2O(rewards, k))


@every_k_below_n
def test_eq_57_58_baseline_splits_into_maxima_with_and_without_the_target(rewards: Rewards, k: int):
    """EI_j without i is R_j - C_j of that pool (57); averaged over j it is B_i (58)."""
    for i in everyone(rewards):
        pool = everyone(rewards, i)
        with_target = [r_within(rewards, j, k, pool) for j in pool]
        without_target = [c_within(rewards, j, k, pool) for j in pool]
        assert [ei_within(rewards, j, k, pool) for j in pool] == list(minus(with_target, without_target))
        assert L2O(rewards, k)[i] == mean(with_target) - mean(without_target)


@every_k_below_n
def test_eq_59_first_part_of_the_baseline_is_V(rewards: Rewards, k: int):
    """Each K-subset of the pool occurs K times, once for each of its members as the target."""
    for i in everyone(rewards):
        pool = everyone(rewards, i)
        counts = Counter(tuple(sorted((*s, j))) for j in pool for s in comparator_sets(pool, j, k))
        assert counts == dict.fromkeys(subsets(pool, k), k)
        assert mean(r_within(rewards, j, k, pool) for j in pool) == V(rewards, k)[i]


@every_k_below_n
def test_eq_60_second_part_of_the_baseline_is_C(rewards: Rewards, k: int):
    """Each (K-1)-subset of the pool occurs n - K times, once for each target outside it."""
    n = len(rewards)
    for i in everyone(rewards):
        pool = everyone(rewards, i)
        counts = Counter(s for j in pool for s in comparator_sets(pool, j, k))
        assert counts == dict.fromkeys(subsets(pool, k - 1), n - k)
        assert mean(c_within(rewards, j, k, pool) for j in pool) == C(rewards, k)[i]


@every_k_below_n
def test_eq_61_ei_with_l2o_is_the_marginal_contribution(rewards: Rewards, k: int):
    assert L2O(rewards, k) == minus(V(rewards, k), C(rewards, k))
    assert minus(EI(rewards, k), L2O(rewards, k)) == minus(R(rewards, k), V(rewards, k))
    assert_matches(estimators.ei_l2o(tensor(rewards), k), minus(R(rewards, k), V(rewards, k)))


Phi = Callable[[Rewards, Members], Fraction]


def random_phi(seed: int) -> Phi:
    """Return a function that gives each comparator set, by its members, a random number of its own."""

    def phi(_rewards: Rewards, comparators: Members) -> Fraction:
        generator = random.Random(f"{seed}/{sorted(comparators)}")
        return Fraction(generator.randint(-80, 80), generator.randint(1, 9))

    return phi


def baselined(phi: Phi) -> Signal:
    """Return the comparator-baselined group signal max(r_i, max_S) - phi(S)."""
    return lambda rewards, i, comparators: highest(rewards, (*comparators, i)) - phi(rewards, comparators)


PHIS: dict[str, Phi] = {
    "random_1": random_phi(1),
    "random_2": random_phi(2),
    "zero": lambda _rewards, _s: Fraction(0),
    "maximum": highest,
    "mean_square": lambda rewards, s: mean([Fraction(0), *(rewards[j] ** 2 for j in s)]),
}
over_phis = pytest.mark.parametrize("phi", PHIS.values(), ids=list(PHIS))


@over_phis
@every_k_below_n
def test_prop_f_1_l2o_cancels_any_comparator_only_baseline(rewards: Rewards, k: int, phi: Phi):
    assert leave_two_out(baselined(phi), rewards, k) == A(rewards, k)


@every_k_below_n_with_comparators
def test_eq_62_63_64_65_l2o_of_a_random_signal_is_the_canonical_advantage(rewards: Rewards, k: int):
    """The signal (62), its L2O baseline (63) from signals recomputed without i (64), their difference (65)."""
    n, phi = len(rewards), random_phi(65)
    signal = baselined(phi)
    for i in range(n):
        sets = comparator_sets(everyone(rewards), i, k)
        started = sum(highest(rewards, (*s, i)) - phi(rewards, s) for s in sets) / comb(n - 1, k - 1)
        recomputed = [
            sum(signal(rewards, j, s) for s in subsets(everyone(rewards, i, j), k - 1)) / comb(n - 2, k - 1)
            for j in everyone(rewards, i)
        ]
        assert started == signal_within(signal, rewards, i, k, everyone(rewards))
        assert started - sum(recomputed) / (n - 1) == R(rewards, k)[i] - V(rewards, k)[i]


@every_k_below_n
def test_eq_66_67_signal_is_R_minus_the_averaged_baseline(rewards: Rewards, k: int):
    phi = random_phi(67)
    for i in everyone(rewards):
        averaged = mean(phi(rewards, s) for s in comparator_sets(everyone(rewards), i, k))
        started = signal_within(baselined(phi), rewards, i, k, everyone(rewards))
        assert started == R(rewards, k)[i] - averaged


@every_k_below_n
def test_eq_68_l2o_baseline_of_a_signal_has_a_maximum_and_a_phi_part(rewards: Rewards, k: int):
    phi = random_phi(68)
    for i in everyone(rewards):
        pool = everyone(rewards, i)
        assert mean(signal_within(baselined(phi), rewards, j, k, pool) for j in pool) == (
            maximum_part(rewards, i, k) - phi_part(phi, rewards, i, k)
        )


def maximum_part(rewards: Rewards, i: int, k: int) -> Fraction:
    """Return the L2O average of max(r_j, max_S)."""
    pool = everyone(rewards, i)
    return mean(r_within(rewards, j, k, pool) for j in pool)


def phi_part(phi: Phi, rewards: Rewards, i: int, k: int) -> Fraction:
    """Return the L2O average of phi(S)."""
    pool = everyone(rewards, i)
    return mean(mean(phi(rewards, s) for s in comparator_sets(pool, j, k)) for j in pool)


@every_k_below_n
def test_eq_69_70_71_maximum_part_is_V(rewards: Rewards, k: int):
    """Reindexed by K-subsets (69), with K / ((n-1) C(n-2, K-1)) = 1 / C(n-1, K) (70), it is V_i (71)."""
    n = len(rewards)
    for i in range(n):
        groups = subsets(everyone(rewards, i), k)
        reindexed = sum((k * highest(rewards, t) for t in groups), Fraction(0)) / ((n - 1) * comb(n - 2, k - 1))
        averaged = sum((highest(rewards, t) for t in groups), Fraction(0)) / comb(n - 1, k)
        assert maximum_part(rewards, i, k) == reindexed == averaged == V(rewards, k)[i]


@every_k_below_n
def test_eq_72_73_74_phi_part_is_the_averaged_baseline(rewards: Rewards, k: int):
    """Reindexed by (K-1)-subsets, each n - K times (72), with Eq 31 (73), it is phi's average for i (74)."""
    n, phi = len(rewards), random_phi(74)
    for i in range(n):
        sets = comparator_sets(everyone(rewards), i, k)
        total = sum((phi(rewards, s) for s in sets), Fraction(0))
        reindexed = (n - k) * total / ((n - 1) * comb(n - 2, k - 1))
        averaged = total / comb(n - 1, k - 1)
        assert phi_part(phi, rewards, i, k) == reindexed == averaged == mean(phi(rewards, s) for s in sets)


@every_k_below_n
def test_eq_75_76_baseline_is_V_minus_phi_and_the_difference_is_canonical(rewards: Rewards, k: int):
    phi = random_phi(76)
    for i in everyone(rewards):
        pool = everyone(rewards, i)
        averaged = mean(phi(rewards, s) for s in comparator_sets(everyone(rewards), i, k))
        baseline = mean(signal_within(baselined(phi), rewards, j, k, pool) for j in pool)
        assert baseline == V(rewards, k)[i] - averaged
        assert signal_within(baselined(phi), rewards, i, k, everyone(rewards)) - baseline == A(rewards, k)[i]


@every_k_below_n_with_comparators
def test_prop_f_1_special_cases_ei_and_raw_conditional_maximum(rewards: Rewards, k: int):
    """phi(S) = max_S starts from EI, phi = 0 from R itself."""
    pool = everyone(rewards)
    started_from_maximum = [signal_within(baselined(highest), rewards, i, k, pool) for i in pool]
    assert tuple(started_from_maximum) == EI(rewards, k)
    raw = [signal_within(baselined(PHIS["zero"]), rewards, i, k, pool) for i in pool]
    assert tuple(raw) == R(rewards, k)


def group_maximum(target: torch.Tensor, comparators: torch.Tensor) -> torch.Tensor:
    """Return max(r_i, max_S) in the package's shapes: targets [...], comparators [..., K-1]."""
    return torch.cat([target.unsqueeze(-1), comparators], -1).amax(-1)


@every_k_below_n
def test_prop_f_1_package_leave_two_out_cancels_random_functions_of_the_comparators(rewards: Rewards, k: int):
    """The package's signals see rewards: random smooth functions of each comparator, added up and squared."""
    generator = random.Random(61)
    for _ in range(3):
        slope, shift = generator.uniform(1, 9), generator.uniform(-3, 3)

        def signal(target: torch.Tensor, comparators: torch.Tensor, slope: float = slope, shift: float = shift):
            return group_maximum(target, comparators) - torch.sin(slope * comparators + shift).sum(-1).square()

        advantages = estimators.leave_two_out(signal, tensor(rewards), k)
        assert_matches(advantages, A(rewards, k), magnitude=k * k + max(map(abs, rewards)))


@every_k_below_n_with_comparators
def test_prop_f_1_fails_when_phi_depends_on_the_target(rewards: Rewards, k: int):
    """phi(i, S) = 3 r_i is not cancelled: what is left over is 3 times the leave-one-out advantage of the rewards."""
    left_over = tuple(
        a - 3 * (rewards[i] - mean(rewards[j] for j in everyone(rewards, i))) for i, a in enumerate(A(rewards, k))
    )
    depends_on_i: Signal = lambda r, i, s: highest(r, (*s, i)) - 3 * r[i]  # noqa: E731
    assert leave_two_out(depends_on_i, rewards, k) == left_over
    assert (left_over == A(rewards, k)) is (len(set(rewards)) == 1)
    advantages = estimators.leave_two_out(lambda r, s: group_maximum(r, s) - 3 * r, tensor(rewards), k)
    assert_matches(advantages, left_over, magnitude=3 * max(map(abs, rewards)))


@every_k_below_n
def test_prop_f_1_fails_for_a_random_phi_of_the_target(rewards: Rewards, k: int):
    """A random number for each pair (i, S) is not cancelled. Centring survives: Eq 27 to 30 hold for any signal."""

    def depends_on_i(r: Rewards, i: int, s: Members) -> Fraction:
        return highest(r, (*s, i)) - random_phi(i)(r, s)

    advantages = leave_two_out(depends_on_i, rewards, k)
    assert advantages != A(rewards, k)
    assert sum(advantages) == 0


@pytest.mark.parametrize(("n", "k"), [(2, 1), (3, 2), (4, 2), (4, 3)])
def test_prop_f_1_target_dependence_biases_the_policy_gradient(bandit: Bandit, n: int, k: int):
    """With phi(i, S) = r_i the expectation is grad J_K - K grad J_1, with a comparator-only phi grad J_K."""
    true, first = grad_J(bandit, k), grad_J(bandit, 1)

    def target(rewards: Rewards) -> tuple[Fraction, ...]:
        return leave_two_out(lambda r, i, s: highest(r, (*s, i)) - r[i], rewards, k)

    def comparators(rewards: Rewards) -> tuple[Fraction, ...]:
        return leave_two_out(baselined(random_phi(3)), rewards, k)

    biased = tuple(g - k * f for g, f in zip(true, first, strict=True))
    assert expected_gradient(bandit, n, target, Fraction(k, n)) == biased != true
    assert expected_gradient(bandit, n, comparators, Fraction(k, n)) == true
