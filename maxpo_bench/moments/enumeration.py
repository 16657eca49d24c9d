"""Exact mean and variance of any estimator's policy gradient, by enumerating what a group can draw.

For a softmax bandit a group of n i.i.d. actions gives ``g_hat = factor * sum_i A_i (e_{a_i} - pi)``. An estimator that
is permutation equivariant gives the same ``g_hat`` for every order of a multiset of actions, so C(A+n-1, n) multisets
with multinomial weights are enough; one that isn't is evaluated on all A^n ordered tuples.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike

from maxpo_bench.estimators import Estimator
from maxpo_bench.moments.blackbox import check_estimators, check_rows_are_independent, evaluate, same_rows
from maxpo_bench.moments.gradient import FloatArray, GradientMoments
from maxpo_bench.moments.instances import BanditInstance
from maxpo_bench.moments.multisets import IntArray, action_multisets, action_tuples
from maxpo_bench.seeding import derive_seed

Outcomes = tuple[IntArray, FloatArray]

COPIES = 3
"""Each row is evaluated in this many random orders."""


@dataclass(frozen=True, eq=False, repr=False)
class ExactMoments(GradientMoments):
    """Moments without sampling error.

    Args:
        mean: as in the base class, like the others.
        total_variance: of one estimate.
        truth: exact gradient.
        advantage_rms: of the advantages.
        group_mean_rms: of their means within groups.
        is_equivariant: was the estimator permutation equivariant on all rewards it was given?
        num_outcomes: how many groups were enumerated: action multisets, or ordered tuples where it was not.
    """

    is_equivariant: bool
    num_outcomes: int


def enumerate_moments(
    estimator: Estimator,
    arm_rewards: ArrayLike | torch.Tensor,
    logits: ArrayLike | torch.Tensor,
    n: int,
    *,
    seed: int = 0,
) -> ExactMoments:
    """Return the exact moments of the estimator's gradient estimate on one small bandit.

    Args:
        estimator: any estimator; its ``k`` says which objective is the truth, its scale which factor g_hat carries.
        arm_rewards: rewards of the arms, [A], or [Q, A] for Q questions that share the logits.
        logits: the policy's logits, [A].
        n: samples per group.
        seed: of the orders in which rows are presented; the result does not depend on it beyond rounding.

    Raises:
        CertificateError: the estimator fails on some group (the message shows the smallest).
        ValueError: too many outcomes to enumerate, a group size the estimator does not take, or shapes that don't fit.
    """
    instance = BanditInstance.of(arm_rewards, logits)
    return enumerate_instances(estimator, [instance], n, seed=seed)[0]


def enumerate_instances(
    estimator: Estimator, instances: Sequence[BanditInstance], n: int, *, seed: int = 0
) -> list[ExactMoments]:
    """Return the exact moments on several bandits from one batched call of the estimator.

    Arguments and errors as in :func:`enumerate_moments`.
    """
    return enumerate_beside(estimator, instances, np.empty((0, n)), n, seed=seed)[0]


def enumerate_beside(
    estimator: Estimator, instances: Sequence[BanditInstance], groups: FloatArray, n: int, *, seed: int = 0
) -> tuple[list[ExactMoments], FloatArray]:
    """Return the exact moments on several bandits, and the answers to further groups shuffled into the same batch.

    Args:
        estimator: any estimator.
        instances: the bandits.
        groups: rewards of the further groups, [rows, n].
        n: samples per group.
        seed: of the orders in which rows are presented.

    Returns:
        The moments, one for each bandit, and the advantages of the further groups, [rows, n]; of an estimator that is
        not permutation equivariant their means over all n! orders of each group.

    Raises:
        CertificateError: as in :func:`enumerate_moments`, like ``ValueError``.
    """
    check_estimators([estimator])
    estimator.check_group_size(n)
    rng = np.random.default_rng(derive_seed(seed, "enumeration", n))
    outcomes = [action_multisets(instance.num_arms, n) for instance in instances]
    rows = np.concatenate([_all_rewards(instances, outcomes), groups])
    advantages, equivariant = _permuted_answers(estimator, rows, rng)
    beside = advantages[len(rows) - len(groups) :]
    if not equivariant:
        outcomes = [action_tuples(instance.num_arms, n) for instance in instances]
        advantages = _shuffled_answers(estimator, _all_rewards(instances, outcomes), rng)
        beside = _means_over_orders(estimator, groups, rng)
    parts = _split(advantages, instances, outcomes)
    moments = [
        _moments(estimator, instance, drawn, part, equivariant)
        for instance, drawn, part in zip(instances, outcomes, parts, strict=True)
    ]
    return moments, beside


def check_size(instances: Sequence[BanditInstance], n: int) -> None:
    """Raise unless what groups of n can draw on these bandits can be enumerated.

    Raises:
        TooManyOutcomesError: there are too many outcomes.
    """
    for instance in instances:
        action_multisets(instance.num_arms, n)


def is_permutation_equivariant(estimator: Estimator, rewards: ArrayLike, *, seed: int = 0) -> bool:
    """Tell whether shuffling a group's rewards shuffles its advantages in the same way, on these rows [rows, n].

    Every row is evaluated in three random orders. Equal rewards in a row must get equal advantages.
    """
    rows = np.array(rewards, dtype=np.float64)
    return _permuted_answers(estimator, rows, np.random.default_rng(derive_seed(seed, "equivariance")))[1]


def _all_rewards(instances: Sequence[BanditInstance], outcomes: Sequence[Outcomes]) -> FloatArray:
    """Rewards of every outcome of every question of every instance, [rows, n]."""
    return np.concatenate(
        [
            rewards[actions]
            for instance, (actions, _) in zip(instances, outcomes, strict=True)
            for rewards in instance.arm_rewards
        ]
    )


def _split(
    advantages: FloatArray, instances: Sequence[BanditInstance], outcomes: Sequence[Outcomes]
) -> Iterator[FloatArray]:
    """Undo the concatenation of :func:`_all_rewards`: [Q, outcomes, n] for each instance."""
    start = 0
    for instance, (actions, _) in zip(instances, outcomes, strict=True):
        stop = start + instance.num_questions * len(actions)
        yield advantages[start:stop].reshape(instance.num_questions, *actions.shape)
        start = stop


def _permuted_answers(estimator: Estimator, rows: FloatArray, rng: np.random.Generator) -> tuple[FloatArray, bool]:
    """Evaluate all rows in several random orders in one call; return one answer, and whether all agree."""
    copies = np.tile(rows, (COPIES, 1))
    within = rng.random(copies.shape).argsort(axis=1)
    order = rng.permutation(len(copies))
    given = np.take_along_axis(copies, within, axis=1)[order]
    answer = evaluate(estimator, given)
    check_rows_are_independent(estimator, given, answer, rng)
    shuffled = np.empty_like(answer)
    shuffled[order] = answer
    restored = np.empty_like(answer)
    np.put_along_axis(restored, within, shuffled, axis=1)
    first, *others = restored.reshape(COPIES, *rows.shape)
    return first, all(bool(same_rows(first, other).all()) for other in others)


def _shuffled_answers(estimator: Estimator, rows: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Evaluate rows in random order, each as it is."""
    order = rng.permutation(len(rows))
    advantages = np.empty_like(rows)
    advantages[order] = evaluate(estimator, rows[order])
    return advantages


