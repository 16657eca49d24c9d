"""Gap sums in plain torch operations, on any device: the reference of the fused kernels, and their fallback."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from maxpo_bench.estimators.gaps import constant, equal_on_ties, sort_values


class TorchWeights(NamedTuple):
    """Weights of a gap sum, of all ranks m = 1..n.

    Attributes:
        minus_weights: `[n]` float64: 0, and minus the weights of the gaps m = 2..n.
        minus_shares: `[n]` float64: 0, and -(n-m+1)/n, minus the share of the group that is above the gap; None for
            sums that are not centred.
    """

    minus_weights: Tensor
    minus_shares: Tensor | None


def torch_weights(weights: Sequence[float], *, centred: bool, device: torch.device) -> TorchWeights:
    """Return the weights of the gaps m = 2..n in the form that `gap_sums` takes."""
    n = len(weights) + 1
    shares = constant([0.0, *(-(n - m + 1) / n for m in range(2, n + 1))], device) if centred else None
    return TorchWeights(constant([0.0, *(-w for w in weights)], device), shares)


def gap_sums(rewards: Tensor, weights: TorchWeights) -> Tensor:
    """Return P_i = sum_{m <= rank(i)} d_m w_m at the samples' own places, `[G, n]` in the rewards' dtype.

    d_m = r_(m) - r_(m-1) are the gaps of the sorted group. Sums are accumulated in float64 and rounded once; tied
    rewards get bitwise equal results. Minus the gaps are differences of neighbours in one long array of all groups;
    the first of each group, which reaches across to the one before, has weight 0. In its place centred sums start from
    minus their mean, sum_m d_m w_m (n-m+1)/n.

    Args:
        rewards: `[G, n]` contiguous, float32 or float64, finite, of squares that do not overflow when added up.
        weights: on the rewards' device.
    """
    values, order = sort_values(rewards)
    sums = values.roll(1).sub_(values).mul_(weights.minus_weights)
    if weights.minus_shares is not None:
        sums.select(-1, 0).copy_(torch.mv(sums, weights.minus_shares))
    sums.cumsum_(-1)
    if not rewards.is_cpu:
        sums = equal_on_ties(values, sums)
    return torch.empty_like(rewards).scatter_(-1, order, sums.to(rewards.dtype))
