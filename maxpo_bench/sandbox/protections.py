"""The names of what stands between a submission and the system, and which of them each level promises."""

from __future__ import annotations

from typing import Literal, get_args

Level = Literal["strict", "basic", "none"]
LEVELS: tuple[Level, ...] = get_args(Level)
"""From the strongest to the weakest."""

CLEAN_ENVIRONMENT = "clean environment"
DIES_WITH_PARENT = "dies with the scorer"
RESOURCE_LIMITS = "resource limits"
MEMORY_LIMIT = "memory limit"
NAMESPACES = "namespaces"
THREAD_LIMIT = "thread limit"
NO_CAPABILITIES = "no capabilities"
NO_NEW_PRIVILEGES = "no new privileges"
UNDUMPABLE = "undumpable"
LANDLOCK = "Landlock"
SECCOMP = "seccomp"

PROTECTIONS = {
    CLEAN_ENVIRONMENT: "made for it, not inherited; no open file of the scorer",
    DIES_WITH_PARENT: "the kernel kills the worker when the scorer ends",
    RESOURCE_LIMITS: "processor time, open files; no file contents, no core file",
    MEMORY_LIMIT: "address space beyond what is mapped when the submission is loaded",
    NAMESPACES: "user, network and IPC namespaces of its own",
    THREAD_LIMIT: "a bound on threads",
    NO_CAPABILITIES: "root in the worker is nobody",
    NO_NEW_PRIVILEGES: "nothing that is executed gains rights",
    UNDUMPABLE: "no other process of the user can look into it",
    LANDLOCK: "reads of the Python installation only, no writes",
    SECCOMP: "a list of allowed system calls: no processes, sockets or signals to others",
}
"""What each one gives, in one line."""

_BASIC = frozenset({CLEAN_ENVIRONMENT, RESOURCE_LIMITS})
PROMISED: dict[Level, frozenset[str]] = {
    "strict": frozenset(PROTECTIONS) - {NAMESPACES, THREAD_LIMIT},
    "basic": _BASIC,
    "none": frozenset({CLEAN_ENVIRONMENT}),
}
"""What a level stands for. Namespaces, and the limit that needs them, come on top where the kernel lets."""


def plain(name: str) -> str:
    """Return a protection's name without the detail in brackets that a worker reports with it."""
    return name.partition(" (")[0]


def next_level(level: Level) -> Level | None:
    """Return the next weaker level."""
    rest = LEVELS[LEVELS.index(level) + 1 :]
    return rest[0] if rest else None
