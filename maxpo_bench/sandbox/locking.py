"""The first exchange: the worker locks itself and says what it reached; foreign code is sent only if that is enough."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from maxpo_bench.sandbox.channel import Channel, EndOfReplies, TimeIsUp, text_only
from maxpo_bench.sandbox.errors import SandboxUnavailable, clean
from maxpo_bench.sandbox.frames import Header, Kind
from maxpo_bench.sandbox.limits import Limits
from maxpo_bench.sandbox.process import Process
from maxpo_bench.sandbox.protections import (
    NO_CAPABILITIES,
    NO_NEW_PRIVILEGES,
    PROMISED,
    SECCOMP,
    Level,
    next_level,
    plain,
)
from maxpo_bench.sandbox.readable import places


@dataclass(frozen=True)
class Report:
    """What a worker reached before it ran anything foreign.

    Attributes:
        reached: protections, some with a detail in brackets, in the order they were put up.
        missing: for each that could not be reached, why not.
    """

    reached: tuple[str, ...]
    missing: dict[str, str]

    def lacks(self, level: Level) -> dict[str, str]:
        """Return what the level promises and this worker has not, each with the reason."""
        have = {plain(name) for name in self.reached}
        return {name: self.missing.get(name, "not reported") for name in sorted(PROMISED[level] - have)}

    def corrected(self, contradicted: dict[str, str]) -> Report:
        """Return the report without what the kernel contradicts."""
        reached = tuple(name for name in self.reached if plain(name) not in contradicted)
        return Report(reached, self.missing | contradicted)


def settings(level: Level, limits: Limits, filename: str) -> bytes:
    """Return what a worker is told before it locks itself."""
    found = places()
    return json.dumps(
        {
            "level": level,
            "filename": filename,
            "parent": os.getpid(),
            "cpu_seconds": limits.cpu_seconds,
            "memory_bytes": limits.memory_bytes,
            "import_paths": found.import_paths,
            "package": found.package,
            "readable": found.readable,
        }
    ).encode()


def lock(process: Process, channel: Channel, level: Level, limits: Limits, filename: str, number: int) -> Report:
    """Have a fresh worker lock itself and return its report.

    Raises:
        SandboxUnavailable: it does not start.
        ProtocolViolation: it sends something else than a report.
    """
    told = settings(level, limits, filename)
    try:
        _, data = channel.exchange(
            Header(Kind.SETUP, number, len(told)), told, text_only(Kind.LOCKED), limits.startup_seconds
        )
    except (EndOfReplies, TimeIsUp) as error:
        said = clean(channel.errors().strip().rpartition("\n")[2])
        how = "took too long" if isinstance(error, TimeIsUp) else f"ended with {process.end(grace_seconds=1.0).code}"
        raise SandboxUnavailable(f"the sandbox's worker does not start: it {how}{': ' if said else ''}{said}") from None
    reached, _, missing = data.decode().partition("\n\n")
    pairs = (line.partition("\t") for line in missing.splitlines())
    report = Report(tuple(reached.splitlines()), {name: reason for name, _, reason in pairs})
    return report if level != "strict" else report.corrected(_contradicted(process.pid))


def unavailable(level: Level, lacks: dict[str, str]) -> SandboxUnavailable:
    """Return the refusal that names what is lacking, why, and the next weaker level."""
    weaker = next_level(level)
    instead = f"; the next level is {weaker!r}, which protects from less" if weaker else ""
    reasons = ", ".join(f"{name} ({reason})" for name, reason in lacks.items())
    return SandboxUnavailable(f"this system does not reach sandbox level {level!r}: {reasons}{instead}")


_EXPECTED = {
    "NoNewPrivs": (NO_NEW_PRIVILEGES, "1"),
    "Seccomp": (SECCOMP, "2"),
    "CapEff": (NO_CAPABILITIES, "0" * 16),
    "CapPrm": (NO_CAPABILITIES, "0" * 16),
}
"""Lines of /proc/PID/status, the protection that each is evidence of, and what it must say."""


def _contradicted(pid: int) -> dict[str, str]:
    """Return where the kernel's account of a worker differs from what the worker says of itself."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}  # /proc may be hidden; the report is our own code's, written before anything foreign ran
    found = {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}
    return {
        name: f"the kernel's {key} is {found[key]}, expected {value}"
        for key, (name, value) in _EXPECTED.items()
        if key in found and found[key] != value
    }
