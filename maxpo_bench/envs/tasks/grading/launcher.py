"""The grader's side of the zygote: start it, ask it for workers, have workers killed, end it."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

import maxpo_bench
from maxpo_bench.envs.tasks.grading.wire import COMMAND, FORK, KILL, LineReader

# Held while sockets are made and handed over, and while the process forks: no fork copies a socket that nobody knows.
FORK_LOCK = threading.Lock()

_END_S = 5.0
_MSG_NOSIGNAL = getattr(socket, "MSG_NOSIGNAL", 0)
# gmpy2 and flint compute 10**9! in one call that no alarm interrupts and abort on overflow; one thread, one hash seed.
_ENVIRONMENT = {
    "SYMPY_GROUND_TYPES": "python",
    "MPMATH_NOGMPY": "1",
    "PYTHONHASHSEED": "0",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
# The package's own start-up, which loads Gymnasium and its plugins, is left out: bare packages stand in for it.
_PROGRAM = """
import json, sys, types
settings = json.loads(sys.argv[1])
sys.path[:] = settings["path"]
for name, folders in settings["packages"].items():
    package = types.ModuleType(name)
    package.__path__ = folders
    sys.modules[name] = package
from maxpo_bench.envs.tasks.grading.zygote import main
main()
"""


@dataclass(frozen=True)
class Settings:
    """What a grader's processes are made from.

    Attributes:
        workers: the largest number of workers.
        time_limit: seconds per comparison.
        memory_limit: bytes of address space per worker.
        judge: the comparison as "module:function".
    """

    workers: int
    time_limit: float
    memory_limit: int
    judge: str


class Launcher:
    """One zygote process.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, settings: Settings) -> None:
        if not hasattr(os, "fork"):
            raise OSError("comparing answers needs os.fork, which this system lacks: use Linux, macOS or WSL")
        if not sys.executable:
            raise OSError("comparing answers starts a Python process, but sys.executable is empty: set it")
        self._errors = tempfile.TemporaryFile()
        self.control, theirs = socket.socketpair()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _PROGRAM, _describe(settings, theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                env=_environment(),
                pass_fds=(theirs.fileno(),),
                start_new_session=True,  # Ctrl-C in a terminal is for the user's process only
            )
        except BaseException:
            self.control.close()
            self._errors.close()
            raise
        finally:
            theirs.close()
        self._reader = LineReader(self.control)

    @property
    def pid(self) -> int:
        """Process id of the zygote, also the session of all its workers."""
        return self._process.pid

    def fork(self, number: int) -> socket.socket:
        """Ask for a worker and return the grader's end of its socket, non-blocking.

        Raises:
            OSError: the zygote is gone.
        """
        ours, theirs = socket.socketpair()
        try:
            ours.setblocking(False)
            socket.send_fds(self.control, [COMMAND.pack(FORK, number)], [theirs.fileno()], _MSG_NOSIGNAL)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        return ours

    def kill(self, number: int) -> None:
        """Have a worker killed, whether or not it still lives; without effect once the zygote is gone."""
        with contextlib.suppress(OSError):
            self.control.send(COMMAND.pack(KILL, number), _MSG_NOSIGNAL)

    def read(self) -> tuple[list[bytes], bool]:
        """Return the reports that have arrived, and whether the zygote is gone."""
        return self._reader.read()

    def is_gone(self) -> bool:
        """Whether the zygote has ended; it closes its socket before the kernel ends the workers."""
        try:
            return self.control.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def end(self) -> str:
        """End the zygote and with it the workers, wait for it, and return the end of what it wrote to stderr."""
        self.control.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        with self._errors as errors:
            size = errors.seek(0, os.SEEK_END)
            errors.seek(max(0, size - 2000))
            return errors.read().decode("utf-8", "replace").strip()

    def forget(self) -> None:
        """Drop this object in a forked copy of its process, to which the zygote does not belong."""
        self.control.close()
        self._errors.close()
        self._process.returncode = 0  # else Popen would complain that nobody has waited for it


def _describe(settings: Settings, descriptor: int) -> str:
    package = Path(maxpo_bench.__file__).parent
    return json.dumps(
        {
            "descriptor": descriptor,
            "path": [os.path.abspath(folder) for folder in sys.path],
            "packages": {"maxpo_bench": [str(package)], "maxpo_bench.envs": [str(package / "envs")]},
            "judge": settings.judge,
            "time_limit": settings.time_limit,
            "memory_limit": settings.memory_limit,
        }
    )


def _environment() -> dict[str, str]:
    """Return this process's environment without Python's own variables, which are the user's program's."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return inherited | _ENVIRONMENT
