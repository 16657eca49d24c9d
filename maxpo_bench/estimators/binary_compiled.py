"""The compiled part of the closed form for rewards 0 and 1: count the ones of a group, then fill in two values.

Importing this module imports Numba, so import it where it is used.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from maxpo_bench.compiled import compiled

Array = NDArray[Any]


@compiled
def fill_binary(rewards: Array, of_one: Array, of_zero: Array, result: Array) -> bool:
    """Fill ``result`` `[G, n]` by the number of ones of each group, `[n+1]`; return whether all rewards are 0 or 1."""
    groups, n = rewards.shape
    for g in range(groups):
        ones, zeros = 0, 0
        for i in range(n):
            ones += rewards[g, i] == 1
            zeros += rewards[g, i] == 0
        if ones + zeros < n:
            return False
        one, zero = of_one[ones], of_zero[ones]
        for i in range(n):
            result[g, i] = one if rewards[g, i] == 1 else zero
    return True
