"""Hands comparisons to workers, watches their clocks and replaces those it has to kill; all in one thread."""

from __future__ import annotations

import math
import selectors
import time
from collections.abc import Callable
from functools import partial

from maxpo_bench.envs.tasks.grading import wire
from maxpo_bench.envs.tasks.grading.crew import START_LIMIT_S, Crew
from maxpo_bench.envs.tasks.grading.jobs import GraderError, Job, JobQueue, Pair, Verdict
from maxpo_bench.envs.tasks.grading.link import WorkerLink

# A comparison that nobody waits for any more may go on for so long, since it is about to end: most take 1 to 30 ms.
PATIENCE_S = 0.1
# A fresh worker is as fast, and whatever the libraries have hoarded in the old one is gone.
JOBS_PER_WORKER = 20_000
MAX_DEATHS = 2
MAX_STALLS = 2
# A comparison that hangs uses all the processor time it gets. One that had less than this fraction of its limit was
# held up by an overloaded or suspended machine and says nothing about the next time. A tenth of 3 s is what the slowest
# comparison of reference answers takes; on two processors with six busy processes real bombs get a quarter.
BUSY_FRACTION = 0.1

_ANSWERS: dict[bytes, Verdict] = {wire.CORRECT: "correct", wire.WRONG: "wrong"}


