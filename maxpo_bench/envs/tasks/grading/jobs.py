"""The comparisons that wait for a worker: each pair once, however many callers ask for it at the same time."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, field
from typing import Literal

Pair = tuple[str, str]
Verdict = Literal["correct", "wrong", "timeout", "crash"]


class GraderError(OSError):
    """Answers could not be compared at all, since processes do not start; says nothing about any of them."""


@dataclass(eq=False)
class Batch:
    """What one caller waits for.

    Attributes:
        future: gets one verdict per pair, in order.
    """

    future: Future[list[Verdict]]
    verdicts: list[Verdict | None]
    missing: int


@dataclass(eq=False)
class Job:
    """One comparison.

    Attributes:
        pair: gold and answer, normalised.
        waiters: who waits for it, with the position in the batch; none: nobody does any more.
        deaths: how many workers died over it.
        stalls: how often it reached its limit without having had the processor for long.
    """

    pair: Pair
    waiters: list[tuple[Batch, int]] = field(default_factory=list)
    deaths: int = 0
    stalls: int = 0


class JobQueue:
    """Jobs in the order of their arrival. Callers submit and discard from any thread, one dispatcher does the rest."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Start anew, with a lock of its own: what is needed in a forked copy of the process."""
        self._lock = threading.Lock()
        self._waiting: deque[Job] = deque()
        self._jobs: dict[Pair, Job] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def submit(self, pairs: Sequence[Pair]) -> Future[list[Verdict]]:
        """Queue comparisons; cancelling the future drops those that nobody else waits for and none has begun."""
        batch = Batch(Future(), [None] * len(pairs), len(pairs))
        with self._lock:
            for position, pair in enumerate(pairs):
                job = self._jobs.get(pair)
                if job is None:
                    job = self._jobs[pair] = Job(pair)
                    self._waiting.append(job)
                job.waiters.append((batch, position))
        batch.future.add_done_callback(lambda future: self._discard(batch, pairs) if future.cancelled() else None)
        return batch.future

    def _discard(self, batch: Batch, pairs: Sequence[Pair]) -> None:
        with self._lock:
            for pair in pairs:
                job = self._jobs.get(pair)
                if job is not None:
                    job.waiters = [waiter for waiter in job.waiters if waiter[0] is not batch]

    def take(self) -> Job | None:
        """Return the next job that somebody waits for."""
        with self._lock:
            while self._waiting:
                job = self._waiting.popleft()
                if job.waiters:
                    return job
                self._drop(job)
        return None

    def put_first(self, job: Job) -> None:
        """Return a job that has not begun to the head of the queue."""
        with self._lock:
            self._waiting.appendleft(job)

    def put_last(self, job: Job) -> None:
        """Return a job to the end of the queue."""
        with self._lock:
            self._waiting.append(job)

    def finish(self, job: Job, verdict: Verdict) -> None:
        """Give a verdict to all who wait for it."""
        complete: list[Batch] = []
        with self._lock:
            self._drop(job)
            for batch, position in job.waiters:
                batch.verdicts[position] = verdict
                batch.missing -= 1
                if batch.missing == 0:
                    complete.append(batch)
        for batch in complete:
            with contextlib.suppress(InvalidStateError):  # cancelled meanwhile
                batch.future.set_result([verdict for verdict in batch.verdicts if verdict is not None])

    def abandon(self, job: Job) -> bool:
        """Forget a job that nobody waits for any more; return False where somebody does."""
        with self._lock:
            if job.waiters:
                return False
            self._drop(job)
            return True

    def fail(self, error: Exception) -> None:
        """Give up all jobs: every caller that waits gets the error."""
        with self._lock:
            batches = {batch for job in self._jobs.values() for batch, _ in job.waiters}
            self._waiting.clear()
            self._jobs.clear()
        for batch in batches:
            with contextlib.suppress(InvalidStateError):
                batch.future.set_exception(error)

    def _drop(self, job: Job) -> None:
        if self._jobs.get(job.pair) is job:
            del self._jobs[job.pair]
