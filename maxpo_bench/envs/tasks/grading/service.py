"""The grader: a verdict on every completion, whatever the completions do to the comparison."""

from __future__ import annotations

import asyncio
import weakref
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self

from maxpo_bench.envs.tasks.grade import Grade, Status
from maxpo_bench.envs.tasks.grading.cache import VerdictCache
from maxpo_bench.envs.tasks.grading.extract import extract_boxed
from maxpo_bench.envs.tasks.grading.fast import fast_verdict
from maxpo_bench.envs.tasks.grading.golds import check_texts
from maxpo_bench.envs.tasks.grading.jobs import Pair, Verdict
from maxpo_bench.envs.tasks.grading.launcher import Settings
from maxpo_bench.envs.tasks.grading.normalise import normalise
from maxpo_bench.envs.tasks.grading.pool import Pool
from maxpo_bench.envs.tasks.grading.processors import usable_processors
from maxpo_bench.envs.tasks.grading.tally import GraderStats, Tally

MAX_EXTRACTED_LENGTH = 1000
MIN_MEMORY_LIMIT = 256 * 2**20
# Sixteen compare thousands of answers per second, more than a trainer writes, and may use 16 GiB. A node with more
# processors usually runs several processes that grade, each with workers of its own.
MAX_DEFAULT_WORKERS = 16

_JUDGE = "maxpo_bench.envs.tasks.grading.judge:judge"
# As many completions as take a few milliseconds: an event loop is not held up for longer.
_SLICE = 128


class _Sheet:
    """The grades of one call while they are being filled in.

    Attributes:
        grades: one per completion, None where a worker has to compare.
        pending: the pairs to compare, each with what was extracted for which completions.
        sources: how many were decided by what.
    """

    def __init__(self) -> None:
        self.grades: list[Grade | None] = []
        self.pending: dict[Pair, list[tuple[int, str]]] = {}
        self.sources: Counter[str] = Counter()

    def fill_in(self, verdicts: Sequence[Verdict]) -> list[Grade]:
        """Add what workers have found, in the order of ``pending``."""
        for places, verdict in zip(self.pending.values(), verdicts, strict=True):
            for index, extracted in places:
                self.grades[index] = Grade(verdict, extracted)
        return [grade for grade in self.grades if grade is not None]


