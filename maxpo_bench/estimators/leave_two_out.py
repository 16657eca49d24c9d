"""The leave-two-out construction for any signal, by brute force over subsets (Proposition F.1)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import torch
from torch import Tensor

from maxpo_bench.estimators.checks import k_samples_and_another
from maxpo_bench.estimators.gaps import sort_groups

MAX_TERMS = 5_000_000
Signal = Callable[[Tensor, Tensor], Tensor]


def leave_two_out(signal: Signal, rewards: Tensor, k: int) -> Tensor:
    groups, k = sort_groups(rewards, k, "leave_two_out", k_samples_and_another)
    n = groups.n
    terms = n * math.comb(n - 1, k - 1)
    if terms * max(1, rewards[..., 0].numel()) > MAX_TERMS:
        raise ValueError(f"leave_two_out evaluates every subset, {terms} per group here: use small groups, or ei_l2o")
    rewards = rewards.detach().to(groups.dtype)
    subsets = [list(itertools.combinations([j for j in range(n) if j != i], k - 1)) for i in range(n)]
    index = torch.tensor(subsets, dtype=torch.long, device=rewards.device).reshape(n, -1, k - 1)
    values = _evaluate(signal, rewards, index)
    # absent[i, j, S] is 1 where the comparator set S of sample j does not contain i
    absent = (index.unsqueeze(0) != torch.arange(n, device=rewards.device).view(n, 1, 1, 1)).all(-1).to(values.dtype)
    without = torch.einsum("...js,ijs->...ij", values, absent) / math.comb(n - 2, k - 1)
    own = torch.eye(n, dtype=torch.bool, device=rewards.device)
    baseline = without.masked_fill(own, 0.0).sum(-1) / (n - 1)
    return (values.mean(-1) - baseline).to(groups.dtype)


def _evaluate(signal: Signal, rewards: Tensor, index: Tensor) -> Tensor:
    """Return the signal of every sample with each of its comparator sets, `[..., n, subsets]` float64."""
    comparators = rewards[..., index]
    target = rewards.unsqueeze(-1).expand(comparators.shape[:-1])
    values = signal(target, comparators)
    if values.shape != target.shape:
        raise ValueError(
            f"the signal must return shape {tuple(target.shape)} for targets of that shape and comparators "
            f"{tuple(comparators.shape)}, got {tuple(values.shape)}: reduce over the last axis of the comparators only"
        )
    return values.detach().double()
