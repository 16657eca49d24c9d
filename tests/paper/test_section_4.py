"""Section 4: the canonical finite-batch advantage R - V and what the other estimators subtract instead."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

from exact import (
    EI,
    L2O,
    A,
    C,
    R,
    Rewards,
    V,
    everyone,
    highest,
    leave_two_out,
    mean,
    minus,
    rho,
    subsets,
    times,
)
from exact_bandits import Bandit, expected_gradient, grad_J
from float_check import assert_matches, tensor
from float_check import expected_gradient as package_gradient
from reward_groups import every_k, every_k_below_n, every_k_below_n_with_comparators

from maxpo_bench import estimators


@every_k_below_n
def test_eq_8_conditional_and_leave_one_out_maximum(rewards: Rewards, k: int):
    """R_i averages the maximum over the K-groups that contain i, V_i over those that exclude it; A = R - V."""
    groups = subsets(everyone(rewards), k)
    with_i = [mean(highest(rewards, t) for t in groups if i in t) for i in range(len(rewards))]
    without_i = [mean(highest(rewards, t) for t in groups if i not in t) for i in range(len(rewards))]
    assert (R(rewards, k), V(rewards, k)) == (tuple(with_i), tuple(without_i))
    assert_matches(estimators.conditional_max(tensor(rewards), k), R(rewards, k))
    assert_matches(estimators.leave_one_out_max(tensor(rewards), k), V(rewards, k))
    assert_matches(estimators.ei_l2o(tensor(rewards), k), A(rewards, k))


@every_k_below_n
def test_section_4_1_leave_one_out_maximum_is_a_baseline(rewards: Rewards, k: int):
    """V_i does not contain r_i, and at K = 1 the canonical advantage is the reward minus the others' mean."""
    for i in everyone(rewards):
        changed = (*rewards[:i], max(rewards) + 5, *rewards[i + 1 :])
        assert V(changed, k)[i] == V(rewards, k)[i]
        if k == 1:
            assert A(rewards, k)[i] == rewards[i] - mean(rewards[j] for j in everyone(rewards, i))


def test_section_4_1_canonical_advantage_is_unbiased(bandit: Bandit, size: tuple[int, int]):
    n, k = size
    assert expected_gradient(bandit, n, lambda r: A(r, k), Fraction(k, n)) == grad_J(bandit, k)
    assert expected_gradient(bandit, n, lambda r: R(r, k), Fraction(k, n)) == grad_J(bandit, k)
    assert not any(expected_gradient(bandit, n, lambda r: V(r, k), Fraction(k, n)))
    advantage = estimators.get_estimator("maxpo", k)
    assert_matches(package_gradient(advantage, bandit, n, Fraction(k, n)), grad_J(bandit, k))


@every_k
def test_eq_9_each_group_enters_k_times_into_the_sum_of_R(rewards: Rewards, k: int):
    n = len(rewards)
    counts = Counter(tuple(sorted((*s, i))) for i in range(n) for s in subsets(everyone(rewards, i), k - 1))
    assert counts == dict.fromkeys(subsets(everyone(rewards), k), k)
    total = sum((highest(rewards, t) for t in subsets(everyone(rewards), k)), Fraction(0))
    assert sum(R(rewards, k)) == Fraction(k, len(subsets(everyone(rewards, 0), k - 1))) * total == n * rho(rewards, k)
    assert_matches(estimators.conditional_max(tensor(rewards), k).mean(), mean(R(rewards, k)))


@every_k_below_n
def test_eq_10_each_group_enters_n_minus_k_times_into_the_sum_of_V(rewards: Rewards, k: int):
    n = len(rewards)
    counts = Counter(t for i in range(n) for t in subsets(everyone(rewards, i), k))
    assert counts == dict.fromkeys(subsets(everyone(rewards), k), n - k)
    total = sum((highest(rewards, t) for t in subsets(everyone(rewards), k)), Fraction(0))
    assert sum(V(rewards, k)) == Fraction(n - k, len(subsets(everyone(rewards, 0), k))) * total == n * rho(rewards, k)
    assert_matches(estimators.leave_one_out_max(tensor(rewards), k).mean(), mean(V(rewards, k)))


@every_k_below_n
def test_section_4_1_canonical_advantage_is_centred(rewards: Rewards, k: int):
    assert sum(A(rewards, k)) == 0
    assert mean(R(rewards, k)) == mean(V(rewards, k)) == rho(rewards, k)
    assert_matches(estimators.max_at_k(tensor(rewards), k), rho(rewards, k))


@every_k
def test_section_4_2_ei_subtracts_the_comparator_maximum(rewards: Rewards, k: int):
    """EI = R - C; it is not negative for K >= 2 and its mean is rho_K - rho_{K-1}, so that it is not centred."""
    assert EI(rewards, k) == minus(R(rewards, k), C(rewards, k))
    assert mean(EI(rewards, k)) == rho(rewards, k) - rho(rewards, k - 1)
    if k > 1:
        assert min(EI(rewards, k)) >= 0
        assert (sum(EI(rewards, k)) == 0) is (rho(rewards, k) == rho(rewards, k - 1))
    assert_matches(estimators.comparator_max(tensor(rewards), k), C(rewards, k))


@every_k_below_n
def test_prop_4_1_l2o_baseline_is_V_minus_C(rewards: Rewards, k: int):
    assert L2O(rewards, k) == minus(V(rewards, k), C(rewards, k))


@every_k_below_n
def test_eq_11_ei_with_l2o_is_the_canonical_advantage(rewards: Rewards, k: int):
    assert minus(EI(rewards, k), L2O(rewards, k)) == minus(R(rewards, k), V(rewards, k))
    expected = A(rewards, k)
    assert_matches(estimators.ei_l2o(tensor(rewards), k), expected)
    assert_matches(estimators.get_estimator("ei_l2o", k)(tensor(rewards)), expected)


@every_k_below_n_with_comparators
def test_section_4_2_l2o_maps_comparator_only_signals_to_the_canonical_advantage(rewards: Rewards, k: int):
    """Whatever the comparators' own term is: none (R), their maximum (EI), their mean, or their smallest reward."""
    for phi in (lambda s: 0, max, mean, min):
        signal_of = lambda r, i, s, phi=phi: highest(r, (*s, i)) - phi([r[j] for j in s])  # noqa: E731
        assert leave_two_out(signal_of, rewards, k) == A(rewards, k)


@every_k
def test_section_4_2_non_EI_estimators_rescale_R_by_the_share_of_groups_with_i(rewards: Rewards, k: int):
    """Averaging over all K-groups, those without i counting 0, gives (K/n) R_i."""
    groups = subsets(everyone(rewards), k)
    shared = [mean(highest(rewards, t) if i in t else Fraction(0) for t in groups) for i in everyone(rewards)]
    assert tuple(shared) == times(Fraction(k, len(rewards)), R(rewards, k))
    assert_matches(estimators.all_subsets(tensor(rewards), k), shared)
