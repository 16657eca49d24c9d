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
    """Return a signal averaged over comparator sets, minus its leave-two-out baseline, `[..., n]`.

    H_i = avg_S signal(r_i, S) over the (K-1)-subsets S of the others, and the result is
    H_i - 1/(n-1) sum_{j != i} H_j computed without sample i (Eq. 62-64 of arXiv 2606.06080). For every signal
    max(r_i, max_S) - phi(S), whatever phi, this is the canonical advantage `ei_l2o` (Proposition F.1, Eq. 65). A term
    that depends on r_i itself is not cancelled.

    Brute force, in float64: n C(n-1, K-1) evaluations in one call. Smallest n: K+1; 1 <= K <= n-1.

    Args:
        signal: `signal(target [..., n, M], comparators [..., n, M, K-1]) -> [..., n, M]`, elementwise over all but the
            last axis of the comparators, which are in the order of the samples; K-1 = 0 at K = 1.
        rewards: `[..., n]`, finite.
        k: objective size K.

    Raises:
        TypeError: ``rewards`` is no real tensor, or ``k`` no integer.
        ValueError: ``k < 1``, ``n < k + 1``, rewards that are NaN or infinite, more than 5 million evaluations, or a
            signal of another shape.

    Example:
        >>> def improvement(target, comparators):
        ...     return (target - comparators.amax(-1)).clamp(min=0)
        >>> leave_two_out(improvement, torch.tensor([1.0, 2.0, 4.0]), 2)
        tensor([-1., -1.,  2.])
    """
    groups, k = sort_groups(rewards, k, "leave_two_out", k_samples_and_another)
    n = groups.n
    terms = n * math.comb(n - 1, k - 1)
    if terms * max(1, rewards[..., 0].numel()) > MAX_TERMS:
        raise ValueError(f"leave_two_out evaluates every subset, {terms} per group here: use small groups, or ei_l2o")
    rewards = rewards.detach().double()
    subsets = [list(itertools.combinations([j for j in range(n) if j != i], k - 1)) for i in range(n)]
    index = torch.tensor(subsets, dtype=torch.long, device=rewards.device).reshape(n, math.comb(n - 1, k - 1), k - 1)
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
