"""The lock, step by step, before NumPy, torch or foreign code is imported."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from maxpo_bench.sandbox import protections as names
from maxpo_bench.sandbox.inside import landlock, privileges, rlimits, seccomp

Step = Callable[[], str | None]
"""Raises OSError where the kernel refuses; may return a detail for the report."""


class Lock:
    """Everything a level asks for, in the order in which the steps allow each other.

    Args:
        settings: the parent's: "level", "parent" (its process number), "cpu_seconds", "memory_bytes", "readable".
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = settings
        self._space: rlimits.AddressSpace | None = None
        self._entered: tuple[str, ...] = ()

    def close(self) -> tuple[list[str], list[str]]:
        """Take every step; return what was reached, and what was not, each with the reason behind a tab."""
        reached, missing = [], []
        for name, step in self._steps():
            try:
                detail = step()
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or str(error)
                missing.append(f"{name}\t{reason}")
            else:
                reached.append(f"{name} ({detail})" if detail else name)
        return reached, missing

    def limit_memory(self) -> None:
        """Let the process grow by the memory limit from now on, if the level has one."""
        if self._space is not None:
            self._space.limit_growth(self._settings["memory_bytes"])

    def _steps(self) -> Sequence[tuple[str, Step]]:
        level = self._settings["level"]
        harmless: list[tuple[str, Step]] = [(names.CLEAN_ENVIRONMENT, self._close_descriptors)]
        if level == "none":
            return [*harmless, (names.DIES_WITH_PARENT, self._die_with_parent)]
        limits: list[tuple[str, Step]] = [
            (names.RESOURCE_LIMITS, self._limit_use),
            (names.MEMORY_LIMIT, self._open_space),
        ]
        if level == "basic":
            return [*harmless, *limits, (names.DIES_WITH_PARENT, self._die_with_parent)]
        return [
            *harmless,
            *limits,
            (names.NAMESPACES, self._enter_namespaces),
            (names.THREAD_LIMIT, self._limit_threads),
            (names.NO_CAPABILITIES, privileges.drop_capabilities),
            (names.NO_NEW_PRIVILEGES, privileges.no_new_privileges),
            (names.UNDUMPABLE, privileges.undumpable),
            (names.LANDLOCK, self._restrict_files),
            (names.DIES_WITH_PARENT, self._die_with_parent),
            (names.SECCOMP, self._restrict_calls),
        ]

    def _close_descriptors(self) -> None:
        kept = sorted({0, 1, 2, *self._settings["descriptors"]})
        for before, after in zip(kept, [*kept[1:], os.sysconf("SC_OPEN_MAX")], strict=True):
            os.closerange(before + 1, after)

    def _die_with_parent(self) -> None:
        privileges.die_with_parent(self._settings["parent"])

    def _limit_use(self) -> None:
        rlimits.limit_use(self._settings["cpu_seconds"], self._settings["memory_bytes"])

    def _open_space(self) -> None:
        self._space = rlimits.AddressSpace()

    def _enter_namespaces(self) -> str:
        privileges.leave_root()
        self._entered = privileges.new_namespaces()
        return ", ".join(self._entered)

    def _limit_threads(self) -> None:
        if "user" not in self._entered:
            raise OSError("needs a user namespace, else it would count all of the user's processes")
        rlimits.limit_threads()

    def _restrict_files(self) -> str:
        return f"ABI {landlock.restrict(self._settings['readable'])}"

    def _restrict_calls(self) -> None:
        machine = os.uname().machine
        if machine != "x86_64" or sys.maxsize < 1 << 32:
            raise OSError(f"the list of allowed calls is known for 64 bits of x86_64 only, this is {machine}")
        seccomp.restrict(os.getpid())
