"""What a grader has done since it was made."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from maxpo_bench.envs.tasks.grade import STATUSES, Status


@dataclass(frozen=True)
class GraderStats:
    """Counts since a grader was made, or since the process was forked off.

    Attributes:
        statuses: number of completions by status, those with none included.
        decided_fast: how many of them plain text or plain numbers decided.
        found_in_cache: how many the cache knew.
        compared: how many a worker compared; equal pairs count each time, though they are compared once.
        workers_started: how many worker processes were forked.
        workers_killed: how many of them were killed over a comparison that reached the time limit.
        workers_died: how many of them ended by themselves, and how, such as {"SIGSEGV": 1, "memory limit": 2}.
        last_failure: the last thing that went wrong in or with a worker, in words; empty: nothing has.
    """

    statuses: dict[Status, int]
    decided_fast: int
    found_in_cache: int
    compared: int
    workers_started: int
    workers_killed: int
    workers_died: dict[str, int]
    last_failure: str

    def __str__(self) -> str:
        statuses = ", ".join(f"{status} {number}" for status, number in self.statuses.items() if number)
        died = ", ".join(f"{name} {number}" for name, number in self.workers_died.items())
        return (
            f"{statuses or 'nothing graded'}; decided fast {self.decided_fast}, found in cache {self.found_in_cache}, "
            f"compared {self.compared}; workers started {self.workers_started}, killed {self.workers_killed}, "
            f"died {died or 0}" + (f"; last failure: {self.last_failure}" if self.last_failure else "")
        )


class Tally:
    """Counters that threads may share."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Start at zero, with a lock of its own."""
        self._lock = threading.Lock()
        self._statuses: Counter[Status] = Counter()
        self._sources: Counter[str] = Counter()

    def add(self, statuses: Iterable[Status], sources: Counter[str]) -> None:
        """Count the completions of one call."""
        counted = Counter(statuses)
        with self._lock:
            self._statuses.update(counted)
            self._sources.update(sources)

    def statuses(self) -> dict[Status, int]:
        """Return the number of completions by status, every status included."""
        with self._lock:
            return {status: self._statuses[status] for status in STATUSES}

    def sources(self) -> Counter[str]:
        """Return how many completions were decided by what."""
        with self._lock:
            return self._sources.copy()
