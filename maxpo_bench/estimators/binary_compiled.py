"""The compiled part of the closed form for rewards 0 and 1: count the ones of a group, then fill in two values.

Importing this module imports Numba, so import it where it is used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
from numpy.typing import NDArray

Function = TypeVar("Function", bound=Callable[..., Any])
Array = NDArray[Any]


def _compiled(function: Function) -> Function:
    """Compile at the first call, and keep it beside this file or in the user's cache, if either is writable."""
    try:
        return cast(Function, cast(Any, numba).njit(nogil=True, cache=True)(function))
    except RuntimeError:  # no place for a cache
        return cast(Function, cast(Any, numba).njit(nogil=True)(function))


@_compiled
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
