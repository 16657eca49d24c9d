"""Progress bars: on a terminal's standard error, nothing in a pipe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Counter = Callable[[int, int], None]
Stage = Callable[[str, float], None]


@contextmanager
def counting(title: str, *, quiet: bool = False) -> Iterator[Counter | None]:
    """A bar for (done, total) with the time that is left."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield None
        return
    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def staged(*, quiet: bool = False) -> Iterator[Stage | None]:
    """A bar whose label is the stage of a job, each stage going from 0 to 1."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield None
        return
    with Progress(TextColumn("{task.description:16}"), BarColumn(), TimeElapsedColumn(), console=console) as bar:
        task = bar.add_task("loading", total=1.0)
        yield lambda stage, done: bar.update(task, description=stage, completed=done)
