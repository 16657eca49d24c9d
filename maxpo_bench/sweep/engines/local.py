"""The local engine: one killable process per run, forked from a warm server that has only imported things.

Importing torch and Stable-Baselines3 takes seconds, so it is done once, in Python's fork server; a run then starts
in some hundredths of a second. The server executes nothing but imports, and every run is a fresh fork of it, so runs
cannot influence each other. A run's process is killed by the kernel when the server ends, and the server ends when
the sweep does, so that nothing is left over however the sweep dies.
"""

from __future__ import annotations

import collections
import contextlib
import multiprocessing.connection
import os
import signal
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

from maxpo_bench.sweep.config import EngineConfig
from maxpo_bench.sweep.engines import Event
from maxpo_bench.sweep.engines.child import EXIT_CODES
from maxpo_bench.sweep.engines.interrupts import uninterrupted
from maxpo_bench.sweep.engines.start import start_process, warm_up
from maxpo_bench.sweep.spec import RunSpec
from maxpo_bench.sweep.store import RunStore
from maxpo_bench.sweep.task import Task, make_record

MAX_STARTS = 2
_SERVER_LOST = 255
_KILLED_FROM_OUTSIDE = {-signal.SIGKILL, -signal.SIGTERM, -signal.SIGHUP, _SERVER_LOST}
_LOG_TAIL = 4000
_MAIN_GUARD = " (a script that starts a sweep must do so under `if __name__ == '__main__':`)"


@dataclass
class _Running:
    spec: RunSpec
    process: BaseProcess
    deadline: float | None
    is_over_time: bool = False


def run_local(specs: Sequence[RunSpec], task: Task, config: EngineConfig) -> Generator[Event]:
    """Carry out runs on this machine, ``config.num_workers`` at a time; see `maxpo_bench.sweep.engines.Engine`.

    A run that is killed from outside (signal 9, 15 or 1, or together with the fork server) is started once more, after
    the others; then it counts as failed.
    """
    warm_up(task)
    store = RunStore(task.directory)
    queue = collections.deque(specs)
    starts: collections.Counter[str] = collections.Counter()
    running: list[_Running] = []
    try:
        while queue or running:
            while queue and len(running) < config.num_workers:
                spec = queue.popleft()
                if store.has(spec.run_id):
                    yield Event("there", spec)
                    continue
                starts[spec.run_id] += 1
                with uninterrupted():
                    process = start_process(spec, task)
                    deadline = None if config.time_limit_s is None else time.monotonic() + config.time_limit_s
                    running.append(_Running(spec, process, deadline))
                yield Event("started", spec)
            for run in _ended(running):
                running.remove(run)
                event = _judge(run, task, config, may_retry=starts[run.spec.run_id] < MAX_STARTS)
                if event.kind == "retried":
                    queue.append(run.spec)
                yield event
    finally:
        _kill_all(running)


def _ended(running: Sequence[_Running]) -> Iterator[_Running]:
    """Wait until runs end or reach the time limit, and yield them, ended for good."""
    deadlines = [run.deadline for run in running if run.deadline is not None]
    timeout = max(0.0, min(deadlines) - time.monotonic()) if deadlines else None
    ready = multiprocessing.connection.wait([run.process.sentinel for run in running], timeout)
    for run in list(running):
        run.is_over_time = run.deadline is not None and time.monotonic() >= run.deadline
        has_ended = run.process.sentinel in ready
        if has_ended or run.is_over_time:
            run.is_over_time = run.is_over_time and not has_ended
            _kill(run.process)
            run.process.join()
            yield run


def _judge(run: _Running, task: Task, config: EngineConfig, may_retry: bool) -> Event:
    """Return what became of a run whose process has ended; store its failure if it could not do so itself."""
    store = RunStore(task.directory)
    code = run.process.exitcode
    run.process.close()
    _drop_empty_log(_log(run.spec, store))
    if store.has(run.spec.run_id):
        return Event("there" if code == EXIT_CODES["duplicate"] else "done", run.spec)
    failure = store.load_failed(run.spec.run_id) if code == EXIT_CODES["failed"] else None
    if failure is not None:
        return Event("failed", run.spec, failure["error"])
    error = _describe_end(code, run, config)
    if may_retry and code in _KILLED_FROM_OUTSIDE and not run.is_over_time:
        return Event("retried", run.spec, error)
    tail = _tail(_log(run.spec, store))
    error += f"\nIts last output:\n{tail}" if tail else ""
    store.fail(run.spec.run_id, make_record(run.spec, "failed", error))
    return Event("failed", run.spec, error)


def _describe_end(code: int | None, run: _Running, config: EngineConfig) -> str:
    if run.is_over_time:
        return f"time limit of {config.time_limit_s:g} s reached (engine.time_limit_s): killed"
    if code == _SERVER_LOST or code is None:
        return "ended together with the process that starts the runs (killed from outside?)"
    if code >= 0:
        return f"ended with exit code {code} and left no record{_MAIN_GUARD if code == 1 else ''}"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else "unknown"
    text = f"killed by signal {-code} ({name})"
    if config.memory_limit_mb is not None:
        text += f", perhaps at its memory limit of {config.memory_limit_mb} MiB (engine.memory_limit_mb)"
    return text


def _kill(process: BaseProcess) -> None:
    """Kill a run's process and what it has started; one that has ended is left alone."""
    if process.exitcode is None and process.pid is not None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()


def _kill_all(running: Sequence[_Running]) -> None:
    for run in running:
        _kill(run.process)
    for run in running:
        run.process.join()


def _log(spec: RunSpec, store: RunStore) -> Path:
    return store.logs / f"{spec.run_id}.log"


def _drop_empty_log(path: Path) -> None:
    with contextlib.suppress(OSError):
        if path.stat().st_size == 0:
            path.unlink()


def _tail(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")[-_LOG_TAIL:].strip()
    except OSError:
        return ""
