"""Small bandits with rational softmax policies, whose batches are all enumerated: expectations without sampling.

The score of a softmax policy is ``e_a - pi``, so that rational probabilities give rational gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import product
from math import prod

from exact import Rewards, Values, everyone, highest

Advantage = Callable[[Rewards], Sequence[Fraction]]


def fractions(*values: int | str) -> Values:
    """Return the values as a tuple of fractions."""
    return tuple(Fraction(v) for v in values)


@dataclass(frozen=True)
class Bandit:
    """Arms with fixed rewards and a softmax policy given by its probabilities."""

    policy: Values
    arm_rewards: Rewards

    @property
    def arms(self) -> range:
        """The arms' indices."""
        return range(len(self.policy))

    def score(self, arm: int) -> Values:
        """Return the gradient of log pi(arm) with respect to the logits."""
        return tuple((arm == b) - self.policy[b] for b in self.arms)

    def expectation_over_arms(self, values: Sequence[Fraction]) -> Fraction:
        """Return the mean of one value per arm under the policy."""
        return sum((p * v for p, v in zip(self.policy, values, strict=True)), Fraction(0))


BANDITS = {
    "generic": Bandit(fractions("1/2", "1/3", "1/6"), fractions("-3/4", "1/2", "2")),
    "tied": Bandit(fractions("1/4", "5/8", "1/8"), fractions("1", "-1/2", "1")),
    "binary": Bandit(fractions("2/5", "3/5"), fractions("1", "0")),
    "all_negative": Bandit(fractions("1/5", "3/5", "1/5"), fractions("-1", "-5/2", "-1/8")),
}


@cache
def batches(bandit: Bandit, n: int) -> tuple[tuple[Fraction, tuple[int, ...], Rewards], ...]:
    """Return every batch of n actions as (probability, actions, rewards)."""
    return tuple(
        (prod((bandit.policy[a] for a in actions), start=Fraction(1)), actions, rewards_of(bandit, actions))
        for actions in product(bandit.arms, repeat=n)
    )


def rewards_of(bandit: Bandit, actions: Sequence[int]) -> Rewards:
    """Return the rewards that the actions earn."""
    return tuple(bandit.arm_rewards[a] for a in actions)


def expect(bandit: Bandit, n: int, statistic: Callable[[Rewards], Fraction]) -> Fraction:
    """Return the exact expectation of a statistic of the rewards of n i.i.d. actions."""
    return sum((p * statistic(rewards) for p, _, rewards in batches(bandit, n)), Fraction(0))


def score_weighted_sum(bandit: Bandit, actions: Sequence[int], advantages: Sequence[Fraction]) -> Values:
    """Return ``sum_i A_i grad log pi(a_i)``."""
    total = sum(advantages, Fraction(0))
    paid = [sum((v for a, v in zip(actions, advantages, strict=True) if a == b), Fraction(0)) for b in bandit.arms]
    return tuple(paid[b] - bandit.policy[b] * total for b in bandit.arms)


def expected_gradient(bandit: Bandit, n: int, advantage: Advantage, scale: Fraction | int) -> Values:
    """Return the exact ``E[scale * sum_i A_i grad log pi(a_i)]`` over all batches of n actions."""
    result = [Fraction(0)] * len(bandit.policy)
    for p, actions, rewards in batches(bandit, n):
        for b, g in enumerate(score_weighted_sum(bandit, actions, advantage(rewards))):
            result[b] += p * scale * g
    return tuple(result)


def J(bandit: Bandit, k: int) -> Fraction:
    """Return E[max of K rewards] by the definition, 0 for K = 0."""
    return expect(bandit, k, lambda rewards: highest(rewards, everyone(rewards)))


@cache
def grad_J(bandit: Bandit, k: int) -> Values:
    """Return the gradient of J_K by differentiating its polynomial in the probabilities, 0 for K = 0.

    J_K = sum_l v_l (F_l^K - F_{l-1}^K) over the distinct reward levels, F_l the probability of at most v_l.
    """
    if k == 0:
        return (Fraction(0),) * len(bandit.policy)
    slope = [Fraction(0)] * len(bandit.policy)
    for level, at_most, below in _levels(bandit):
        for a, reward in enumerate(bandit.arm_rewards):
            slope[a] += level * k * ((reward <= level) * at_most ** (k - 1) - (reward < level) * below ** (k - 1))
    average = bandit.expectation_over_arms(slope)
    return tuple(p * (s - average) for p, s in zip(bandit.policy, slope, strict=True))


def _levels(bandit: Bandit) -> Iterator[tuple[Fraction, Fraction, Fraction]]:
    for level in sorted(set(bandit.arm_rewards)):
        at_most = bandit.expectation_over_arms([Fraction(r <= level) for r in bandit.arm_rewards])
        below = bandit.expectation_over_arms([Fraction(r < level) for r in bandit.arm_rewards])
        yield level, at_most, below


def population_EI(bandit: Bandit, arm: int, k: int) -> Fraction:
    """Return E[(r(arm) - max of K-1 samples)+] by enumerating the comparators; r(arm) for K = 1."""
    if k == 1:
        return bandit.arm_rewards[arm]
    own = bandit.arm_rewards[arm]
    return expect(bandit, k - 1, lambda rewards: max(own - max(rewards), Fraction(0)))
