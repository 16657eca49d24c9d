"""Gap sums in plain torch operations, on any device: the reference of the fused kernels, and their fallback."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from maxpo_bench.estimators.gaps import constant, equal_on_ties, sort_values


def gap_sums(rewards: Tensor, weights: Tensor, *, centred: bool) -> Tensor:
    """Return P_i = sum_{m <= rank(i)} d_m w_m at the samples' own places, `[G, n]` in the rewards' dtype.

    d_m = r_(m) - r_(m-1) are the gaps of the sorted group. Sums are accumulated in float64 and rounded once; tied
    rewards get bitwise equal results. Gaps are differences of neighbours in one long array of all groups; the first of
    each group, which reaches across to the one before, has weight 0. There centred sums start from minus their mean,
    sum_m d_m w_m (n-m+1)/n.

    Args:
        rewards: `[G, n]` contiguous, float32 or float64, finite, of squares that do not overflow when added up.
        weights: `[n]` float64 on the rewards' device: 0, and the weights of the gaps m = 2..n.
        centred: whether the group's mean is taken off.
    """
    values, order = sort_values(rewards)
    exact = values.double()
    sums = exact.roll(1)
    torch.sub(exact, sums, out=sums).mul_(weights)
    if centred:
        sums.select(-1, 0).copy_(torch.mv(sums, minus_shares(rewards.shape[-1], rewards.device)))
    sums.cumsum_(-1)
    if rewards.device.type != "cpu":
        sums = equal_on_ties(values, sums)
    return values.scatter_(-1, order, sums.to(values.dtype))


@lru_cache(maxsize=512)
def minus_shares(n: int, device: torch.device) -> Tensor:
    """Return -(n-m+1)/n for m = 1..n, `[n]` float64: minus the share of the group at or above rank m, 0 for m = 1."""
    return constant([0.0, *(-(n - m + 1) / n for m in range(2, n + 1))], device)
