"""The grader's end of one worker: what it was given, what it said, and since when it has been at it."""

from __future__ import annotations

import socket
import time

from maxpo_bench.envs.tasks.grading.jobs import Job
from maxpo_bench.envs.tasks.grading.wire import LineReader, pack_item

_MSG_NOSIGNAL = getattr(socket, "MSG_NOSIGNAL", 0)


class WorkerLink:
    """One worker as the dispatcher sees it.

    Attributes:
        number: what the zygote knows it by.
        socket: non-blocking.
        job: what it was given and has not answered yet, None while it is idle.
        begun_at: when it reported to have begun the job, None before that.
        silent_since: when it was asked for, got its job, or reported last.
        is_ready: whether it has ever reported anything.
        judged: how many jobs it has answered.
        ran_out_of_memory: whether it reported so, which is the last it says.
    """

    def __init__(self, number: int, connection: socket.socket, now: float) -> None:
        self.number = number
        self.socket = connection
        self.job: Job | None = None
        self.begun_at: float | None = None
        self.silent_since = now
        self.is_ready = False
        self.judged = 0
        self.ran_out_of_memory = False
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
