"""A submission's source as a module, and the functions that it defines."""

from __future__ import annotations

import linecache
import sys
import traceback
from collections.abc import Callable
from types import ModuleType
from typing import Any

NOTHING_DEFINED = (
    "define `def advantages(rewards: torch.Tensor, k: int) -> torch.Tensor` (rewards [groups, n]), "
    "or `def make_advantages(k: int)` that returns a function of the rewards"
)


class Functions:
    """What the submission offers: one function, or one made for every instance and k and kept.

    Raises:
        AttributeError: it defines neither `advantages` nor `make_advantages`.
    """

    def __init__(self, module: ModuleType) -> None:
        plain, make = (getattr(module, name, None) for name in ("advantages", "make_advantages"))
        self._plain: Callable[..., Any] | None = plain if callable(plain) else None
        self._make: Callable[..., Any] | None = make if callable(make) and not self._plain else None
        self._made: dict[tuple[int, int], Callable[..., Any]] = {}
        if self._plain is None and self._make is None:
            raise AttributeError(NOTHING_DEFINED)

    @property
    def has_factory(self) -> bool:
        """Whether functions are made by `make_advantages`; `advantages` is taken where both are defined."""
        return self._make is not None

    def ask(self, instance: int, rewards: Any, k: int) -> Any:
        """Return what the instance's function answers to `rewards`."""
        if self._make is None:
            assert self._plain is not None
            return self._plain(rewards, k)
        made = self._made.get((instance, k))
        if made is None:
            made = self._made[instance, k] = self._make(k)
        return made(rewards)


def compiled(source: bytes, filename: str) -> Any:
    """Return the source's code object, under its file's name.

    Raises:
        SyntaxError, ValueError: it is not Python.
    """
    return compile(source, filename, "exec", dont_inherit=True)


def imported(code: Any, source: bytes, filename: str) -> Functions:
    """Run the submission's module and return its functions; may raise whatever that raises."""
    lines = source.decode(errors="replace").splitlines(keepends=True)
    linecache.cache[filename] = len(source), None, lines, filename  # for what reads its own source, like torch.jit
    module = ModuleType("submission")
    module.__file__ = filename
    sys.modules["submission"] = module
    exec(code, module.__dict__)
    return Functions(module)


def line_of(error: BaseException, filename: str) -> int:
    """Return the line of the submission that raised, or from where what raised was called; 0 if it never came by."""
    if isinstance(error, SyntaxError) and error.filename == filename:
        return error.lineno or 0
    lines = [
        frame.f_lineno if number is None else number
        for frame, number in traceback.walk_tb(error.__traceback__)
        if frame.f_code.co_filename == filename
    ]
    return lines[-1] if lines else 0


def describe(error: BaseException) -> str:
    """Return the exception's class and text, behind a NUL; a text that raises in turn is left out."""
    try:
        detail = str(error)[:2000]
    except BaseException as inner:
        detail = f"(its text raises {type(inner).__name__})"
    return f"{type(error).__name__}\0{detail}"


def ran_out_of_memory(error: BaseException) -> bool:
    """Return whether this is what Python, NumPy and torch raise when they get no memory."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError)
        and any(sign in describe(error) for sign in ("can't allocate memory", "bad_alloc"))
    )
