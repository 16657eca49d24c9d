"""Gradient estimates of sampled groups, summed up in segments, on any torch device (a GPU, as a rule).

The stream of actions is another one than that of the NumPy generator. Sums are bitwise the same in every run: runs of
equal keys are added in a fixed order, and nothing depends on the order of atomic additions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from maxpo_bench.estimators import Estimator
from maxpo_bench.moments.blackbox import evaluate_tensor
from maxpo_bench.moments.gradient import FloatArray
from maxpo_bench.moments.sampling_sums import GroupSums, cut_stream

DEVICE_CHUNK_SAMPLES = 2**20
"""Samples (groups x n) that are drawn and evaluated at once; part of what determines the stream of actions."""


def sum_question(
    estimators: Sequence[Estimator],
    arm_rewards: FloatArray,
    policy: FloatArray,
    n: int,
    sizes: Sequence[int],
    seed: int,
    device: torch.device,
) -> list[GroupSums]:
    """Return the sums of each estimator over the segments of one question, all of them on the same actions.

    Args:
        estimators: each is called once per chunk with a float64 tensor on the device.
        arm_rewards: [A].
        policy: [A].
        n: samples per group.
        sizes: groups in each segment, [S].
        seed: in [0, 2**63).
        device: where everything is drawn, evaluated and added up.

    Raises:
        CertificateError: an estimator fails on some group.
    """
    sampler = _Sampler(policy, n, seed, device)
    reward_row = torch.tensor(arm_rewards, device=device)
    accumulators = [_Accumulator(sampler.policy, len(sizes)) for _ in estimators]
    for parts in cut_stream(sizes, sampler.chunk):
        segments = np.concatenate([np.full(rows.stop - rows.start, segment) for segment, rows in parts])
        actions = sampler.draw()[: len(segments)]
        groups = _Groups(actions, torch.tensor(segments, device=device), sampler.policy)
        rewards = reward_row[actions]
        for estimator, accumulator in zip(estimators, accumulators, strict=True):
            accumulator.add(groups, evaluate_tensor(estimator, rewards))
    return [accumulator.finish() for accumulator in accumulators]


class _Sampler:
    """Independent actions from a policy by its alias table, in whole chunks [chunk, n], of one seeded generator."""

    def __init__(self, policy: FloatArray, n: int, seed: int, device: torch.device) -> None:
        from maxpo_bench.moments.sampling_kernel import alias_table

        border, arms = alias_table(policy)
        self.policy = torch.tensor(policy, device=device)
        self.chunk = max(1, DEVICE_CHUNK_SAMPLES // n)
        self._border = torch.tensor(border, device=device)
        self._arms = torch.tensor(arms, dtype=torch.int64, device=device)
        self._shape = (self.chunk, n)
        self._generator = torch.Generator(device).manual_seed(seed)

    def draw(self) -> Tensor:
        """Return the actions of the next chunk; always a whole one, so that the stream has no other cuts."""
        uniform = torch.rand(self._shape, generator=self._generator, dtype=torch.float64, device=self.policy.device)
        point = uniform.mul_(self.policy.numel())
        cell = point.long()
        return self._arms[2 * cell + (point >= self._border[cell])]


class _Groups:
    """Actions of a chunk, sorted once so that many estimators can be summed over equal actions."""

    def __init__(self, actions: Tensor, segments: Tensor, policy: Tensor) -> None:
        self.probability = policy[actions]
        ordered, self.order = actions.sort(dim=1)
        self.within = _Runs(ordered)
        keys, self.cell_order = (segments[:, None] * policy.numel() + actions).flatten().sort(stable=True)
        self.cells = _Runs(keys)
        self.segments = _Runs(segments)


class _Runs:
    """Runs of equal keys on the last axis of ascending ``keys``, [..., N]."""

    def __init__(self, keys: Tensor) -> None:
        self.keys = keys
        self.is_last = torch.ones_like(keys, dtype=torch.bool)
        self.is_last[..., :-1] = keys[..., 1:] != keys[..., :-1]
        self._same: list[Tensor] = []
        while (step := 2 ** len(self._same)) < keys.shape[-1]:
            same = keys[..., step:] == keys[..., :-step]
            if not same.any():
                break
            self._same.append(same)

    def totals(self, values: Tensor) -> Tensor:
        """Return each run's sum of values [..., N] in the place of its last key, and 0 elsewhere.

        Doubling: after j steps each place holds the sum of the last 2^j values of its run up to there.
        """
        for power, same in enumerate(self._same):
            step = 2**power
            values = torch.cat([values[..., :step], values[..., step:] + values[..., :-step] * same], dim=-1)
        return values * self.is_last

    def add_to(self, target: Tensor, values: Tensor) -> None:
        """Add each run's total to ``target`` [..., T] at its key; every other term is 0, so any order is the same."""
        target.index_add_(-1, self.keys, self.totals(values))


class _Accumulator:
    """Sums of one estimator."""

    def __init__(self, policy: Tensor, num_segments: int) -> None:
        self.policy = policy
        self.by_arm = policy.new_zeros(num_segments * policy.numel())
        self.sums = policy.new_zeros(4, num_segments)

    def add(self, groups: _Groups, advantages: Tensor) -> None:
        """Add a chunk of groups, advantages [m, n]."""
        arm_sums = groups.within.totals(advantages.gather(1, groups.order))
        total = advantages.sum(dim=1)
        overlap = (advantages * groups.probability).sum(dim=1)
        square = arm_sums.square().sum(dim=1) + total * (total * self.policy.square().sum() - 2.0 * overlap)
        rows = torch.stack([square, advantages.square().sum(dim=1), total.square(), total])
        groups.segments.add_to(self.sums, rows)
        groups.cells.add_to(self.by_arm, advantages.flatten()[groups.cell_order])

    def finish(self) -> GroupSums:
        """Return the sums on the CPU."""
        return GroupSums(self.by_arm.view(-1, self.policy.numel()).cpu().numpy(), self.sums.T.cpu().numpy())
