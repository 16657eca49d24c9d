"""Gradient estimates of sampled groups, summed up in segments: the engine under the Monte-Carlo moments.

Only sums leave this module. ``||g_hat||^2`` comes from the runs of equal actions in each group, so nothing of size
groups x arms is ever held: memory is that of one chunk of rewards, whatever the number of arms.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from maxpo_bench.estimators import Estimator
from maxpo_bench.moments.blackbox import evaluate
from maxpo_bench.moments.gradient import FloatArray
from maxpo_bench.moments.instances import BanditInstance
from maxpo_bench.moments.multisets import IntArray
from maxpo_bench.seeding import derive_seed

CHUNK_SAMPLES = 2**18
"""Samples (groups x n) that are evaluated in one call of the estimator."""


@dataclass(frozen=True, eq=False)
class Segments:
    """Averages over consecutive segments of independent gradient estimates.

    Args:
        sizes: groups in each segment, [S], >= 1.
        mean: mean of g_hat, [S, A].
        square: mean of ``||g_hat||^2``, [S].
        advantage_square: mean square of the advantages, [S].
        group_mean_square: mean square of the advantages' group mean, [S].
    """

    sizes: IntArray
    mean: FloatArray
    square: FloatArray
    advantage_square: FloatArray
    group_mean_square: FloatArray

    def select(self, which: IntArray | slice) -> Segments:
        """Return some of the segments."""
        return Segments(
            self.sizes[which],
            self.mean[which],
            self.square[which],
            self.advantage_square[which],
            self.group_mean_square[which],
        )


def sample_segments(
    estimators: Sequence[Estimator], instance: BanditInstance, n: int, sizes: Sequence[int], seed: int
) -> list[Segments]:
    """Return the segments of each estimator, all of them on the same actions.

    Args:
        estimators: each is called once per chunk.
        instance: the bandit; with Q questions an estimate is the mean over one independent group for each.
        n: samples per group.
        sizes: number of estimates in each segment, >= 1.
        seed: the same seed, n and policy give the same actions, however they are cut into segments.

    Raises:
        CertificateError: an estimator fails on some group (the message shows it).
        ValueError: a group size that an estimator does not take.
    """
    for estimator in estimators:
        estimator.check_group_size(n)
    per_question = [
        _sample_question(estimators, rewards, instance.policy, n, sizes, derive_seed(seed, "groups", question))
        for question, rewards in enumerate(instance.arm_rewards)
    ]
    return [_average_questions(parts) for parts in zip(*per_question, strict=True)]


def _sample_question(
    estimators: Sequence[Estimator],
    arm_rewards: FloatArray,
    policy: FloatArray,
    n: int,
    sizes: Sequence[int],
    seed: int,
) -> list[Segments]:
    rng = np.random.default_rng(seed)
    sums = np.zeros((len(estimators), len(sizes), 3))
    means = np.zeros((len(estimators), len(sizes), policy.size))
    for segment, size in enumerate(sizes):
        for actions in _draw_actions(policy, n, size, rng):
            rewards = arm_rewards[actions]
            runs = _Runs(actions, policy)
            for index, estimator in enumerate(estimators):
                advantages = evaluate(estimator, rewards)
                factor = estimator.scale_factor(n)
                means[index, segment] += factor * runs.gradient_sum(advantages)
                sums[index, segment] += (
                    factor**2 * runs.square_sum(advantages),
                    (advantages**2).mean(axis=1).sum(),
                    (advantages.mean(axis=1) ** 2).sum(),
                )
    counts = np.array(sizes, dtype=np.int64)
    means /= counts[:, None]
    sums /= counts[:, None]
    return [Segments(counts, mean, *part.T) for mean, part in zip(means, sums, strict=True)]


def _draw_actions(policy: FloatArray, n: int, groups: int, rng: np.random.Generator) -> Iterator[IntArray]:
    """Draw the actions of all groups in chunks [m, n], by inverting the cumulative distribution."""
    cumulative = np.cumsum(policy)
    cumulative /= cumulative[-1]
    chunk = max(1, CHUNK_SAMPLES // n)
    for start in range(0, groups, chunk):
        uniform = rng.random((min(chunk, groups - start), n))
        yield np.searchsorted(cumulative, uniform, side="right")


class _Runs:
    """Actions of a chunk of groups [m, n], sorted once so that many estimators can sum advantages by action."""

    def __init__(self, actions: IntArray, policy: FloatArray) -> None:
        self.actions = actions
        self.policy = policy
        self.order = actions.argsort(axis=1)
        ordered = np.take_along_axis(actions, self.order, axis=1)
        starts = np.zeros(actions.shape, dtype=np.int64)
        starts[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
        self.cells = (starts.cumsum(axis=1) + np.arange(len(actions))[:, None] * actions.shape[1]).ravel()
        self.probability = policy[actions]

    def gradient_sum(self, advantages: FloatArray) -> FloatArray:
        """Sum over groups of ``sum_i A_i (e_{a_i} - pi)``, [A]."""
        by_arm = np.bincount(self.actions.ravel(), advantages.ravel(), minlength=self.policy.size)
        return by_arm - advantages.sum() * self.policy

    def square_sum(self, advantages: FloatArray) -> float:
        """Sum over groups of ``||sum_i A_i (e_{a_i} - pi)||^2``."""
        ordered = np.take_along_axis(advantages, self.order, axis=1).ravel()
        by_run = np.bincount(self.cells, ordered, minlength=ordered.size)
        total = advantages.sum(axis=1)
        overlap = (advantages * self.probability).sum(axis=1)
        policy_square = float(self.policy @ self.policy)
        return float(by_run @ by_run + (total * (total * policy_square - 2.0 * overlap)).sum())


def _average_questions(parts: Sequence[Segments]) -> Segments:
    """Segments of the mean of independent estimates, one for each question.

    The mean square of an average of independent estimates is that of its mean plus the variances over Q^2; estimated
    so within each segment, it has the right expectation for every size of segment.
    """
    num_questions = len(parts)
    mean = np.mean([part.mean for part in parts], axis=0)
    spread = sum(part.square - (part.mean**2).sum(axis=1) for part in parts)
    return Segments(
        sizes=parts[0].sizes,
        mean=mean,
        square=(mean**2).sum(axis=1) + np.asarray(spread) / num_questions**2,
        advantage_square=np.mean([part.advantage_square for part in parts], axis=0),
        group_mean_square=np.mean([part.group_mean_square for part in parts], axis=0),
    )