def _means_over_orders(estimator: Estimator, groups: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Mean advantages of each group over all n! orders of it; n is small where tuples could be enumerated."""
    orders = np.array(list(itertools.permutations(range(groups.shape[1]))))
    presented = groups[:, orders]
    answers = _shuffled_answers(estimator, presented.reshape(-1, groups.shape[1]), rng).reshape(presented.shape)
    return np.take_along_axis(answers, np.broadcast_to(orders.argsort(axis=1), presented.shape), axis=2).mean(axis=1)


def _moments(
    estimator: Estimator, instance: BanditInstance, outcomes: Outcomes, advantages: FloatArray, equivariant: bool
) -> ExactMoments:
    """Weigh the outcomes of one instance; advantages are [Q, outcomes, n]."""
    actions, orders = outcomes
    n = actions.shape[1]
    policy = instance.policy
    weights = policy[actions].prod(axis=1) * orders
    factor = estimator.scale_factor(n)
    means, variances = [], []
    for question in advantages:
        gradients = factor * (
            _sum_by_arm(actions, question, instance.num_arms) - question.sum(axis=1)[:, None] * policy
        )
        mean = weights @ gradients
        means.append(mean)
        variances.append(weights @ ((gradients - mean) ** 2).sum(axis=1))
    return ExactMoments(
        mean=np.mean(means, axis=0),
        total_variance=float(np.mean(variances) / len(variances)),
        truth=instance.gradient(estimator.k),
        advantage_rms=float(np.sqrt((weights @ (advantages**2).mean(axis=2).T).mean())),
        group_mean_rms=float(np.sqrt((weights @ (advantages.mean(axis=2) ** 2).T).mean())),
        is_equivariant=equivariant,
        num_outcomes=len(actions),
    )


def _sum_by_arm(actions: IntArray, advantages: FloatArray, num_arms: int) -> FloatArray:
    """Sum of the advantages of each arm's samples, [outcomes, A]."""
    cells = (np.arange(len(actions))[:, None] * num_arms + actions).ravel()
    sums = np.bincount(cells, advantages.ravel(), minlength=len(actions) * num_arms)
    return sums.astype(np.float64, copy=False).reshape(len(actions), num_arms)
