"""The sandbox: a submission's source runs in a locked process of its own, and answers over pipes.

    with Worker(source, level="strict") as worker:
        answer = worker.call(rewards, k)

`offered` says what this system can do, `docs/sandbox.md` what each level protects from and what not. The parent's side
needs NumPy only, and never imports, unpickles or evaluates anything that comes from a submission.
"""

from typing import TYPE_CHECKING

from maxpo_bench.lazy import lazy_names

if TYPE_CHECKING:
    from maxpo_bench.sandbox.errors import (
        BadAnswer,
        CpuLimit,
        EstimatorError,
        LoadError,
        MemoryLimit,
        ProtocolViolation,
        SandboxError,
        SandboxUnavailable,
        TimeLimit,
        WorkerDied,
    )
    from maxpo_bench.sandbox.host import Answer, Prepared, Worker
    from maxpo_bench.sandbox.levels import Offer, offered, require
    from maxpo_bench.sandbox.limits import Limits
    from maxpo_bench.sandbox.protections import LEVELS, PROMISED, PROTECTIONS, Level

__all__ = [
    "LEVELS",
    "PROMISED",
    "PROTECTIONS",
    "Answer",
    "BadAnswer",
    "CpuLimit",
    "EstimatorError",
    "Level",
    "Limits",
    "LoadError",
    "MemoryLimit",
    "Offer",
    "Prepared",
    "ProtocolViolation",
    "SandboxError",
    "SandboxUnavailable",
    "TimeLimit",
    "Worker",
    "WorkerDied",
    "offered",
    "require",
]

_ERRORS = (
    "BadAnswer",
    "CpuLimit",
    "EstimatorError",
    "LoadError",
    "MemoryLimit",
    "ProtocolViolation",
    "SandboxError",
    "SandboxUnavailable",
    "TimeLimit",
    "WorkerDied",
)
_PROTECTIONS = ("LEVELS", "PROMISED", "PROTECTIONS", "Level")
_MODULES = {
    **dict.fromkeys(_ERRORS, "errors"),
    **dict.fromkeys(_PROTECTIONS, "protections"),
    **dict.fromkeys(("Answer", "Prepared", "Worker"), "host"),
    **dict.fromkeys(("Offer", "offered", "require"), "levels"),
    "Limits": "limits",
}

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