class Grader:
    r"""Grades completions against reference answers; no completion can hang, crash or fool it.

    The answer is what the last ``\boxed{}`` after any thinking holds. Both sides are brought to one form; equal text
    and plain numbers are decided at once, a pair seen before is not compared again, and everything else is compared by
    math-verify in a worker process, one pair at a time.

    A comparison that exceeds ``time_limit`` is killed: "timeout". One that raises is a "crash", and so is one whose
    worker ends over it, by the memory limit for instance, after a second try in another worker. Neither earns a reward;
    both are counted, and `stats` says what happened. Verdicts are remembered, time-outs included: the same bomb costs
    its limit once, not once per sample. Not remembered is what may have come from outside: a worker's end without a
    reason it could report, and a time-out for want of the processor.

    The limit is wall-clock time. A comparison that reaches it after less than a tenth of that in processor time was
    held up by an overloaded or suspended machine: it is tried once more, with a new clock and after all others, before
    it is a "timeout". Where the system does not tell processor time (no /proc), every time-out is the answer's own.

    What an answer says is never executed, and a worker has limits of time, of memory and of what it may write to files
    (nothing). Its process is not a sandbox beyond that: network and file reads are not closed to it, and it has the
    rights of the user.

    Safe to use from any number of threads and event loops, before and after a fork, and in spawned processes (a
    pickled grader is one with the same settings). No process starts before a comparison needs one, and none outlives
    the grader, however its process ends.

    Args:
        workers: the largest number of worker processes; None: as many as this process may use processors,
            by its affinity and its container's quota, at most 16.
        time_limit: seconds per comparison, from its beginning in the worker (wall clock). Gold answers of MATH and
            Minerva compared with each other take 4 ms on average and 0.33 s at most, but for one pair of differential
            equations; 3 s is nine times that.
        memory_limit: bytes of address space per worker, at least 256 MiB.
        cache_size: how many verdicts are remembered, the least recently used being forgotten first.
        judge: the comparison as "module:function", a function of two normalised texts that returns whether they are
            equal; imported and called in the workers only. The module's ``warm_up()``, if any, is called once before.

    Raises:
        TypeError: ``workers``, ``memory_limit`` or ``cache_size`` is not an integer.
        ValueError: a limit is out of range.
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        time_limit: float = 3.0,
        memory_limit: int = 2**30,
        cache_size: int = 100_000,
        judge: str = _JUDGE,
    ) -> None:
        if workers is None:
            workers = min(usable_processors(), MAX_DEFAULT_WORKERS)
        _at_least(1, workers, "workers")
        if not 0 < time_limit < float("inf"):
            raise ValueError(f"time_limit={time_limit!r} s must be positive and finite: 3.0 suits math-verify")
        _at_least(MIN_MEMORY_LIMIT, memory_limit, "memory_limit")
        self._settings = Settings(workers, float(time_limit), memory_limit, judge)
        self._cache = VerdictCache(_at_least(0, cache_size, "cache_size"))
        self._cache_size = cache_size
        self._tally = Tally()
        self._pool = Pool(self._settings, self._cache.put)
        self._pool.at_fork += [self._cache.renew_lock, self._tally.forget]
        weakref.finalize(self, self._pool.abandon).atexit = False  # at exit, pools are closed and waited for

    def grade(self, golds: Sequence[str], completions: Sequence[str]) -> list[Grade]:
        """Grade one completion per reference answer.

        Args:
            golds: reference answers, without a box around them.
            completions: the whole text that a model wrote for each.

        Returns:
            One grade per completion, in order.

        Raises:
            TypeError: a gold or a completion is not a string.
            ValueError: the two have different lengths; a gold is empty, holds "####" or a box, or has more than 10,000
                characters: it would make every answer wrong; the grader is closed.
            GraderError: the worker processes cannot be started; no completion has been graded.
        """
        check_texts(golds, completions)
        sheet = _Sheet()
        self._look(sheet, golds, completions)
        if not sheet.pending:
            return self._sign(sheet, [])
        future = self._pool.submit(list(sheet.pending))
        try:
            return self._sign(sheet, future.result())
        except BaseException:  # Ctrl-C: nobody waits for these comparisons any more
            future.cancel()
            raise

    async def agrade(self, golds: Sequence[str], completions: Sequence[str]) -> list[Grade]:
        """Grade as `grade` does, without blocking the event loop; a cancelled call drops its comparisons."""
        check_texts(golds, completions)
        sheet = _Sheet()
        for start in range(0, len(golds), _SLICE):
            if start:
                await asyncio.sleep(0)
            self._look(sheet, golds[start : start + _SLICE], completions[start : start + _SLICE])
        if not sheet.pending:
            return self._sign(sheet, [])
        future: Future[list[Verdict]] = self._pool.submit(list(sheet.pending))
        return self._sign(sheet, await asyncio.wrap_future(future))

    @property
    def counts(self) -> dict[Status, int]:
        """Number of completions by status since the grader was made, every status included."""
        return self._tally.statuses()

    def stats(self) -> GraderStats:
        """Return what the grader has done so far; printing it gives one line."""
        sources, crew = self._tally.sources(), self._pool.crew
        return GraderStats(
            statuses=self._tally.statuses(),
            decided_fast=sources["fast"],
            found_in_cache=sources["cache"],
            compared=sources["worker"],
            workers_started=crew.started["worker"],
            workers_killed=crew.killed,
            workers_died=dict(crew.deaths),
            last_failure=crew.last_failure,
        )

    def close(self) -> None:
        """End the worker processes; who still waits for them gets a `GraderError`. Can be called twice."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        settings = self._settings
        return (
            f"<Grader workers={settings.workers} time_limit={settings.time_limit:g} "
            f"memory_limit={settings.memory_limit} cache_size={self._cache_size}: {self.stats()}>"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        settings = self._settings
        return _make, (settings.workers, settings.time_limit, settings.memory_limit, self._cache_size, settings.judge)

    def _look(self, sheet: _Sheet, golds: Sequence[str], completions: Sequence[str]) -> None:
        """Grade what needs no worker."""
        for gold, completion in zip(golds, completions, strict=True):
            extracted = extract_boxed(completion)
            if extracted is None:
                sheet.grades.append(Grade("no_box"))
            elif len(extracted) > MAX_EXTRACTED_LENGTH:
                sheet.grades.append(Grade("too_long", extracted))
            else:
                verdict = self._known_verdict(sheet, gold, extracted)
                sheet.grades.append(None if verdict is None else Grade(verdict, extracted))

    def _known_verdict(self, sheet: _Sheet, gold: str, extracted: str) -> Verdict | None:
        try:
            pair = normalise(gold), normalise(extracted)
            is_right = fast_verdict(*pair)
        except Exception as error:  # a fault of ours over one answer must not cost a whole batch
            self._pool.crew.last_failure = f"reading {extracted!r} raised {type(error).__name__}: {error}"
            return "crash"
        if is_right is not None:
            sheet.sources["fast"] += 1
            return "correct" if is_right else "wrong"
        verdict = self._cache.get(pair)
        if verdict is None:
            sheet.sources["worker"] += 1
            sheet.pending.setdefault(pair, []).append((len(sheet.grades), extracted))
        else:
            sheet.sources["cache"] += 1
        return verdict

    def _sign(self, sheet: _Sheet, verdicts: Sequence[Verdict]) -> list[Grade]:
        grades = sheet.fill_in(verdicts)
        self._tally.add((grade.status for grade in grades), sheet.sources)
        return grades


def _make(workers: int, time_limit: float, memory_limit: int, cache_size: int, judge: str) -> Grader:
    return Grader(workers, time_limit=time_limit, memory_limit=memory_limit, cache_size=cache_size, judge=judge)


def _at_least(least: int, value: int, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    if value < least:
        raise ValueError(f"{name}={value} must be at least {least}")
    return value
