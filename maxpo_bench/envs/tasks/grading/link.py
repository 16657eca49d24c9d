"""The grader's end of one worker: what it was given, what it said, and since when it has been at it."""

from __future__ import annotations

import os
import socket
import time

from maxpo_bench.envs.tasks.grading.jobs import Job
from maxpo_bench.envs.tasks.grading.wire import LineReader, pack_item

_MSG_NOSIGNAL = getattr(socket, "MSG_NOSIGNAL", 0)


class WorkerLink:
    """One worker as the dispatcher sees it.

    Attributes:
        number: what the zygote knows it by.
        asked_at: when it was asked for.
        socket: non-blocking.
        job: what it was given and has not answered yet, None while it is idle.
        begun_at: when it reported to have begun the job, None before that.
        silent_since: when it was asked for, got its job, or reported last.
        is_ready: whether it has ever reported anything.
        judged: how many jobs it has answered.
        ran_out_of_memory: whether it reported so, which is the last it says.
        pid: its process id, None before it has reported.
    """

    def __init__(self, number: int, connection: socket.socket, now: float) -> None:
        self.number = number
        self.socket = connection
        self.job: Job | None = None
        self.begun_at: float | None = None
        self.asked_at = self.silent_since = now
        self.is_ready = False
        self.judged = 0
        self.ran_out_of_memory = False
        self.pid: int | None = None
        self._used_before = 0.0
        self._outgoing = b""
        self._reader = LineReader(connection)

    @property
    def owes_report(self) -> bool:
        """Whether it should report something soon: that it lives, or that it has begun a job."""
        return self.begun_at is None and (self.job is not None or not self.is_ready)

    @property
    def wants_to_write(self) -> bool:
        """Whether the socket was full."""
        return bool(self._outgoing)

    def assign(self, job: Job) -> None:
        """Give it a job."""
        self.job = job
        self.silent_since = time.monotonic()
        self._outgoing = pack_item(*job.pair)
        self.flush()

    def begin(self, report: bytes) -> None:
        """Start the clock of its job; the report says how much processor time it has used before."""
        self.begun_at = self.silent_since = time.monotonic()
        self._used_before = float(report or 0)

    def time_used(self) -> float | None:
        """Return the seconds of processor time that its job has used, None where the system does not tell.

        Also of a worker that has ended, as long as the zygote has not buried it.
        """
        used = None if self.pid is None else processor_time(self.pid)
        return None if used is None else max(0.0, used - self._used_before)

    def release(self) -> Job | None:
        """Take its job from it, which it has answered or will not live to answer."""
        job, self.job, self.begun_at = self.job, None, None
        return job

    def flush(self) -> None:
        """Write what the socket takes."""
        try:
            sent = self.socket.send(self._outgoing, _MSG_NOSIGNAL)
        except BlockingIOError:
            return
        except OSError:  # it is dead, which reading will show
            sent = len(self._outgoing)
        self._outgoing = self._outgoing[sent:]

    def read(self) -> tuple[list[bytes], bool]:
        """Return the reports that have arrived, and whether the worker is gone."""
        return self._reader.read()


def processor_time(pid: int) -> float | None:
    """Return the seconds of processor time that a process has used, all its threads together, to 10 ms.

    None where there is no such process, and on systems without /proc.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return None
