"""Tables of a report on a terminal of any width: compact, in as few parts as fit, and no number is ever cut."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from maxpo_bench.commands.passk_tables import ReportTable, setting, tables_of
from maxpo_bench.evaluation.report import Report

if TYPE_CHECKING:
    from rich.console import Console

_NARROWEST_LABEL = 4
_GAP = 2


def print_report(report: Report, console: Console | None = None) -> None:
    """Print the tables; one that is too wide for the terminal goes on below."""
    from rich.console import Console

    console = console or Console(highlight=False, markup=False)
    console.print(setting(report))
    for table in tables_of(report):
        console.print()
        print_table(table, console)
    for note in report.notes:
        console.print(f"\nnote: {note}")


def print_table(table: ReportTable, console: Console) -> None:
    """Print a table in parts that fit, each with the columns that name the row."""
    lines, gap = [table.header, *table.rows], _GAP
    if sum(_widths(lines, gap)) > console.width:
        lines, gap = [_compact(line, lines, table.named_by) for line in lines], 1
    widths = _widths(lines, gap)
    labels = _narrowed(widths[: table.named_by], console.width - max(widths[table.named_by :]), gap)
    console.print(table.title, style="bold")
    for place, chosen in enumerate(_fitting(widths, table.named_by, console.width - sum(labels))):
        if place:
            console.print()
        _print_part(lines, [width - gap for width in labels], chosen, gap, console)
    for item in table.items:
        console.print(item)
    if table.remark:
        console.print(table.remark)


def _print_part(
    lines: Sequence[Sequence[str]], labels: Sequence[int], chosen: Sequence[int], gap: int, console: Console
) -> None:
    """Print some columns of a table after those that name the row, which are `labels` characters wide."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    # a column of the box's own stands between any two
    drawn = Table(box=box.SIMPLE_HEAD, padding=(0, gap - 1, 0, 0), pad_edge=False, show_edge=False)
    header, *rows = lines
    for at, width in enumerate(labels):
        drawn.add_column(Text(header[at]), overflow="fold", max_width=width)
    for at in chosen:
        drawn.add_column(Text(header[at]), justify="right", no_wrap=True)
    for row in rows:
        drawn.add_row(*(Text(row[at]) for at in [*range(len(labels)), *chosen]))
    console.print(drawn)


def _widths(lines: Sequence[Sequence[str]], gap: int) -> list[int]:
    """Return the width of each column, its gap included."""
    return [max(len(part) for cell in column for part in cell.split("\n")) + gap for column in zip(*lines, strict=True)]


def _compact(line: Sequence[str], lines: Sequence[Sequence[str]], named_by: int) -> tuple[str, ...]:
    """Return the cells without blanks in intervals, and with names and headers on two lines where that is narrower."""
    labels = [_folded(cell, [each[at] for each in lines]) for at, cell in enumerate(line[:named_by])]
    if line is lines[0]:
        return (*labels, *(cell.replace(" ", "\n") for cell in line[named_by:]))
    return (*labels, *(cell.replace(", ", ",") for cell in line[named_by:]))


def _folded(name: str, column: Sequence[str]) -> str:
    """Return a name on at most two lines, broken between words, in the least width for which all of its column are."""
    width = max(map(len, column))
    while width > _NARROWEST_LABEL and all(len(_wrapped(each, width - 1)) <= 2 for each in column):
        width -= 1
    return "\n".join(_wrapped(name, width))


def _wrapped(name: str, width: int) -> list[str]:
    """Return the lines of a name; more than two if a word does not fit."""
    lines = textwrap.wrap(name, width, break_long_words=False)
    return lines if all(len(line) <= width for line in lines) else [*lines, "", ""]


def _narrowed(widths: Sequence[int], space: int, gap: int) -> list[int]:
    """Return the widths, the widest made narrower until all fit into the space or none can be narrowed."""
    narrowed = list(widths)
    while sum(narrowed) > space and max(narrowed) > _NARROWEST_LABEL + gap:
        narrowed[narrowed.index(max(narrowed))] -= 1
    return narrowed


def _fitting(widths: Sequence[int], first: int, space: int) -> list[list[int]]:
    """Return runs of neighbouring columns, from the first on, that fit into the space; at least one in each.

    As few runs as possible, and of nearly the same length.
    """
    columns = range(first, len(widths))
    for parts in range(1, len(columns)):
        longest = -(-len(columns) // parts)
        runs = [list(columns[at : at + longest]) for at in range(0, len(columns), longest)]
        if all(sum(widths[at] for at in run) <= space for run in runs):
            return runs
    return [[at] for at in columns]
