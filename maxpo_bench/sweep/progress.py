"""Progress of a sweep: a bar with an estimate on a terminal, failures as they happen, nothing else in a pipe."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from maxpo_bench.sweep.engines import Event
from maxpo_bench.sweep.report import describe_failure


class SweepProgress:
    """Shows a sweep's events.

    A traceback is printed once for each way to fail; further runs that fail alike get one line.

    Args:
        total: number of runs.
        finished: how many of them were finished before.
        console: where to.
        is_quiet: show nothing at all.
    """

    def __init__(self, total: int, finished: int, console: Console, is_quiet: bool = False) -> None:
        self._console = console
        self._is_quiet = is_quiet
        self._seen: set[str] = set()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=is_quiet or not console.is_terminal,
        )
        self._task = self._bar.add_task("runs", total=total, completed=finished)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def show(self, event: Event) -> None:
        """Show one event of the engine."""
        if event.kind == "failed":
            self._show_failure(event)
        elif event.kind == "retried" and not self._is_quiet:
            self._print(f"started again: {event.spec.run_id}  {event.error}")
        if event.kind in ("done", "there", "failed"):
            self._bar.advance(self._task)

    def _show_failure(self, event: Event) -> None:
        error = (event.error or "").rstrip()
        cause = error.splitlines()[-1] if error else ""
        if self._is_quiet:
            return
        if cause in self._seen:
            self._print(f"failed: {event.spec.run_id}  {event.spec.label}: {cause} (as above)")
        else:
            self._seen.add(cause)
            self._print(describe_failure(event.spec, error))

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
