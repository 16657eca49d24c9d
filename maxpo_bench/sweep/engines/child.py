"""The process of one run: it cannot outlive the sweep, keeps to one thread and to its memory limit."""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
import time

from maxpo_bench.sweep.spec import RunSpec
from maxpo_bench.sweep.store import RunStore
from maxpo_bench.sweep.task import Task, carry_out

EXIT_CODES = {"published": 0, "failed": 10, "duplicate": 11}
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

# Imported by the fork server before any fork, this is the process that a run's process must have as its parent.
_IMPORTED_BY = os.getpid()
_PR_SET_PDEATHSIG = 1


def child_main(spec: RunSpec, task: Task) -> None:
    """Carry out one run and end the process with one of `EXIT_CODES`."""
    die_with_parent()
    with contextlib.suppress(OSError):
        os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _redirect_output(RunStore(task.directory).logs / f"{spec.run_id}.log")
    _use_one_thread()
    if task.memory_limit_mb is not None:
        limit_memory(task.memory_limit_mb)
    sys.exit(EXIT_CODES[carry_out(spec, task)])


def die_with_parent() -> None:
    """Make sure that this process ends, at once and by force, when the sweep or its fork server is killed."""
    kill_with_parent()
    parent = os.getppid()
    if parent == 1 or (os.getpid() != _IMPORTED_BY and parent != _IMPORTED_BY):
        os._exit(EXIT_CODES["failed"])  # the fork server was killed before the kernel was told
    threading.Thread(target=_watch, args=(parent,), daemon=True, name="watch-parent").start()


def kill_with_parent() -> None:
    """Ask the kernel to kill this process when its parent ends (Linux; elsewhere nothing happens)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _watch(parent: int) -> None:
    """End this process when the sweep's ends, or its parent changes: where the kernel does not do it."""
    sweep = multiprocessing.parent_process()
    while os.getppid() == parent:
        if sweep is None:
            time.sleep(0.5)
        elif multiprocessing.connection.wait([sweep.sentinel], timeout=0.5):
            break
    os.kill(os.getpid(), signal.SIGKILL)


def limit_memory(mebibytes: int) -> None:
    """Let allocations beyond ``mebibytes`` MiB fail: everything private and writable counts, libraries' data too.

    Only the soft limit is lowered. Without effect where the system does not count so (macOS, Windows).
    """
    try:
        import resource
    except ImportError:
        return
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    soft = mebibytes * 2**20
    resource.setrlimit(resource.RLIMIT_DATA, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def _use_one_thread() -> None:
    for name in THREAD_VARIABLES:
        os.environ[name] = "1"
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def _redirect_output(path: os.PathLike[str]) -> None:
    """Send what the run prints to a file, so that it neither disturbs the progress bar nor gets lost."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
