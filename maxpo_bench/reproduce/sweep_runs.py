"""Runs of a sweep for a report: what is missing is run, the records of all are returned."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from maxpo_bench import sweep
from maxpo_bench.sweep.engines.start import warm_up
from maxpo_bench.sweep.task import Task

Progress = Callable[[int, int], None]


def run_all(
    config: sweep.SweepConfig,
    folder: Path,
    execute: str,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """Run what a folder lacks of a sweep and return the records of all its runs, in the order of the configuration.

    Args:
        config: the sweep.
        folder: store of the runs, see `maxpo_bench.sweep.RunStore`.
        execute: ``"module:function"`` that carries a run out.
        workers: runs at a time; None: one per core.
        progress: called with (runs done, runs in all), from another thread.

    Raises:
        RuntimeError: a run failed; the message says where its traceback is.
        SweepInterrupted: Ctrl-C; the same call goes on.
    """
    store, ids = sweep.RunStore(folder), [spec.run_id for spec in config.expand()]
    if not all(store.has(run_id) for run_id in ids):
        warm_up(Task(str(folder)))
    with _watched(store, ids, progress):
        report = sweep.run(config, folder, workers, progress=False, execute=execute)
    if report.missing:
        cause = next(iter(report.failed.values()), "").strip().splitlines()
        raise RuntimeError(
            f"{report.missing} of {len(ids)} runs failed ({cause[-1] if cause else 'no reason known'}): "
            f"see {store.failed}; the same call tries them again"
        )
    return [store.load(run_id) for run_id in ids]


def shifted(progress: Progress | None, before: int, total: int) -> Progress | None:
    """Return a progress function for a part of a job, which begins when ``before`` of ``total`` are done."""
    return None if progress is None else lambda done, _: progress(before + done, total)


@contextmanager
def _watched(store: sweep.RunStore, ids: Sequence[str], progress: Progress | None) -> Iterator[None]:
    """Tell how many runs are finished, every second and at the end."""
    if progress is None:
        yield
        return
    is_over = threading.Event()

    def tell() -> None:
        progress(sum(store.has(run_id) for run_id in ids), len(ids))

    def watch() -> None:
        while not is_over.wait(1.0):
            tell()

    watcher = threading.Thread(target=watch, daemon=True, name="watch-runs")
    watcher.start()
    try:
        yield
    finally:
        is_over.set()
        watcher.join()
        tell()
