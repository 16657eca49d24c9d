"""A bar for work on the entries of the leaderboard: how many are done, which are under way, how long it will take."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Entries = Callable[[float, int, str], None]
SPEED_OVER = 600.0
"""Seconds over which the speed is averaged: longer than an entry takes, as its stages are not equally fast."""


@contextmanager
def entries(title: str, *, quiet: bool = False) -> Iterator[Entries | None]:
    """Show (entries done, total, names under way) on a terminal's standard error; yield None in a pipe."""
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
    columns = (
        *(TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn()),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, console=console, speed_estimate_period=SPEED_OVER) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total, current: bar.update(task, completed=done, total=total, description=current)
