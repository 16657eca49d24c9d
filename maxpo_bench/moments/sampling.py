"""Gradient estimates of sampled groups, summed up in segments: the engine under the Monte-Carlo moments.

Only sums leave this module. Nothing of size groups x arms is ever held: memory is that of one chunk of samples and of
the sums, whatever the number of groups. A chunk takes milliseconds, so that an interrupt gets through between two.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from maxpo_bench.estimators import Estimator
from maxpo_bench.moments.blackbox import check_estimators, check_finite, evaluate_tensor
from maxpo_bench.moments.device import find_device
from maxpo_bench.moments.gradient import FloatArray
from maxpo_bench.moments.instances import BanditInstance
from maxpo_bench.moments.sampling_device import sum_question as sum_question_on_device
from maxpo_bench.moments.sampling_sums import (
    GroupSums,
    Segments,
    average_questions,
    cut_stream,
)
from maxpo_bench.seeding import derive_seed

CHUNK_SAMPLES = 2**15
"""Samples (groups x n) that are evaluated in one call of the estimator: their arrays stay in the second-level cache."""


def sample_segments(
    estimators: Sequence[Estimator],
    instance: BanditInstance,
    n: int,
    sizes: Sequence[int],
    seed: int,
    *,
    device: str | torch.device = "cpu",
) -> list[Segments]:
    """Return the segments of each estimator, all of them on the same actions.

    Args:
        estimators: each is called once per chunk.
        instance: the bandit; with Q questions an estimate is the mean over one independent group for each.
        n: samples per group.
        sizes: number of estimates in each segment, >= 1.
        seed: the same seed, n, policy and kind of device give the same actions, however they are cut into segments.
        device: "cpu" for the compiled path, or another torch device, with another stream of actions.

    Raises:
        CertificateError: an estimator fails on some group (the message shows it).
        ValueError: a group size that an estimator does not take, or a device that is not there.
    """
    check_estimators(estimators)
    for estimator in estimators:
        estimator.check_group_size(n)
    found = find_device(device)
    policy = instance.policy
    per_question: list[list[Segments]] = []
    for question, rewards in enumerate(instance.arm_rewards):
        stream = derive_seed(seed, "groups", question)
        if found.type == "cpu":
            sums = sum_question(estimators, rewards, policy, n, sizes, stream)
        else:
            sums = sum_question_on_device(estimators, rewards, policy, n, sizes, stream, found)
        factors = [estimator.scale_factor(n) for estimator in estimators]
        averages = [each.into_averages(sizes, policy, n, factor) for each, factor in zip(sums, factors, strict=True)]
        for estimator, each in zip(estimators, averages, strict=True):
            check_finite(estimator, each.mean, each.square, each.advantage_square, each.group_mean_square)
        per_question.append(averages)
    return [average_questions(parts) for parts in zip(*per_question, strict=True)]


def sum_question(
    estimators: Sequence[Estimator],
    arm_rewards: FloatArray,
    policy: FloatArray,
    n: int,
    sizes: Sequence[int],
    seed: int,
) -> list[GroupSums]:
    """Return the sums of each estimator over the segments of one question, on the CPU.

    Arguments and errors as in :func:`maxpo_bench.moments.sampling_device.sum_question`.
    """
    from maxpo_bench.moments import sampling_kernel as kernel

    rng = np.random.default_rng(seed)
    border, arms = kernel.alias_table(policy)
    chunk = max(1, CHUNK_SAMPLES // n)
    values, actions = np.empty((chunk, n)), np.empty((chunk, n), dtype=np.uint32)
    scratch, policy_square = np.zeros(policy.size), float(policy @ policy)
    sums = [GroupSums(np.zeros((len(sizes), policy.size)), np.zeros((len(sizes), 4))) for _ in estimators]
    for parts in cut_stream(sizes, chunk):
        stop = parts[-1][1].stop
        rewards, drawn = values[:stop], actions[:stop]
        rng.random(out=rewards)
        kernel.draw_groups(rewards.reshape(-1), border, arms, arm_rewards, drawn.reshape(-1))
        for estimator, each in zip(estimators, sums, strict=True):
            advantages = evaluate_tensor(estimator, torch.from_numpy(rewards)).numpy()
            for segment, rows in parts:
                target = each.by_arm[segment], each.sums[segment]
                kernel.add_groups(drawn[rows], advantages[rows], policy, policy_square, scratch, *target)
    return sums
