"""What a reply or the end of a worker means, as an error that the submission's author can read."""

from __future__ import annotations

import signal

from maxpo_bench.sandbox.errors import (
    BadAnswer,
    CpuLimit,
    EstimatorError,
    LoadError,
    MemoryLimit,
    ProtocolViolation,
    SandboxError,
    WorkerDied,
    clean,
)
from maxpo_bench.sandbox.frames import Header, Kind
from maxpo_bench.sandbox.limits import GIB, Limits
from maxpo_bench.sandbox.process import Ending

_NO_MEMORY = ("bad_alloc", "MemoryError", "Cannot allocate memory", "can't allocate memory")
_REFUSED = ("PermissionError", "BlockingIOError")
_HINT = "; the sandbox gives a submission no files, no network and no processes"


def from_reply(reply: Header, data: bytearray, filename: str, limits: Limits) -> SandboxError:
    """Return the error that a reply of text stands for."""
    text = data.decode(errors="replace")
    if reply.kind == Kind.BAD_ANSWER:
        return BadAnswer(clean(text))
    type_name, separator, detail = text.partition("\0")
    if not separator:
        return ProtocolViolation("the worker reported an error that says nothing")
    line = reply.extra or None
    if reply.kind == Kind.OUT_OF_MEMORY:
        where = f"{filename}, line {line}" if line else filename
        return MemoryLimit(f"{where} {_memory(limits)}: {clean(type_name, 60)}: {clean(detail)}")
    hint = _HINT if type_name in _REFUSED or "can't start new thread" in detail else ""
    error = LoadError if reply.kind == Kind.LOAD_ERROR else EstimatorError
    return error(filename, line, type_name, detail, hint)


def _memory(limits: Limits) -> str:
    return f"asked for more memory than the {limits.memory_bytes / GIB:.3g} GiB it may have"


def from_ending(ending: Ending, errors: str, filename: str, limits: Limits, *, limited: bool) -> SandboxError:
    """Return why a worker ended that nobody told to.

    Args:
        ending: how it ended.
        errors: the end of its standard error.
        filename: the submission's.
        limits: its limits.
        limited: whether the kernel kept them.
    """
    if ending.by_us:
        return ProtocolViolation("the worker closed its pipe to the scorer and went on")
    if ending.code is None:
        return WorkerDied(f"{filename}'s process ended; how is unknown, because this program ignores SIGCHLD")
    number = -ending.code
    spent = ending.cpu_seconds >= limits.cpu_seconds and number == signal.SIGKILL
    if limited and (number == signal.SIGXCPU or spent):
        return CpuLimit(f"{filename} used up its {limits.cpu_seconds:g} seconds of processor time")
    if number > 0 and any(sign in errors for sign in _NO_MEMORY):
        return MemoryLimit(f"{filename} {_memory(limits)}, and its process was killed by it")
    last = clean(errors.strip().rpartition("\n")[2])
    said = f"; the last it printed: {last}" if last else ""
    if number > 0:
        return WorkerDied(f"{filename} brought its process down: {_signal(number)}{said}")
    return WorkerDied(f"{filename} ended its process with exit status {ending.code} instead of answering{said}")


def _signal(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
    return f"{name} ({(signal.strsignal(number) or '').lower()})"
