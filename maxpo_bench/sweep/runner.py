"""Run a sweep: expand the configuration, skip what is finished, hand the rest to the engine, report."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any, NoReturn

from rich.console import Console

from maxpo_bench.sweep.config import SweepConfig
from maxpo_bench.sweep.engines import get_engine
from maxpo_bench.sweep.engines.start import warm_up
from maxpo_bench.sweep.progress import SweepProgress
from maxpo_bench.sweep.report import SweepReport, estimate_seconds
from maxpo_bench.sweep.store import RunStore
from maxpo_bench.sweep.task import DEFAULT_EXECUTE, Task
from maxpo_bench.sweep.validation import check_engine, validated


class SweepInterrupted(KeyboardInterrupt):
    """Ctrl-C or SIGTERM ended a sweep; every run under way was killed, what was finished is stored.

    Attributes:
        report: what was done until then; its exit code is 130.
    """

    def __init__(self, report: SweepReport) -> None:
        super().__init__(report.summary())
        self.report = report


def run(
    config: SweepConfig | str | os.PathLike[str] | dict[str, Any],
    out: str | os.PathLike[str],
    workers: int | None = None,
    progress: bool = True,
    *,
    engine: str | None = None,
    time_limit_s: float | None = None,
    memory_limit_mb: int | None = None,
    dry_run: bool = False,
    execute: str = DEFAULT_EXECUTE,
    resume_command: str = "call sweep.run with the same arguments",
    console: Console | None = None,
) -> SweepReport:
    """Run whatever is missing of a sweep.

    A run that is in the store is skipped, one that failed before is tried again, so the same call resumes a sweep
    that was killed. Two calls may work on one store at once: each looks again just before it starts a run, and if both
    happen to compute the same one, the first to finish is kept.

    In a script, call this under ``if __name__ == "__main__":``, as always with processes in Python.

    Args:
        config: a configuration, the path of its TOML file, or its table.
        out: folder of the store.
        workers: runs at a time, before the configuration's.
        progress: show a bar (on a terminal) and failures.
        engine: name of the engine, before the configuration's.
        time_limit_s: seconds for one run, before the configuration's.
        memory_limit_mb: MiB for one run, before the configuration's.
        dry_run: start nothing; the report's `plan` lists the runs.
        execute: ``"module:function"`` that carries a run out. With a function of your own, environments and agents
            are whatever it understands: they are not looked up before.
        resume_command: what the report says to call to go on.
        console: where progress goes; None: standard error.

    Raises:
        ConfigError: the configuration is wrong, found before anything starts.
        StoreError: a stored record is damaged; the message names the file.
        SweepInterrupted: Ctrl-C or SIGTERM; a KeyboardInterrupt that carries the report.
    """
    started = time.perf_counter()
    config = as_config(config).with_engine(
        name=engine, workers=workers, time_limit_s=time_limit_s, memory_limit_mb=memory_limit_mb
    )
    check_engine(config.engine.name)
    task = Task(os.fspath(out), execute, config.imports, config.engine.memory_limit_mb)
    if execute == DEFAULT_EXECUTE:
        if config.engine.name == "local" and not dry_run:
            warm_up(task)
        config = validated(config)
    report = _plan(config, task, resume_command)
    report.is_dry = dry_run
    if not dry_run and report.missing:
        _carry_out(report, task, config, console or Console(stderr=True), is_quiet=not progress, started=started)
    report.wall_s = time.perf_counter() - started
    return report


def as_config(config: SweepConfig | str | os.PathLike[str] | dict[str, Any]) -> SweepConfig:
    """Return a configuration from itself, from the path of a TOML file or from a table.

    Raises:
        ConfigError: it is wrong.
    """
    if isinstance(config, SweepConfig):
        return config
    return SweepConfig.from_dict(config) if isinstance(config, dict) else SweepConfig.from_toml(config)


def _plan(config: SweepConfig, task: Task, resume_command: str) -> SweepReport:
    """Return a report of what is there and what is missing; damaged records are found here."""
    store = RunStore(task.directory)
    specs = config.expand()
    records = store.load_all()
    there = {record["id"] for record in records}
    missing = [spec for spec in specs if spec.run_id not in there]
    return SweepReport(
        directory=task.directory,
        specs=specs,
        skipped=[spec.run_id for spec in specs if spec.run_id in there],
        estimate_s=estimate_seconds(missing, records, config.engine.num_workers),
        resume_command=resume_command,
    )


def _carry_out(
    report: SweepReport, task: Task, config: SweepConfig, console: Console, is_quiet: bool, started: float
) -> None:
    store = RunStore(task.directory)
    store.clean()
    missing = [spec for spec in report.specs if spec.run_id not in set(report.skipped)]
    start_engine = get_engine(config.engine.name)
    try:
        with (
            _terminable(),
            SweepProgress(len(report.specs), len(report.skipped), console, is_quiet) as shown,
            contextlib.closing(start_engine(missing, task, config.engine)) as events,
        ):
            for event in events:
                report.take(event)
                shown.show(event)
    except KeyboardInterrupt:
        report.is_interrupted = True
        report.recount(store)
        report.wall_s = time.perf_counter() - started
        raise SweepInterrupted(report) from None
    finally:
        store.clean()


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Treat SIGTERM like Ctrl-C meanwhile, so that runs are killed and the sweep says how to go on."""

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
