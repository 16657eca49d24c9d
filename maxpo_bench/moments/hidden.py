"""The random bandits of a certificate: hidden from the estimator, since they follow from a seed it never sees."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from maxpo_bench.moments.gradient import FloatArray
from maxpo_bench.moments.instances import BanditInstance
from maxpo_bench.moments.multisets import count_multisets

MAX_MULTISETS = 10_000
"""Most action multisets of one hidden bandit: groups without ties (arms >= n) occur up to n = 8; beyond it the
leave-one-out identity covers them."""

MIN_ARMS = 3

MIN_SIGNAL = 0.02
"""Least gradient, as a share of the range of rewards, of each question and their mean that MAX_DRAWS draws look for."""

MAX_DRAWS = 200

DRAWS_OF_A_KIND = 8
"""Sets of n + 1 rewards of each kind on which the leave-one-out identity is checked, and for large n at least 1."""

MAX_REWARDS = 2**22
"""Most rewards in all groups of n that the identity is checked on: every number of ones up to n = 160."""

RewardMaker = Callable[[int, np.random.Generator], FloatArray]


def hidden_instances(n: int, k: int, domain: str, rng: np.random.Generator) -> list[BanditInstance]:
    """Draw the bandits on which an estimator is certified for one (n, K).

    Rewards of ordinary bandits are normal, negative, tied among arms, heavy-tailed, or small whole numbers; the first
    two have at least n arms with different rewards (as far as the number of multisets allows), so that groups without
    ties occur. Contextual ones have 0/1 rewards: on a single binary bandit every estimator points along grad J_K, since
    there is only one direction; several questions with different success rates make the weight that each of them gets
    visible.

    Args:
        n: group size.
        k: objective size.
        domain: ``"real"``: five ordinary bandits and two contextual ones; ``"binary"``: four contextual ones.
        rng: generator of rewards and logits.
    """
    if domain == "binary":
        return [_contextual(arms, questions, n, k, rng) for arms, questions in ((3, 3), (4, 3), (5, 3), (4, 4))]
    kinds = (("normal", n), ("negative", n), ("tied", 5), ("heavy-tailed", 3), ("whole", 4))
    ordinary = [_ordinary(kind, arms, n, k, rng) for kind, arms in kinds]
    return ordinary + [_contextual(arms, questions, n, k, rng) for arms, questions in ((4, 3), (5, 3))]


def hidden_draws(n: int, domain: str, rng: np.random.Generator) -> FloatArray:
    """Draw the sets T of n + 1 rewards on which the leave-one-out identity is checked, [T, n + 1].

    Of each kind of rewards (as on hidden bandits, and some far from zero) several; of 0/1 rewards every number of ones
    (for very large groups as many as `MAX_REWARDS` allows, evenly spread).

    Args:
        n: group size.
        domain: ``"real"``: all kinds; ``"binary"``: 0/1 rewards only.
        rng: generator of the rewards.
    """
    size = n + 1
    affordable = MAX_REWARDS // (n * size)
    ones = np.unique(np.linspace(0, size, max(3, min(size + 1, affordable))).round())
    binary = (np.arange(size) < ones[:, None]).astype(np.float64)
    if domain == "binary":
        return rng.permuted(binary, axis=1)
    kinds = [
        np.stack([make(size, rng) for make in (*_REWARD_MAKERS.values(), _shifted, _levels)])
        for _ in range(max(1, min(DRAWS_OF_A_KIND, affordable // 16)))
    ]
    return rng.permuted(np.concatenate([*kinds, binary]), axis=1)


def _ordinary(kind: str, arms: int, n: int, k: int, rng: np.random.Generator) -> BanditInstance:
    arms = _affordable_arms(arms, n)
    return _with_signal(lambda: BanditInstance.of(_REWARD_MAKERS[kind](arms, rng), rng.normal(size=arms), kind), k)


def _contextual(arms: int, questions: int, n: int, k: int, rng: np.random.Generator) -> BanditInstance:
    arms = _affordable_arms(arms, n)
    label = "binary contextual"
    return _with_signal(
        lambda: BanditInstance.of(_binary_questions(questions, arms, rng), rng.normal(size=arms), label), k
    )


def _with_signal(draw: Callable[[], BanditInstance], k: int) -> BanditInstance:
    """Draw until every question, and their mean, has a gradient worth measuring.

    For large K most bandits are solved for certain; for K = 1 the questions' gradients can cancel.
    """
    best, most = draw(), 0.0
    for _ in range(MAX_DRAWS):
        instance = draw()
        signal = float(_signals(instance, k).min())
        if signal > most:
            best, most = instance, signal
        if signal >= MIN_SIGNAL:
            break
    return best


def _signals(instance: BanditInstance, k: int) -> FloatArray:
    """Length of each question's gradient, as a share of the range of its rewards, and of their mean, [Q + 1]."""
    gradients = instance.gradients(k)
    gradients = np.concatenate([gradients, gradients.mean(axis=0, keepdims=True)])
    ranges = np.ptp(instance.arm_rewards, axis=1)
    return np.linalg.norm(gradients, axis=1) / np.append(ranges, ranges.max())


def _affordable_arms(wanted: int, n: int) -> int:
    arms = max(wanted, MIN_ARMS)
    while arms > MIN_ARMS and count_multisets(arms, n) > MAX_MULTISETS:
        arms -= 1
    return arms


def _binary_questions(questions: int, arms: int, rng: np.random.Generator) -> FloatArray:
    """Draw 0/1 rewards [Q, A]: every question has a right and a wrong arm, and no two have the same right ones."""
    while True:
        rewards = (rng.random((questions, arms)) < rng.uniform(0.2, 0.8, (questions, 1))).astype(np.float64)
        right = rewards.sum(axis=1)
        if ((right > 0) & (right < arms)).all() and len(np.unique(rewards, axis=0)) == questions:
            return rewards


def _with_a_tie(rewards: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Give one arm the reward of another; three or more different ones keep at least two."""
    first, second = rng.choice(rewards.size, size=2, replace=False)
    tied = rewards.copy()
    tied[first] = tied[second]
    return tied


def _shifted(arms: int, rng: np.random.Generator) -> FloatArray:
    return rng.normal(size=arms) + rng.uniform(4.0, 16.0)


def _levels(arms: int, rng: np.random.Generator) -> FloatArray:
    """Rewards of a random number of different values, so that many are tied."""
    return rng.choice(rng.normal(size=rng.integers(2, arms + 1)), size=arms)


_REWARD_MAKERS: dict[str, RewardMaker] = {
    "normal": lambda arms, rng: rng.normal(size=arms),
    "negative": lambda arms, rng: rng.normal(size=arms) - rng.uniform(4.0, 8.0),
    "tied": lambda arms, rng: _with_a_tie(rng.normal(size=arms), rng),
    "heavy-tailed": lambda arms, rng: np.exp(1.5 * rng.normal(size=arms)),
    "whole": lambda arms, rng: _with_a_tie(rng.permutation(arms).astype(np.float64) - 1.0, rng),
}
