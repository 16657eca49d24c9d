"""Where hostile submissions run: what they could read, change, reach or leave behind, and what shows that they did."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import secrets
import select
import signal
import socket
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
SECRET = "MAXPO_ZOO_SECRET"
CANARY_TEXT = "nobody may know this\n"
LONG_AGO = 10**9


class Arena:
    """Bait for one or several submissions, looked at from outside afterwards.

    Attributes:
        words: what the words between `@` signs in the zoo's files stand for.
    """

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self.folder = folder / "private"
        self.folder.mkdir(mode=0o755)
        self.canary = self.folder / "canary"
        self.canary.write_text(CANARY_TEXT, encoding="utf-8")
        self.canary.chmod(0o644)
        self._listeners = [stack.enter_context(listener) for listener in self._listen()]
        token = secrets.token_hex(8)
        self.words = {
            "CANARY": str(self.canary),
            "FOLDER": str(self.folder),
            "PORT": str(self._listeners[0].getsockname()[1]),
            "SOCKET": str(self.folder / "socket"),
            "ABSTRACT": self._abstract,
            "TOKEN": token,
            "SECRET": token,
        }
        os.environ[SECRET] = token
        stack.callback(os.environ.pop, SECRET, None)
        self._shared = Path("/dev/shm") / f"maxpo-zoo-{token}"
        self._planted = Path(sysconfig.get_path("purelib")) / "maxpo_zoo_planted.pth"
        stack.callback(self._planted.unlink, missing_ok=True)
        stack.callback(self._shared.unlink, missing_ok=True)
        self.set_bait()

    def _listen(self) -> Iterator[socket.socket]:
        """TCP and UDP on one port, a Unix socket with a file and one without."""
        stream = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        stream.bind(("127.0.0.1", 0))
        stream.listen()
        yield stream
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        datagrams.bind(stream.getsockname())
        yield datagrams
        self._abstract = f"maxpo-zoo-{secrets.token_hex(8)}"
        for address in (str(self.folder / "socket"), f"\0{self._abstract}"):
            local = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            local.bind(address)
            local.listen()
            yield local
        os.chmod(self.folder / "socket", 0o777)

    def set_bait(self) -> None:
        """Note how everything is now."""
        os.utime(self.canary, (LONG_AGO, LONG_AGO + 10))  # read since: the time of access moves, where times are kept
        self._before = self._state()

    def _state(self) -> dict[str, object]:
        there = self.canary.exists()
        found = self.canary.stat() if there else None
        return {
            "the canary's owner, mode and times": (
                found.st_mode,
                found.st_uid,
                found.st_size,
                found.st_atime,
                found.st_mtime,
            )
            if found
            else None,
            "the names in the folder": sorted(os.listdir(self.folder)),
            "a file in shared memory": self._shared.exists(),
            "a file in the Python installation": self._planted.exists(),
            "the scorer's limits": [resource.getrlimit(kind) for kind in (resource.RLIMIT_NOFILE, resource.RLIMIT_CPU)],
            "the scorer's tracer": _status_line("TracerPid"),
            "processes left running": _children(),
        }

    def effects(self, *, patience: float = 5.0) -> list[str]:
        """Return what has changed since `set_bait`, in words; [] where nothing has.

        Args:
            patience: seconds that killed processes get to disappear.
        """
        deadline = time.monotonic() + patience
        while _children() != self._before["processes left running"] and time.monotonic() < deadline:
            time.sleep(0.01)
        now = self._state()
        changed = [f"{what}: {now[what]}, before {was}" for what, was in self._before.items() if now[what] != was]
        if self.canary.exists() and self.canary.read_text(encoding="utf-8") != CANARY_TEXT:
            changed.append("the canary's content")
        reached, _, _ = select.select(self._listeners, [], [], 0)
        return changed + [f"a connection or message to {listener.getsockname()!r}" for listener in reached]

    def remove_children(self) -> None:
        """Kill what was left running, so that one failure is not the next test's."""
        for number in _children() - self._before["processes left running"]:  # type: ignore[operator]
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)


def _status_line(name: str) -> str:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(line.split()[1] for line in lines if line.startswith(f"{name}:"))


def _children() -> frozenset[int]:
    """Return the processes below this one, at any depth; those that have ended and not been waited for are reaped."""
    with contextlib.suppress(ChildProcessError):
        for number in _direct(os.getpid()):
            if number not in _known_to_python():
                os.waitpid(number, os.WNOHANG)
    found: set[int] = set()
    new = _direct(os.getpid())
    while new:
        found |= new
        new = {child for number in new for child in _direct(number)} - found
    return frozenset(found)


def _known_to_python() -> set[int]:
    """Return the children that multiprocessing waits for itself."""
    from multiprocessing import active_children, resource_tracker

    tracker = getattr(resource_tracker, "_resource_tracker", None)
    known = {child.pid for child in active_children()} | {getattr(tracker, "_pid", None)}
    return {number for number in known if number is not None}


def _direct(number: int) -> set[int]:
    found: set[int] = set()
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{number}/task").iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                found |= {int(word) for word in (task / "children").read_text().split()}
    return found


def reads_leave_a_trace(folder: Path) -> bool:
    """Does reading a file move its time of access here?"""
    probe = folder / "probe"
    probe.write_text("x")
    os.utime(probe, (LONG_AGO, LONG_AGO + 10))
    probe.read_text()
    moved = probe.stat().st_atime != LONG_AGO
    probe.unlink()
    return moved


@contextlib.contextmanager
def arena(folder: Path | None = None) -> Iterator[Arena]:
    """Set up an arena; while it is open, orphaned descendants become children of this process: none is missed."""
    libc = ctypes.CDLL(None, use_errno=True)
    with contextlib.ExitStack() as stack:
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="maxpo-zoo-")))
        libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        stack.callback(libc.prctl, PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
        made = Arena(folder, stack)
        stack.callback(made.remove_children)
        yield made
