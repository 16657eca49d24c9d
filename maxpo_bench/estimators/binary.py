"""Gap sums of rewards 0 and 1: all ones of a group get one value and all zeros another, by the number of ones."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from maxpo_bench.estimators.checks import are_tame


class BinaryTable(NamedTuple):
    """What a one and a zero get, each `[n+1]` by the number of ones in the group."""

    of_one: Tensor
    of_zero: Tensor


def binary_table(weights: Tensor, *, centred: bool, dtype: torch.dtype) -> BinaryTable:
    """Return the table of a gap sum: between n-c zeros and c ones there is one gap of 1, that of m = n-c+1.

    Args:
        weights: `[n-1]` float64, those of the gaps m = 2..n.
        centred: whether the group's mean is taken off.
        dtype: of the table.
    """
    n = weights.shape[0] + 1
    with torch.inference_mode(False):
        jump = torch.nn.functional.pad(weights.flip(0), (1, 1))  # by c = 0..n; no gap where all are equal
        ones = torch.arange(n + 1, dtype=torch.float64, device=weights.device)
        upper, lower = (jump * (n - ones) / n, jump * ones / -n) if centred else (jump, torch.zeros_like(jump))
        return BinaryTable(upper.to(dtype), (lower + 0.0).to(dtype))


def binary_sums(rewards: Tensor, table: BinaryTable, *, compiled: bool) -> Tensor | None:
    """Return the gap sums of rewards 0 and 1, `[G, n]` contiguous, in the rewards' dtype; None if there are others.

    Args:
        rewards: `[G, n]` contiguous, of the table's dtype.
        table: of the same dtype.
        compiled: use Numba, for rewards on the CPU.
    """
    if not compiled:
        return _by_torch(rewards, table) if are_binary(rewards) else None
    from maxpo_bench.estimators.binary_compiled import fill_binary

    result = torch.empty_like(rewards, requires_grad=False)
    arrays = (side.numpy() for side in (rewards.detach(), *table, result))
    return result if fill_binary(*arrays) else None


def starts_binary(rewards: Tensor) -> bool:
    """Return whether the first reward is 0 or 1: what to ask before anything that looks at all of them."""
    return rewards.view(-1)[0].item() in (0.0, 1.0)


def are_binary(rewards: Tensor) -> bool:
    """Return whether all rewards are 0 or 1."""
    return torch.equal(rewards.square(), rewards) and are_tame(rewards)  # infinity is its own square


def _by_torch(rewards: Tensor, table: BinaryTable) -> Tensor:
    ones = rewards.sum(-1, dtype=torch.float64).long()
    of_one, of_zero = (side.index_select(0, ones).unsqueeze(-1) for side in table)
    return torch.where(rewards.bool(), of_one, of_zero)
