"""The grader's end of one worker: what it was given, what it said, and since when it has been at it."""

from __future__ import annotations

import socket
import time
from collections import deque

from maxpo_bench.envs.tasks.grading.jobs import Job
from maxpo_bench.envs.tasks.grading.wire import LineReader, pack_item

_MSG_NOSIGNAL = getattr(socket, "MSG_NOSIGNAL", 0)


class WorkerLink:
    """One worker as the dispatcher sees it.

    Attributes:
        number: what the zygote knows it by.
        socket: non-blocking.
        jobs: given to it and not answered yet; the first is the one it works on, or will begin with.
        begun_at: when it reported to have begun the first of ``jobs``, None between jobs.
        silent_since: when it was asked for, reported last, or got its first job after a pause.
        is_ready: whether it has ever reported anything.
        is_retiring: whether it is to be ended after the job it works on.
        judged: how many jobs it has answered.
        ran_out_of_memory: whether it reported so, which is the last it says.
    """

    def __init__(self, number: int, connection: socket.socket, now: float) -> None:
        self.number = number
        self.socket = connection
        self.jobs: deque[Job] = deque()
        self.begun_at: float | None = None
        self.silent_since = now
        self.is_ready = False
        self.is_retiring = False
        self.judged = 0
        self.ran_out_of_memory = False
        self._outgoing = b""
        self._reader = LineReader(connection)

    @property
    def owes_report(self) -> bool:
        """Whether it should report something soon: that it lives, or that it has begun a job."""
        return self.begun_at is None and (bool(self.jobs) or not self.is_ready)

    @property
    def wants_to_write(self) -> bool:
        """Whether the socket was full."""
        return bool(self._outgoing)

    def assign(self, job: Job) -> None:
        """Give it one more job."""
        if not self.jobs:
            self.silent_since = time.monotonic()
        self.jobs.append(job)
        self._outgoing += pack_item(*job.pair)
        self.flush()

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

    def take_back(self) -> list[Job]:
        """Return the jobs it has not begun; it must be ended before it reports on one of them."""
        kept = 0 if self.begun_at is None else 1
        taken = list(self.jobs)[kept:]
        while len(self.jobs) > kept:
            self.jobs.pop()
        return taken
