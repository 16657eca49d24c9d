"""Section 3: the expected-improvement estimator, its leave-two-out baseline, and what the leave-one-out one breaks."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch
from exact import EI, L1O, L2O, A, C, R, Rewards, centred, mean, minus, times
from exact_bandits import Bandit, J, expect, expected_gradient, grad_J
from float_check import assert_matches, tensor
from float_check import expected_gradient as package_gradient
from rank_forms import l2o_by_ranks
from reward_groups import GROUPS, every_k, every_k_below_n, every_k_below_n_with_comparators, over_groups

from maxpo_bench import estimators


@every_k
def test_eq_5_ei_averages_the_improvement_over_comparator_sets(rewards: Rewards, k: int):
    """EI_i is the mean maximum with i minus the mean maximum without it; at K = 1 it is the reward, by convention."""
    assert EI(rewards, k) == minus(R(rewards, k), C(rewards, k))
    if k == 1:
        assert EI(rewards, k) == rewards
    else:
        assert min(EI(rewards, k)) >= 0
    assert_matches(estimators.ei(tensor(rewards), k), EI(rewards, k))


@pytest.mark.parametrize(("n", "k"), [(2, 1), (2, 2), (3, 2), (3, 3), (4, 3), (5, 2)])
def test_eq_5_ei_estimates_the_policy_gradient_without_bias(bandit: Bandit, n: int, k: int):
    """E[(K/n) sum EI_i score_i] = grad J_K for all 1 <= K <= n, and with 1/n it is grad J_K / K."""
    true = grad_J(bandit, k)
    assert expected_gradient(bandit, n, lambda r: EI(r, k), Fraction(k, n)) == true
    assert expected_gradient(bandit, n, lambda r: EI(r, k), Fraction(1, n)) == times(Fraction(1, k), true)
    assert_matches(package_gradient(lambda r: estimators.ei(r, k), bandit, n, Fraction(k, n)), true)


@every_k_below_n
def test_eq_6_l2o_baseline_is_the_mean_of_the_others_ei_without_i(rewards: Rewards, k: int):
    """B_i by its definition: for each j, every (K-1)-subset of the n - 2 samples other than i and j."""
    assert_matches(estimators.l2o_baseline(tensor(rewards), k), L2O(rewards, k))
    smaller = [mean(EI(rewards[:i] + rewards[i + 1 :], k)) for i in range(len(rewards))]
    assert L2O(rewards, k) == tuple(smaller)


def test_eq_6_l2o_baseline_needs_k_below_n():
    rewards = tensor(GROUPS["mixed_signs"])
    for k in (len(rewards), len(rewards) + 1):
        with pytest.raises(ValueError, match="k="):
            estimators.l2o_baseline(rewards, k)
        with pytest.raises(ValueError, match="k="):
            estimators.ei_l2o(rewards, k)


@every_k_below_n
def test_eq_7_l2o_advantage_is_centred_in_every_batch(rewards: Rewards, k: int):
    advantages = minus(EI(rewards, k), L2O(rewards, k))
    assert sum(advantages) == 0
    assert_matches(estimators.ei_l2o(tensor(rewards), k), advantages)


@every_k_below_n
def test_prop_3_1_independence_l2o_baseline_ignores_its_own_reward(rewards: Rewards, k: int):
    for i, changed in changes(rewards):
        assert L2O(changed, k)[i] == L2O(rewards, k)[i]
        before, after = (estimators.l2o_baseline(tensor(r), k)[i] for r in (rewards, changed))
        torch.testing.assert_close(after, before, rtol=1e-12, atol=1e-12)


def test_section_3_1_l1o_baseline_depends_on_its_own_reward():
    """Sample 0 acts as a comparator of the others: raising it lowers their EI, hence its own L1O baseline."""
    low, high = (Fraction(0), Fraction(1), Fraction(2)), (Fraction(3, 2), Fraction(1), Fraction(2))
    assert (L1O(low, 2)[0], L1O(high, 2)[0]) == (1, Fraction(1, 2) * Fraction(3, 4))
    for rewards in (low, high):
        assert_matches(estimators.l1o_baseline(tensor(rewards), 2), L1O(rewards, 2))


def changes(rewards: Rewards) -> list[tuple[int, Rewards]]:
    """Return the groups in which one sample's reward is replaced by a lower or a higher one, with its index."""
    return [
        (i, (*rewards[:i], new, *rewards[i + 1 :]))
        for i in range(len(rewards))
        for new in (min(rewards) - 1, max(rewards) + 1)
    ]


