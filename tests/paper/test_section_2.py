"""Section 2: the policy gradient with a baseline, the max@K objective, its gradient and the expected improvement."""

from __future__ import annotations

from fractions import Fraction

import pytest
from exact import Rewards, everyone, highest, mean
from exact_bandits import (
    Bandit,
    J,
    batches,
    expected_gradient,
    fractions,
    grad_J,
    population_EI,
    score_weighted_sum,
)
from float_check import assert_matches
from float_check import expected_gradient as package_gradient

from maxpo_bench import estimators


def expected_score_product(bandit: Bandit, values: tuple[Fraction, ...]) -> tuple[Fraction, ...]:
    """Return E_a[values(a) grad log pi(a)]."""
    return tuple(
        bandit.expectation_over_arms([v * bandit.score(a)[b] for a, v in zip(bandit.arms, values, strict=True)])
        for b in bandit.arms
    )


@pytest.mark.parametrize("baseline", fractions("0", "7/3", "-5"))
def test_eq_1_a_constant_baseline_leaves_the_policy_gradient_unchanged(bandit: Bandit, baseline: Fraction):
    advantages = tuple(r - baseline for r in bandit.arm_rewards)
    assert expected_score_product(bandit, advantages) == grad_J(bandit, 1)


def test_section_2_1_score_has_zero_mean_and_expected_reward_centres(bandit: Bandit):
    assert not any(expected_score_product(bandit, fractions(*[1] * len(bandit.policy))))
    value = J(bandit, 1)
    assert bandit.expectation_over_arms([r - value for r in bandit.arm_rewards]) == 0


@pytest.mark.parametrize("n", [2, 3, 4])
def test_section_2_1_batch_mean_is_biased_and_leave_one_out_is_not(bandit: Bandit, n: int):
    """The batch mean shrinks the gradient by (n-1)/n, the leave-one-out mean leaves it: REINFORCE-L1O, Dr.GRPO."""

    def batch_mean(rewards: Rewards) -> tuple[Fraction, ...]:
        return tuple(r - mean(rewards) for r in rewards)

    def leave_one_out(rewards: Rewards) -> tuple[Fraction, ...]:
        return tuple(r - mean(rewards[j] for j in everyone(rewards, i)) for i, r in enumerate(rewards))

    true = grad_J(bandit, 1)
    shrunk = tuple(Fraction(n - 1, n) * g for g in true)
    assert expected_gradient(bandit, n, leave_one_out, Fraction(1, n)) == true
    assert expected_gradient(bandit, n, batch_mean, Fraction(1, n)) == shrunk != true
    assert_matches(package_gradient(lambda r: estimators.reinforce_l1o(r, 1), bandit, n, Fraction(1, n)), true)
    assert_matches(package_gradient(lambda r: estimators.dr_grpo(r, 1), bandit, n, Fraction(1, n)), shrunk)


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_eq_2_max_at_k_is_the_expected_maximum_and_pass_at_k_for_binary_rewards(bandit: Bandit, k: int):
    """The enumerated maximum equals the sum over reward levels; with rewards of 0 and 1 it is 1 - (1 - p)^K."""
    chance = {
        v: bandit.expectation_over_arms([Fraction(r <= v) for r in bandit.arm_rewards])
        for v in sorted(set(bandit.arm_rewards))
    }
    by_levels, below = Fraction(0), Fraction(0)
    for level, at_most in chance.items():
        by_levels += level * (at_most**k - below**k)
        below = at_most
    assert J(bandit, k) == by_levels
    if set(bandit.arm_rewards) == {0, 1}:
        success = bandit.expectation_over_arms(bandit.arm_rewards)
        assert J(bandit, k) == 1 - (1 - success) ** k


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_eq_3_gradient_couples_the_actions_through_the_maximum(bandit: Bandit, k: int):
    """E[max of K rewards * sum of their scores], also with the maximum of the others taken off, is grad J_K.

    The text of Eq 3 is read as the score-function form; the second sum is the joint form of Eq 4.
    """
    joint = [Fraction(0)] * len(bandit.policy)
    improved = [Fraction(0)] * len(bandit.policy)
    for p, actions, rewards in batches(bandit, k):
        everybody = everyone(rewards)
        top = highest(rewards, everybody)
        gains = [top - highest(rewards, everyone(rewards, i)) for i in everybody]
        for b in bandit.arms:
            joint[b] += p * score_weighted_sum(bandit, actions, [top] * k)[b]
            improved[b] += p * score_weighted_sum(bandit, actions, gains)[b]
    assert tuple(joint) == grad_J(bandit, k)
    assert tuple(improved) == grad_J(bandit, k)


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_eq_4_gradient_is_k_times_the_expected_improvement_weighted_score(bandit: Bandit, k: int):
    values = tuple(k * population_EI(bandit, a, k) for a in bandit.arms)
    assert expected_score_product(bandit, values) == grad_J(bandit, k)


@pytest.mark.parametrize("k", [2, 3, 4])
def test_section_2_2_expected_improvement_is_never_negative_and_not_centred(bandit: Bandit, k: int):
    """Its mean J_K - J_{K-1} is positive for any policy with two reward levels: the baseline is underestimated."""
    values = [population_EI(bandit, a, k) for a in bandit.arms]
    assert min(values) >= 0
    assert bandit.expectation_over_arms(values) == J(bandit, k) - J(bandit, k - 1) > 0


@pytest.mark.parametrize("k", [1, 2, 3])
def test_section_2_2_gradient_does_not_point_along_a_common_logit_shift(bandit: Bandit, k: int):
    """A softmax policy ignores a constant added to all logits, and at least one arm gains."""
    assert sum(grad_J(bandit, k)) == 0
    assert any(grad_J(bandit, k))
