"""Gap sums of groups on the CPU in one fused pass: sort, gaps, weights, running sum, centring, back to the places.

Numba is imported with this module, so import it lazily.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numba  # pyright: ignore[reportMissingTypeStubs]
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_compiled = cast(Callable[[Callable[..., Any]], Callable[..., Any]], numba.njit(nogil=True))  # pyright: ignore[reportUnknownMemberType]


def is_available() -> bool:
    """Return whether this kernel can be used here."""
    return True


def gap_sums(rewards: Tensor, weights: Tensor, *, centred: bool) -> tuple[Tensor, bool]:
    """Return P_i = sum_{m <= rank(i)} d_m w_m of each sample, d_m being the gaps of the ascending sorted group.

    Sums are accumulated in float64 and rounded once; tied rewards (0.0 and -0.0 are tied) get bitwise equal sums.

    Args:
        rewards: `[G, n]` contiguous, float32 or float64, on the CPU.
        weights: `[n-1]` contiguous float64, those of the gaps m = 2..n.
        centred: subtract each group's mean of P.

    Returns:
        P `[G, n]` in the rewards' dtype, and whether all rewards are finite and no group's spread overflows the dtype;
        where they are not, P means nothing.
    """
    values = rewards.detach().numpy()
    order = np.argsort(values, axis=-1)
    result = torch.empty_like(rewards, requires_grad=False)
    largest = torch.finfo(rewards.dtype).max
    return result, bool(_scan(values, order, weights.numpy(), result.numpy(), centred, largest))


@_compiled
def _scan(
    values: NDArray[Any],
    order: NDArray[np.int64],
    weights: NDArray[np.float64],
    result: NDArray[Any],
    centred: bool,
    largest: float,
) -> bool:
    groups, n = values.shape
    sums = np.empty(n, np.float64)
    fits = True
    for g in range(groups):
        low = np.float64(values[g, order[g, 0]])
        high = np.float64(values[g, order[g, n - 1]])
        fits = fits and bool(high - low <= largest)
        running, total, last = 0.0, 0.0, low
        sums[0] = 0.0
        for m in range(1, n):
            value = np.float64(values[g, order[g, m]])
            running += (value - last) * weights[m - 1]
            last = value
            total += running
            sums[m] = running
        mean = total / n if centred else 0.0
        for m in range(n):
            result[g, order[g, m]] = sums[m] - mean
    return fits
