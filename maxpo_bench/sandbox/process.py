"""A worker as a process: started with nothing of ours but its pipes, killed with its group, reaped with its account."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from maxpo_bench.sandbox.errors import SandboxUnavailable

if sys.platform == "linux":
    import fcntl

_ENTRY = Path(__file__).parent / "inside" / "entry.py"
_NOWHERE = "/nonexistent"
_PIPE_BYTES = 1 << 20
_PASSED_ON = ("LD_LIBRARY_PATH",)
"""Without it an interpreter of a module system may not start."""


def environment() -> dict[str, str]:
    """Return the worker's variables: one thread, no home, no device, the same hashes every time."""
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS")
    return {
        **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
        **dict.fromkeys(threads, "1"),
        "CUDA_VISIBLE_DEVICES": "",
        "HOME": _NOWHERE,
        "LC_ALL": "C.UTF-8",
        "OPENSSL_CONF": os.devnull,
        "PATH": _NOWHERE,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "TMPDIR": _NOWHERE,
    }


@dataclass(frozen=True)
class Ending:
    """How a process ended.

    Attributes:
        code: its exit status, or minus the number of the signal that killed it; None if somebody else waited for it,
            which happens where SIGCHLD is ignored.
        cpu_seconds: processor time it used, user and system.
        by_us: whether it still ran when it was killed here.
    """

    code: int | None
    cpu_seconds: float
    by_us: bool


class Process:
    """A worker that has been started but not spoken to.

    Attributes:
        requests: descriptor that requests are written to.
        replies: descriptor that replies are read from.
        errors: descriptor of the worker's standard error.

    Raises:
        SandboxUnavailable: this Python cannot start one.
    """

    def __init__(self) -> None:
        if sys.platform != "linux":
            raise SandboxUnavailable(
                f"the sandbox needs Linux, this is {sys.platform}: use a container or a virtual machine"
            )
        if not sys.executable or not _ENTRY.is_file():
            raise SandboxUnavailable("the sandbox needs a Python interpreter on disk and the package in a folder")
        self._ending: Ending | None = None
        self._owner = os.getpid()
        with contextlib.ExitStack() as undo:
            theirs_in, self.requests = self._pipe(undo)
            self.replies, theirs_out = self._pipe(undo)
            self.errors, theirs_errors = self._pipe(undo)
            command = [sys.executable, "-s", "-P", "-S", "-B", str(_ENTRY), str(theirs_in), str(theirs_out)]
            self._process = subprocess.Popen(
                command,
                env=environment(),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=theirs_errors,
                pass_fds=(theirs_in, theirs_out),
                start_new_session=True,
            )
            undo.pop_all()
        for descriptor in (theirs_in, theirs_out, theirs_errors):
            os.close(descriptor)
        for descriptor in (self.requests, self.replies, self.errors):
            os.set_blocking(descriptor, False)

    @staticmethod
    def _pipe(undo: contextlib.ExitStack) -> tuple[int, int]:
        ends = os.pipe()
        for end in ends:
            undo.callback(os.close, end)
        with contextlib.suppress(OSError):  # a larger pipe is only faster
            fcntl.fcntl(ends[1], fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        return ends

    @property
    def pid(self) -> int:
        """Number of the process, and of its group."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether `end` has been called."""
        return self._ending is not None

    def end(self, *, grace_seconds: float = 0.0) -> Ending:
        """Let the process end on its own for a moment, then kill its whole group, and close the pipes.

        Returns:
            How it ended; the same at every later call.
        """
        if self._ending is None:
            self._ending = self._reap(grace_seconds)
            for descriptor in (self.requests, self.replies, self.errors):
                os.close(descriptor)
        return self._ending

    def _reap(self, grace_seconds: float) -> Ending:
        if os.getpid() != self._owner:  # a copy in a forked child: the worker is not ours
            self._process.returncode = 0
            return Ending(None, 0.0, False)
        deadline = time.monotonic() + grace_seconds
        try:
            ended = self._has_ended()
            while not ended and time.monotonic() < deadline:
                time.sleep(0.001)
                ended = self._has_ended()
            # Until it has been waited for, its number and its group's cannot be another's.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            _, status, used = os.wait4(self.pid, 0)
        except ChildProcessError:
            self._process.returncode = 0
            return Ending(None, 0.0, False)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        return Ending(self._process.returncode, used.ru_utime + used.ru_stime, not ended)

    def _has_ended(self) -> bool:
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
