"""A report of scored samples as tables: for a terminal of any width, and for a Markdown page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from maxpo_bench.evaluation.curves import Curves, Point
from maxpo_bench.evaluation.report import MethodResult, Report
from maxpo_bench.evaluation.rows import TASK_AVERAGE
from maxpo_bench.evaluation.support import Support, unseen_bound

if TYPE_CHECKING:
    from rich.console import Console

PROBLEM_AVERAGE = "problem average"
_NARROWEST_LABEL = 4
_GAP = 3


@dataclass(frozen=True)
class ReportTable:
    """A table whose first columns name the row.

    Attributes:
        title: what it shows.
        header: names of all columns.
        rows: cells; a line feed stands between an estimate and its interval.
        named_by: number of columns that name the row.
        remark: what stands under it.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    named_by: int
    remark: str = ""


def tables_of(report: Report) -> Iterator[ReportTable]:
    """Yield a report's tables."""
    yield _data_table(report)
    passed = [(method.label, method.pass_at_k) for method in report.methods]
    yield _curve_table("pass@k, %", passed, _percent)
    best = [(method.label, method.max_at_k) for method in report.methods if method.max_at_k is not None]
    if best and best != passed:  # scores 0 and 1 that say what `correct` says give pass@k again
        yield _curve_table("max@k of the scores", best, _plain)
    if report.differences:
        title = f"pass@k minus that of {report.against}, percentage points"
        yield _curve_table(title, list(report.differences.items()), _signed_percent)
        yield _support_table(report)


def as_markdown(report: Report) -> str:
    """Return the report as a page."""
    parts = ["# pass@k of scored samples", setting(report)]
    for table in tables_of(report):
        parts += [f"## {table.title}", _markdown_table(table)]
        parts += [table.remark] if table.remark else []
    if report.notes:
        parts += ["## Notes", "\n".join(f"- {_escaped(note)}" for note in report.notes)]
    return "\n\n".join(parts) + "\n"


def print_report(report: Report, console: Console | None = None) -> None:
    """Print the tables; one that is too wide for the terminal goes on below, and no number is ever cut."""
    from rich.console import Console

    console = console or Console(highlight=False, markup=False)
    console.print(setting(report))
    for table in tables_of(report):
        console.print()
        _print_table(table, console)
    for note in report.notes:
        console.print(f"\nnote: {note}")


def setting(report: Report) -> str:
    """Say what the intervals are."""
    return (
        f"{100 * report.confidence:g} % intervals, each on its own: percentile bootstrap over problems within "
        f"benchmarks, {report.resamples} resamples, seed {report.seed}."
    )


def _data_table(report: Report) -> ReportTable:
    rows: list[tuple[str, ...]] = []
    for method in report.methods:
        for name in method.samples.benchmarks:
            part = method.samples.of(name)
            low, high = int(part.num_samples.min()), int(part.num_samples.max())
            error = method.sampling_errors[name]
            rows.append(
                (
                    name,
                    method.label,
                    str(len(part.keys)),
                    str(low) if low == high else f"{low}-{high}",
                    str(int(part.num_correct.sum())),
                    "-" if error is None else f"{100 * error:.2f}",
                )
            )
    header = ("benchmark", "method", "problems", "samples each", "correct", "s.e. pass@1")
    remark = "s.e. pass@1: standard error in percentage points due to the samples alone, the problems being fixed."
    counted = [text for method in report.methods if (text := _statuses(method))]
    return ReportTable("Samples", header, tuple(sorted(rows, key=lambda row: row[0])), 2, " ".join([remark, *counted]))


def _statuses(method: MethodResult) -> str:
    """Say how many samples of the file have which status."""
    counts = method.samples.statuses
    if not counts:
        return ""
    return f"Statuses of {method.label}: {', '.join(f'{name} {count}' for name, count in counts.items())}."


def _curve_table(title: str, methods: Sequence[tuple[str, Curves]], text_of: Callable[[float], str]) -> ReportTable:
    """Return rows by benchmark and method, averages last, a column for each k."""
    lines: list[tuple[str, str, dict[int, Point]]] = []
    names = sorted({name for _, curves in methods for name in curves.benchmarks})
    for name in names:
        lines += [(name, label, _by_k(curves.benchmarks.get(name, ()))) for label, curves in methods]
    for name in (TASK_AVERAGE, PROBLEM_AVERAGE):
        for label, curves in methods:
            points = curves.task_average if name == TASK_AVERAGE else curves.problem_average
            lines.append((name, label, _by_k(points)))
    lines = [line for line in lines if line[2]]
    ks = sorted({k for *_, points in lines for k in points})
    rows = tuple((name, label, *(_cell(points.get(k), text_of) for k in ks)) for name, label, points in lines)
    return ReportTable(title, ("benchmark", "method", *(f"k={k}" for k in ks)), rows, 2)


