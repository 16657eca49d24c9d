"""The processes of a grader: one zygote and the workers it has forked; started on demand, all ended together."""

from __future__ import annotations

import contextlib
import math
import signal
import time
from collections import Counter

from maxpo_bench.envs.tasks.grading import zygote
from maxpo_bench.envs.tasks.grading.jobs import GraderError
from maxpo_bench.envs.tasks.grading.launcher import FORK_LOCK, Launcher, Settings
from maxpo_bench.envs.tasks.grading.link import WorkerLink

# Far more than a start takes on a busy machine (importing math-verify: half a second).
START_LIMIT_S = 60.0
MAX_FAILED_STARTS = 3
_REST_S = 0.2


class Crew:
    """Starts, ends and counts processes; used by the dispatcher's thread only, but for `forget`.

    Attributes:
        workers: the living workers by number.
        deaths: how workers ended that were not told to, such as {"SIGSEGV": 2, "memory limit": 1}.
        killed: how many workers were killed over a comparison that reached its limit.
        started: how many workers and zygotes were ever started.
        last_failure: the last thing that went wrong with a process or a comparison, in words.
        resting_until: when, by the monotonic clock, the next worker may be started after one failed to.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.workers: dict[int, WorkerLink] = {}
        self.launcher: Launcher | None = None
        self.deaths: Counter[str] = Counter()
        self.started: Counter[str] = Counter()
        self.killed = 0
        self.resting_until = 0.0
        self.last_failure = ""
        self._failed_starts = 0
        self._failed_at = 0.0
        self._condemned: set[int] = set()

    def start_worker(self) -> WorkerLink:
        """Have one more worker forked, after starting the zygote where there is none; returns before either runs.

        Raises:
            GraderError: the zygote cannot be started.
            OSError: it has ended meanwhile.
        """
        with FORK_LOCK:
            if self.launcher is None:
                try:
                    self.launcher = Launcher(self.settings)
                except OSError as error:
                    raise GraderError(f"the grader's process cannot be started: {error}") from error
                self.started["zygote"] += 1
            self.started["worker"] += 1
            number = self.started["worker"]
            link = WorkerLink(number, self.launcher.fork(number), time.monotonic())
            self.workers[number] = link
        return link

    def end_worker(self, link: WorkerLink, is_dead: bool = False) -> None:
        """End a worker, or bury one that has died, of which the zygote will say how."""
        if link.ran_out_of_memory:
            self.deaths["memory limit"] += 1
            self.last_failure = f"a comparison exceeded memory_limit={self.settings.memory_limit} bytes"
        if self.launcher is not None:
            if not is_dead or link.ran_out_of_memory:
                self._condemned.add(link.number)
            self.launcher.kill(link.number)
        del self.workers[link.number]
        link.socket.close()

    def note_success(self) -> None:
        """Forget earlier failures to start: a worker has answered."""
        self._failed_starts = 0

    def note_failed_start(self, why: str, asked_at: float = math.inf) -> None:
        """Count a try to start processes; workers that were asked for together and fail together are one try.

        Args:
            why: what went wrong.
            asked_at: when the worker that failed was asked for; not given for a zygote.

        Raises:
            GraderError: it is the third in a row, and nothing else runs.
        """
        now = time.monotonic()
        if asked_at > self._failed_at:
            self._failed_starts += 1
            self._failed_at = now
        self.resting_until = now + _REST_S
        if self._failed_starts >= MAX_FAILED_STARTS and not any(link.is_ready for link in self.workers.values()):
            self._failed_starts = 0
            raise GraderError(f"the grader's workers do not start, tried {MAX_FAILED_STARTS} times: {why}")

    def read_zygote(self) -> bool:
        """Take note of what the zygote reports; return whether it is gone.

        Raises:
            GraderError: it cannot load the comparison.
        """
        assert self.launcher is not None
        lines, is_gone = self.launcher.read()
        for line in lines:
            kind, text = line[:1], line[1:].decode("utf-8", "replace")
            if kind == zygote.FAILED:
                raise GraderError(f"the grader's process cannot load {self.settings.judge}: {text}")
            if kind == zygote.NOT_FORKED:
                self.last_failure = f"no worker could be forked: {text.partition(' ')[2]}"
            if kind == zygote.ENDED:
                number, code = map(int, text.split())
                if number in self._condemned:
                    self._condemned.remove(number)
                else:
                    self.deaths[_name(code)] += 1
                    self.last_failure = f"a worker ended by {_name(code)}"
        return is_gone

    def end(self) -> str:
        """End all processes; return the end of what the zygote wrote to stderr."""
        for link in self.workers.values():
            link.socket.close()
        self.workers.clear()
        self._condemned.clear()
        launcher, self.launcher = self.launcher, None
        return launcher.end() if launcher is not None else ""

    def forget(self) -> None:
        """Drop everything in a forked copy of the process: the processes are the original's."""
        for link in self.workers.values():
            link.socket.close()
        if self.launcher is not None:
            self.launcher.forget()
        self.__init__(self.settings)


def _name(code: int) -> str:
    """Return an exit code in words, a negative one being a signal's."""
    with contextlib.suppress(ValueError):
        return signal.Signals(-code).name
    return f"exit code {code}"
