"""Which levels of the sandbox this system reaches, found out by trying every protection in a child."""

from __future__ import annotations

import functools
import secrets
from dataclasses import dataclass

from maxpo_bench.registry import UnknownNameError, suggest
from maxpo_bench.sandbox.channel import Channel
from maxpo_bench.sandbox.errors import SandboxUnavailable
from maxpo_bench.sandbox.limits import Limits
from maxpo_bench.sandbox.locking import Report, lock, unavailable
from maxpo_bench.sandbox.process import Process
from maxpo_bench.sandbox.protections import LEVELS, PROTECTIONS, Level, plain


@dataclass(frozen=True)
class Offer:
    """What this system offers.

    Attributes:
        levels: for each level, strongest first, None if it can be reached, else why not.
        protections: for each protection None if a strict worker reaches it, else why not.
        details: for some of those reached what exactly, such as the version of Landlock.
    """

    levels: dict[Level, str | None]
    protections: dict[str, str | None]
    details: dict[str, str]

    @property
    def strongest(self) -> Level | None:
        """The strongest level that can be reached; None if no worker starts at all."""
        return next((level for level, reason in self.levels.items() if reason is None), None)


def check_level(level: str) -> None:
    """Return only for one of the levels.

    Raises:
        UnknownNameError: there is no such level.
    """
    if level not in LEVELS:
        raise UnknownNameError(f"unknown sandbox level {level!r}.{suggest(str(level), LEVELS)}")


def _report(level: Level) -> Report:
    process = Process()
    try:
        return lock(process, Channel(process), level, Limits(), "submission.py", secrets.randbits(63))
    finally:
        process.end()


def _reason(level: Level, report: Report) -> str | None:
    lacks = report.lacks(level)
    return "; ".join(f"{name}: {reason}" for name, reason in lacks.items()) if lacks else None


@functools.cache
def offered() -> Offer:
    """Return what this system offers: it starts one worker for each level, once per process."""
    try:
        reports: dict[Level, Report] = {"strict": _report("strict")}
        levels: dict[Level, str | None] = {
            level: _reason(level, reports.get(level) or _report(level)) for level in LEVELS
        }
    except SandboxUnavailable as error:
        return Offer(dict.fromkeys(LEVELS, str(error)), dict.fromkeys(PROTECTIONS, str(error)), {})
    report = reports["strict"]
    reached = {plain(name): name for name in report.reached}
    return Offer(
        levels,
        {name: None if name in reached else report.missing.get(name, "not reported") for name in PROTECTIONS},
        {name: text[len(name) + 2 : -1] for name, text in reached.items() if text != name},
    )


def require(level: Level) -> None:
    """Return only if this system reaches the level.

    Raises:
        UnknownNameError: there is no such level.
        SandboxUnavailable: it does not; says why, and names the next weaker level.
    """
    check_level(level)
    reason = offered().levels[level]
    if reason is not None:
        raise unavailable(level, {"this kernel": reason})