def test_prop_3_1_unbiased_advantage_has_zero_expectation(bandit: Bandit, size: tuple[int, int]):
    """For each sample E[EI_i] = E[B_i] = J_K - J_{K-1}, so that E[A_i] = 0."""
    n, k = size
    expected = J(bandit, k) - J(bandit, k - 1)
    for i in range(n):
        assert expect(bandit, n, lambda r, i=i: EI(r, k)[i]) == expected
        assert expect(bandit, n, lambda r, i=i: L2O(r, k)[i]) == expected


def test_prop_3_1_unbiased_policy_gradient(bandit: Bandit, size: tuple[int, int]):
    n, k = size
    true = grad_J(bandit, k)
    assert expected_gradient(bandit, n, lambda r: minus(EI(r, k), L2O(r, k)), Fraction(k, n)) == true
    assert_matches(package_gradient(lambda r: estimators.ei_l2o(r, k), bandit, n, Fraction(k, n)), true)


def test_section_3_1_l1o_gradient_is_biased_with_a_known_closed_form(bandit: Bandit, size: tuple[int, int]):
    """E[(K/n) sum] = ((n-K) grad J_K + K grad J_{K-1}) / (n-1): unbiased at K = 1 only, however large the batch."""
    n, k = size
    mixture = tuple(
        ((n - k) * g + k * below) / (n - 1) for g, below in zip(grad_J(bandit, k), grad_J(bandit, k - 1), strict=True)
    )
    assert expected_gradient(bandit, n, lambda r: minus(EI(r, k), L1O(r, k)), Fraction(k, n)) == mixture
    assert (mixture == grad_J(bandit, k)) is (k == 1)
    assert_matches(package_gradient(lambda r: estimators.ei_l1o(r, k), bandit, n, Fraction(k, n)), mixture)


@over_groups({name: rewards for name, rewards in GROUPS.items() if len(rewards) > 2})
def test_section_3_1_l1o_advantage_is_centred_too(rewards: Rewards, k: int):
    """EI - L1O = n/(n-1) (EI - mean EI): exact centring does not tell a biased estimator from an unbiased one."""
    n = len(rewards)
    advantages = minus(EI(rewards, k), L1O(rewards, k))
    assert advantages == times(Fraction(n, n - 1), centred(EI(rewards, k)))
    assert sum(advantages) == 0
    assert_matches(estimators.ei_l1o(tensor(rewards), k), advantages)


@every_k_below_n_with_comparators
def test_theorem_3_2_quadratic_form_equals_the_definition(rewards: Rewards, k: int):
    assert_matches(estimators.reference.l2o_dense(tensor(rewards), k), L2O(rewards, k))


@pytest.mark.parametrize(("n", "k"), [(48, 2), (64, 20), (64, 62)])
def test_theorem_3_2_quadratic_form_reaches_where_subsets_cannot_be_listed(n: int, k: int):
    """Groups of 64 have up to 1e17 subsets; n^2 exact terms (see ``rank_forms``) and the package agree there."""
    rewards = tuple(Fraction((37 * i) % 23 - 9, 8) for i in range(n))
    expected = l2o_by_ranks(rewards, k)
    assert_matches(estimators.reference.l2o_dense(tensor(rewards), k), expected)
    assert_matches(estimators.l2o_baseline(tensor(rewards), k), expected)


@every_k_below_n
def test_section_3_2_group_estimator_uses_the_centred_ei(rewards: Rewards, k: int):
    """Algorithm 1's advantage is EI - L2O, and a batch of groups is computed group by group."""
    other = tuple(2 - 3 * r for r in reversed(rewards))
    both = estimators.ei_l2o(torch.stack([tensor(rewards), tensor(other)]), k)
    assert_matches(both[0], A(rewards, k))
    assert_matches(both[1], A(other, k))