def _by_k(points: Sequence[Point]) -> dict[int, Point]:
    return {point.k: point for point in points}


def _cell(point: Point | None, text_of: Callable[[float], str]) -> str:
    if point is None:
        return "-"
    estimate = text_of(point.estimate)
    if point.low is None or point.high is None:
        return estimate
    return f"{estimate}\n[{text_of(point.low)}, {text_of(point.high)}]"


def _support_table(report: Report) -> ReportTable:
    header = ("benchmark", "method", "k", "both", "gained", "lost", "neither", "SRR", "NDR", "SDS", "NSCR")
    rows = [
        (name, label, *_support_cells(parts[name]))
        for name in sorted({name for parts in report.support.values() for name in parts})
        for label, parts in report.support.items()
    ]
    known = sorted({part.k for parts in report.support.values() for part in parts.values() if part.k is not None})
    limits = {k: unseen_bound(k, report.confidence) for k in known}
    bounds = [f"{100 * limit:.3g} % (k={k})" for k, limit in limits.items() if limit < 1]
    remark = (
        f"Problems solved in k samples by the method and {report.against} (both), only by the method (gained), only by "
        f"{report.against} (lost), by neither; expected numbers where not whole. SRR = both/(both+lost), NDR = "
        "gained/(both+gained), SDS their harmonic mean, NSCR = (gained-lost)/(both+gained+lost)."
    )
    if bounds:
        sure = f"{100 * report.confidence:g} % confidence"
        remark += f" On a problem that none of k samples solve, the success rate is below {', '.join(bounds)}, {sure}."
    return ReportTable(f"Support beside {report.against}", header, tuple(rows), 2, remark)


def _support_cells(support: Support) -> tuple[str, ...]:
    counts = (support.preservation, support.expansion, support.shrinkage, support.out_of_support)
    rates = (support.retention, support.discovery, support.dynamics, support.net_change)
    return (
        "varies" if support.k is None else str(support.k),
        *(f"{count:.0f}" if count == round(count) else f"{count:.2f}" for count in counts),
        *("-" if rate is None else f"{rate:.3f}" for rate in rates),
    )


def _percent(value: float) -> str:
    return f"{100 * value:.1f}"


def _signed_percent(value: float) -> str:
    return f"{100 * value:+.1f}"


def _plain(value: float) -> str:
    return f"{value:.4g}"


def _print_table(table: ReportTable, console: Console) -> None:
    """Print a table in parts that fit, each with the columns that name the row."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    columns = [[table.header[at], *(row[at] for row in table.rows)] for at in range(len(table.header))]
    widths = [max(len(line) for cell in column for line in cell.split("\n")) + _GAP for column in columns]
    labels = _narrowed(widths[: table.named_by], console.width - max(widths[table.named_by :]))
    console.print(table.title, style="bold")
    for chosen in _fitting(widths, table.named_by, console.width - sum(labels)):
        drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for at in range(table.named_by):
            drawn.add_column(Text(table.header[at]), overflow="fold", max_width=labels[at] - _GAP)
        for at in chosen:
            drawn.add_column(Text(table.header[at]), justify="right", no_wrap=True)
        for row in table.rows:
            drawn.add_row(*(Text(row[at]) for at in [*range(table.named_by), *chosen]))
        console.print(drawn)
    if table.remark:
        console.print(table.remark)


def _narrowed(widths: Sequence[int], space: int) -> list[int]:
    """Return the widths, the widest made narrower until all fit into the space or none can be narrowed."""
    narrowed = list(widths)
    while sum(narrowed) > space and max(narrowed) > _NARROWEST_LABEL + _GAP:
        narrowed[narrowed.index(max(narrowed))] -= 1
    return narrowed


def _fitting(widths: Sequence[int], first: int, space: int) -> Iterator[list[int]]:
    """Yield runs of neighbouring columns, from the first on, that fit into the space; at least one in each."""
    run: list[int] = []
    for at in range(first, len(widths)):
        if run and sum(widths[each] for each in [*run, at]) > space:
            yield run
            run = []
        run.append(at)
    yield run


def _markdown_table(table: ReportTable) -> str:
    lines = [f"| {' | '.join(_escaped(cell) for cell in row)} |" for row in (table.header, *table.rows)]
    rule = "|" + "---|" * table.named_by + "---:|" * (len(table.header) - table.named_by)
    return "\n".join([lines[0], rule, *lines[1:]])


def _escaped(text: str) -> str:
    return text.replace("\n", " ").replace("\\", "\\\\").replace("|", "\\|")
