"""A worker: a forked process that compares one pair of answers after another and may be killed at any moment."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import sys
import time
from collections.abc import Callable

from maxpo_bench.envs.tasks.grading.wire import (
    CORRECT,
    OUT_OF_MEMORY,
    RAISED,
    READY,
    STARTED,
    WRONG,
    ItemReader,
    pack_line,
)

Judge = Callable[[str, str], bool]
# The grader's own clock comes first; this one only ends a worker whose grader cannot act any more.
BACKSTOP_S = 1.0
_PR_SET_PDEATHSIG = 1


def serve(connection: socket.socket, judge: Judge, time_limit: float, memory_limit: int, parent: int) -> None:
    """Compare the pairs that arrive until the other side closes the socket; to be called in a process of its own.

    A report precedes each comparison, so that its clock starts when it does, and one follows it. The first says which
    process this is, those before comparisons how much processor time it has used.

    Args:
        connection: where items come from and reports go to.
        judge: the comparison; what it raises is reported.
        time_limit: seconds per comparison; the kernel kills this process `BACKSTOP_S` later.
        memory_limit: bytes of address space; a comparison that needs more ends the process.
        parent: process id of the zygote, with which this process ends.
    """
    _end_with(parent)
    _limit(memory_limit)
    reader = ItemReader(connection)
    reports = pack_line(READY, str(os.getpid()))
    while True:
        try:
            item = reader.read(wait=False)
            if item is None:
                signal.setitimer(signal.ITIMER_REAL, 0)
                connection.sendall(reports)
                reports = b""
                item = reader.read(wait=True)
            assert item is not None  # it was waited for
            connection.sendall(reports + pack_line(STARTED, repr(time.process_time())))
        except (EOFError, OSError):
            return
        # With the default action the signal ends the process even inside one long call into C.
        signal.setitimer(signal.ITIMER_REAL, time_limit + BACKSTOP_S)
        reports = _compare(judge, *item)
        if reports == _NO_MEMORY:  # what is left of this process is not to be trusted
            with contextlib.suppress(OSError):
                connection.sendall(reports)
            return


def _compare(judge: Judge, gold: str, answer: str) -> bytes:
    try:
        return _CORRECT if judge(gold, answer) else _WRONG
    except MemoryError:
        return _NO_MEMORY
    except BaseException as error:
        return pack_line(RAISED, f"{type(error).__name__}: {str(error)[:500]}")


_CORRECT, _WRONG, _NO_MEMORY = pack_line(CORRECT), pack_line(WRONG), pack_line(OUT_OF_MEMORY)


def _end_with(parent: int) -> None:
    """End this process when the zygote ends (Linux: by the kernel; elsewhere the closed socket ends it)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the kernel was told
        os._exit(1)


def _limit(memory_limit: int) -> None:
    """Limit memory, write nothing anywhere: no core dump, no file, no output."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")  # where the machine's memory runs out, a worker ends and not the user's process
    import resource

    for kind, value in ((resource.RLIMIT_AS, memory_limit), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0)):
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        with contextlib.suppress(ValueError, OSError):  # a system that does not know this limit
            resource.setrlimit(kind, (value, value))
    null = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(null, descriptor)
    os.close(null)