class Dispatcher:
    """Takes jobs from the queue and finishes each of them.

    The clock of a job starts when its worker reports to begin it, so that no job is charged for waiting. At the limit
    the worker is killed and the verdict is "timeout". If the worker had little processor time, the machine was
    suspended or overloaded: the job is tried once more, at the end of the queue and with a new clock, and a second
    "timeout" of this kind is not remembered. A worker that dies over a job is replaced, and the job is tried
    once more, at the end of the queue, before the verdict is "crash". A job whose worker never started, or ended with
    the zygote, goes back to the head of the queue and is not charged.

    A worker is given one job at a time: nothing ever waits behind a slow one while another worker is idle, and the
    tenth of a millisecond between two jobs is small beside the milliseconds that a comparison takes.

    Args:
        crew: the processes.
        queue: the jobs.
        selector: of this thread; must be asked in a loop with `step`.
        remember: called with each verdict that would be the same another time.
    """

    def __init__(
        self,
        crew: Crew,
        queue: JobQueue,
        selector: selectors.BaseSelector,
        remember: Callable[[Pair, Verdict], None],
    ) -> None:
        self._crew = crew
        self._queue = queue
        self._selector = selector
        self._remember = remember
        self._limit = crew.settings.time_limit
        self._patience = min(PATIENCE_S, self._limit)

    def step(self) -> None:
        """Hand out what waits, sleep until something happens or a limit is reached, and deal with it.

        Raises:
            GraderError: processes cannot be started.
        """
        self._hand_out()
        for key, _ in self._selector.select(self._time_left()):
            key.data()
        now = time.monotonic()
        for link in list(self._crew.workers.values()):
            if link.number in self._crew.workers:
                self._watch_clock(link, now)

    def abandon(self) -> str:
        """End all processes; return the end of what they wrote to stderr."""
        for link in self._crew.workers.values():
            self._selector.unregister(link.socket)
        if self._crew.launcher is not None:
            self._selector.unregister(self._crew.launcher.control)
        return self._crew.end()

    def _hand_out(self) -> None:
        if not self._queue:
            return
        self._start_workers(len(self._queue))
        for link in self._crew.workers.values():
            if link.job is None:
                job = self._queue.take()
                if job is None:
                    return
                link.assign(job)
                if link.wants_to_write:
                    self._selector.modify(link.socket, _BOTH, partial(self._hear, link))

    def _start_workers(self, waiting: int) -> None:
        crew = self._crew
        idle = sum(link.job is None for link in crew.workers.values())
        room = crew.settings.workers - len(crew.workers)
        for _ in range(min(room, waiting - idle)):
            if time.monotonic() < crew.resting_until:
                return
            is_first = crew.launcher is None
            try:
                link = crew.start_worker()
            except GraderError:
                raise
            except OSError:
                return  # the zygote is gone, as its socket is about to say
            finally:
                if is_first and crew.launcher is not None:
                    self._selector.register(crew.launcher.control, selectors.EVENT_READ, self._hear_zygote)
            self._selector.register(link.socket, selectors.EVENT_READ, partial(self._hear, link))

    def _time_left(self) -> float | None:
        """Return the seconds until a limit is reached, None where none is ahead."""
        next_at = self._crew.resting_until if self._queue and self._crew.resting_until > time.monotonic() else math.inf
        for link in self._crew.workers.values():
            if link.job is not None and link.begun_at is not None:
                next_at = min(next_at, link.begun_at + (self._limit if link.job.waiters else self._patience))
            elif link.owes_report:
                next_at = min(next_at, link.silent_since + START_LIMIT_S)
        return None if next_at == math.inf else max(0.0, next_at - time.monotonic())

    def _watch_clock(self, link: WorkerLink, now: float) -> None:
        if link.job is None or link.begun_at is None:
            if link.owes_report and now - link.silent_since >= START_LIMIT_S:
                self._give_up(link)
        elif now - link.begun_at >= self._limit:
            self._hear(link)  # it may have answered while this thread was not running
            if link.job is not None and link.begun_at is not None and now - link.begun_at >= self._limit:
                self._time_out(link, link.job)
                self._crew.killed += 1
                self._discard(link)
        elif now - link.begun_at >= self._patience and not link.job.waiters and self._queue.abandon(link.job):
            link.release()
            self._discard(link)

    def _time_out(self, link: WorkerLink, job: Job) -> None:
        """Decide about a job that has reached its limit."""
        used = link.time_used()
        link.release()
        if used is None or used >= BUSY_FRACTION * self._limit:
            self._finish(job, "timeout")
            return
        self._crew.last_failure = (
            f"a comparison reached its limit of {self._limit:g} s with {used:.2f} s of processor time: "
            "the machine is overloaded or was suspended"
        )
        job.stalls += 1
        if job.stalls < MAX_STALLS:
            self._queue.put_last(job)
        else:
            self._finish(job, "timeout", is_lasting=False)

    def _give_up(self, link: WorkerLink) -> None:
        """End a worker that does not report, and the zygote with it where that has made none that did."""
        why = f"one has not reported for {START_LIMIT_S:g} s"
        if any(each.is_ready for each in self._crew.workers.values()):
            self._discard(link)
            self._crew.note_failed_start(why, link.asked_at)
        else:
            self._replace_zygote(why)

    def _hear(self, link: WorkerLink) -> None:
        """Deal with what a worker has reported, or with its end."""
        if link.number not in self._crew.workers:
            return  # ended while its event was waiting
        if link.wants_to_write:
            link.flush()
            if not link.wants_to_write:
                self._selector.modify(link.socket, selectors.EVENT_READ, partial(self._hear, link))
        lines, is_gone = link.read()
        for line in lines:
            self._note(link, line)
        if is_gone:
            self._bury(link)
        elif link.job is None and link.judged >= JOBS_PER_WORKER:
            self._discard(link)

    def _note(self, link: WorkerLink, line: bytes) -> None:
        kind = line[:1]
        link.silent_since = time.monotonic()
        if kind == wire.READY:
            link.is_ready, link.pid = True, int(line[1:])
        elif kind == wire.STARTED:
            link.begin(line[1:])
        elif kind == wire.OUT_OF_MEMORY:
            link.ran_out_of_memory = True
        else:
            if kind == wire.RAISED:
                self._crew.last_failure = f"a comparison raised {line[1:].decode('utf-8', 'replace')}"
            link.judged += 1
            self._crew.note_success()
            self._finish(link.release(), _ANSWERS.get(kind, "crash"))

    def _finish(self, job: Job | None, verdict: Verdict, is_lasting: bool = True) -> None:
        assert job is not None  # a worker answers what it was given, and once
        if is_lasting:
            self._remember(job.pair, verdict)
        self._queue.finish(job, verdict)

    def _discard(self, link: WorkerLink, is_dead: bool = False) -> None:
        """End a worker; a job that it has goes back."""
        self._put_back(link)
        self._selector.unregister(link.socket)
        self._crew.end_worker(link, is_dead)

    def _put_back(self, link: WorkerLink) -> None:
        job = link.release()
        if job is not None:
            self._queue.put_first(job)

    def _bury(self, link: WorkerLink) -> None:
        """Deal with a worker that has ended by itself."""
        assert self._crew.launcher is not None
        if self._crew.launcher.is_gone():
            self._replace_zygote("the process that starts them has ended")
            return
        if link.job is not None and (link.is_ready or link.ran_out_of_memory):
            self._charge(link, link.job)
        self._discard(link, is_dead=True)
        if not link.is_ready:
            self._crew.note_failed_start(self._crew.last_failure or "one ended before it was ready", link.asked_at)

    def _charge(self, link: WorkerLink, job: Job) -> None:
        """Decide about the job that a worker died over."""
        seconds = 0.0 if link.begun_at is None else time.monotonic() - link.begun_at
        if seconds >= self._limit:
            self._time_out(link, job)  # its own clock killed it first
            return
        link.release()
        job.deaths += 1
        if job.deaths < MAX_DEATHS:
            self._queue.put_last(job)
        else:
            # Two deaths without a report may both have come from outside: the next batch may try again.
            self._finish(job, "crash", is_lasting=link.ran_out_of_memory)

    def _hear_zygote(self) -> None:
        if self._crew.launcher is not None and self._crew.read_zygote():
            self._replace_zygote("the process that starts them has ended")

    def _replace_zygote(self, why: str) -> None:
        """Return all jobs to the queue, none charged: the workers end because the zygote has or does."""
        for link in self._crew.workers.values():
            self._put_back(link)
        stderr = self.abandon()
        self._crew.note_failed_start(f"{why}; its last output: {stderr or 'none'}")


_BOTH = selectors.EVENT_READ | selectors.EVENT_WRITE
