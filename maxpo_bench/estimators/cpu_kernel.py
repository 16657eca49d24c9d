"""Gap sums of groups on the CPU in one fused pass: sort, gaps, weights, running sum, centring, back to the places.

The work is done by compiled code in `cpu_compiled`. Importing this module imports Numba, so import it where it is used.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

try:
    from maxpo_bench.estimators import cpu_compiled as compiled
except ImportError:  # Numba is missing, or does not know this NumPy
    compiled = None

LARGEST: dict[torch.dtype, Any] = {torch.float32: np.finfo(np.float32).max, torch.float64: np.finfo(np.float64).max}
LANES = 8
WIDEST = 4096  # the largest groups that are sorted eight at a time: beyond, a second-level cache does not hold them
FEW, LONG = 4, 64  # groups left over that are faster one at a time, from this size on


def is_available() -> bool:
    """Return whether this kernel can be used here: whether Numba can be imported."""
    return compiled is not None


def gap_sums(rewards: Tensor, weights: Tensor, *, centred: bool) -> tuple[Tensor, bool]:
    """Return P_i = sum_{m <= rank(i)} d_m w_m of each sample, d_m being the gaps of the ascending sorted group.

    Sums are accumulated in float64 and rounded once. Tied rewards (0.0 and -0.0 are tied) get bitwise equal sums.

    Args:
        rewards: `[G, n]` contiguous, float32 or float64, on the CPU; 1 <= n <= 2^28.
        weights: `[n-1]` contiguous float64, those of the gaps m = 2..n.
        centred: subtract each group's mean of P.

    Returns:
        P `[G, n]` in the rewards' dtype, and whether all rewards are finite, no group's spread exceeds the dtype's
        largest number and no group's P add up to infinity; where this is False, P means nothing.

    Raises:
        RuntimeError: Numba cannot be imported.
        KeyError: another dtype.
        ValueError: weights of another shape or dtype.
    """
    if compiled is None:
        raise RuntimeError("the CPU kernel needs Numba: install numba, or use the torch path")
    groups, n = rewards.shape
    if weights.dtype != torch.float64 or weights.shape != (n - 1,):
        raise ValueError(f"weights must be {n - 1} float64 numbers, got {tuple(weights.shape)} {weights.dtype}")
    rewards, weights = rewards.contiguous(), weights.contiguous()
    result = torch.empty_like(rewards, requires_grad=False)
    addresses = rewards.data_ptr(), weights.data_ptr(), result.data_ptr()
    checks = centred, LARGEST[rewards.dtype]
    left = groups % LANES
    beside = 0 if n > WIDEST else groups - left if left <= FEW and n >= LONG else groups
    fits = True
    if beside:
        fits = compiled.fill_side_by_side(*addresses, n, _rows(n), 0, beside, *checks)
    if beside < groups:
        fits &= compiled.fill_one_by_one(*addresses, n, _rows((n + LANES - 1) // LANES), beside, groups, *checks)
    return result, fits


def _rows(count: int) -> int:
    """Return the smallest power of two that is at least ``count`` and the eight of a tile."""
    return max(LANES, 1 << (count - 1).bit_length())
