"""The decorator of compiled loops. Importing this imports Numba, so import what uses it where it is used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile at the first call, and keep it beside its file or in the user's cache, if either is writable."""
    try:
        return cast(Function, numba.njit(nogil=True, cache=True)(function))
    except RuntimeError:  # no place for a cache
        return cast(Function, numba.njit(nogil=True)(function))
