"""The paper's quadratic forms of EI and of its leave-two-out baseline, kept as the reference for tests."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from maxpo_bench.estimators.checks import k_samples, k_samples_and_another
from maxpo_bench.estimators.gaps import SortedGroups, sort_groups


def ei_dense(rewards: Tensor, k: int) -> Tensor:
    groups = _sorted_for_dense(rewards, k, "ei_dense")
    n = groups.n
    counts = [math.comb(rank - 1, k - 2) / math.comb(n - 1, k - 1) for rank in range(1, n + 1)]
    weights = torch.tensor(counts, dtype=torch.float64, device=groups.values.device)
    return groups.restore((_improvements(groups) * weights).sum(-1))


def l2o_dense(rewards: Tensor, k: int) -> Tensor:
    groups = _sorted_for_dense(rewards, k, "l2o_dense")
    n, improvements = groups.n, _improvements(groups)
    others = (improvements.sum(-2, keepdim=True) - improvements) / (n - 1)
    total = math.comb(n - 2, k - 1)
    rows = [
        [0.0 if rank == i else math.comb(rank - 1 - (rank > i), k - 2) / total for rank in range(1, n + 1)]
        for i in range(1, n + 1)
    ]
    weights = torch.tensor(rows, dtype=torch.float64, device=groups.values.device)
    return groups.restore((others * weights).sum(-1))


def _improvements(groups: SortedGroups) -> Tensor:
    """Return D_jl = (r_(j) - r_(l))+, `[..., n, n]`."""
    return (groups.values.unsqueeze(-1) - groups.values.unsqueeze(-2)).clamp_(min=0)


def _sorted_for_dense(rewards: Tensor, k: int, name: str) -> SortedGroups:
    smallest = k_samples if name == "ei_dense" else k_samples_and_another
    groups, k = sort_groups(rewards, k, name, smallest)
    if k == 1:
        raise ValueError(f"{name} is the paper's form for k >= 2, got k=1: use ei or ei_l2o, which know the convention")
    return groups
