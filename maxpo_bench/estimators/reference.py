"""The paper's quadratic forms of EI and of its leave-two-out baseline, kept as the reference for tests."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from maxpo_bench.estimators.checks import k_samples, k_samples_and_another
from maxpo_bench.estimators.gaps import SortedGroups, sort_groups


def ei_dense(rewards: Tensor, k: int) -> Tensor:
    """Return EI by the paper's quadratic form, `[..., n]`; the reference for tests of `ei`.

    EI = D w with D_jl = (r_(j) - r_(l))+ and w_l = C(l-1, K-2) / C(n-1, K-1) for ranks l (Theorem E.1, Eq. 35 of arXiv
    2606.06080). O(n^2) memory.

    Scale K/n, unbiased. Smallest n: K; 2 <= K <= n.

    Args:
        rewards: `[..., n]`, finite.
        k: objective size K, 2 <= K <= n.

    Raises:
        TypeError: ``rewards`` is no real tensor, or ``k`` no integer.
        ValueError: ``k < 2``, ``n < k``, or rewards that are NaN or infinite.
    """
    groups = _sorted_for_dense(rewards, k, "ei_dense")
    n = groups.n
    counts = [math.comb(rank - 1, k - 2) / math.comb(n - 1, k - 1) for rank in range(1, n + 1)]
    weights = torch.tensor(counts, dtype=torch.float64, device=groups.values.device)
    return groups.restore((_improvements(groups) * weights).sum(-1))


def l2o_dense(rewards: Tensor, k: int) -> Tensor:
    """Return the leave-two-out baseline by the paper's quadratic form, `[..., n]`; reference for `l2o_baseline`.

    B_i = sum_l Mbar_il W_il, Mbar_il = (sum_j D_jl - D_il) / (n-1), W_il = C(l-1-[l>i], K-2) / C(n-2, K-1), W_ii = 0,
    by ranks, so that ties are right (Theorem E.2, Eq. 41 of arXiv 2606.06080). O(n^2) memory.

    Smallest n: K+1; 2 <= K <= n-1.

    Args:
        rewards: `[..., n]`, finite.
        k: objective size K, 2 <= K <= n-1.

    Raises:
        TypeError: ``rewards`` is no real tensor, or ``k`` no integer.
        ValueError: ``k < 2``, ``n < k + 1``, or rewards that are NaN or infinite.
    """
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
