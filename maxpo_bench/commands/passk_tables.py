"""The tables of a report of scored samples, and the Markdown page that is made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from maxpo_bench.evaluation.curves import Curves, Point
from maxpo_bench.evaluation.report import MethodResult, Report
from maxpo_bench.evaluation.rows import PROBLEM_AVERAGE, TASK_AVERAGE
from maxpo_bench.evaluation.support import SUPPORT_CLASSES, Support, SupportClass, unseen_bound

_NAMED = 5
"""Problems that are named of each class; report.json and support_problems.csv have all."""


@dataclass(frozen=True)
class ReportTable:
    """A table whose first columns name the row.

    Attributes:
        title: what it shows.
        header: names of all columns.
        rows: cells; a line feed stands between an estimate and its interval.
        named_by: number of columns that name the row.
        items: lines that stand under it.
        remark: what stands under those.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    named_by: int
    items: tuple[str, ...] = ()
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
        yield _rate_table(report)


def as_markdown(report: Report) -> str:
    """Return the report as a page."""
    parts = ["# pass@k of scored samples", setting(report)]
    for table in tables_of(report):
        parts += [f"## {table.title}", _markdown_table(table)]
        parts += ["\n".join(f"- {_escaped(item)}" for item in table.items)] if table.items else []
        parts += [table.remark] if table.remark else []
    if report.notes:
        parts += ["## Notes", "\n".join(f"- {_escaped(note)}" for note in report.notes)]
    return "\n\n".join(parts) + "\n"


def setting(report: Report) -> str:
    """Say what the intervals are."""
    return (
        f"{100 * report.confidence:g} % intervals, each on its own: percentile bootstrap over problems within "
        f"benchmarks, {report.resamples} resample{'s' * (report.resamples != 1)}, seed {report.seed}."
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
    ordered = tuple(sorted(rows, key=lambda row: row[0]))
    return ReportTable("Samples", header, ordered, 2, remark=" ".join([remark, *counted]))


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
    averaged = any(name == TASK_AVERAGE for name, *_ in lines)
    remark = "task average: mean over benchmarks; problem average: mean over all problems." if averaged else ""
    return ReportTable(title, ("benchmark", "method", *(f"k={k}" for k in ks)), rows, 2, remark=remark)


def _by_k(points: Sequence[Point]) -> dict[int, Point]:
    return {point.k: point for point in points}


def _cell(point: Point | None, text_of: Callable[[float], str]) -> str:
    if point is None:
        return "-"
    estimate = text_of(point.estimate)
    if point.low is None or point.high is None:
        return estimate
    return f"{estimate}\n[{text_of(point.low)}, {text_of(point.high)}]"


def _supports(report: Report) -> list[tuple[str, str, Support]]:
    """Return benchmark, method and support, by benchmark."""
    names = sorted({name for parts in report.support.values() for name in parts})
    return [(name, label, parts[name]) for name in names for label, parts in report.support.items()]


def _support_table(report: Report) -> ReportTable:
    header = ("benchmark", "method", "k", *(_words(name) for name in SUPPORT_CLASSES))
    parts = _supports(report)
    rows = tuple((name, label, *_support_cells(part)) for name, label, part in parts)
    items = tuple(item for part in parts if (item := _named_problems(*part)))
    known = sorted({part.k for *_, part in parts if part.k is not None})
    limits = {k: unseen_bound(k, report.confidence) for k in known}
    bounds = [f"{100 * limit:.3g} % (k={k})" for k, limit in limits.items() if limit < 1]
    remark = (
        f"Problems with a correct answer among k samples of both the method and {report.against} (preservation), only "
        f"of the method (expansion), only of {report.against} (shrinkage), of neither (out of support); expected "
        "numbers where not whole. The classes are those of Wu et al., arXiv 2507.14843."
    )
    if bounds:
        sure = f"{100 * report.confidence:g} % confidence"
        remark += f" On a problem that none of k samples solve, the success rate is below {', '.join(bounds)}, {sure}."
    return ReportTable(f"Support beside {report.against}, problems", header, rows, 2, items, remark)


def _rate_table(report: Report) -> ReportTable:
    header = ("benchmark", "method", "SRR", "NDR", "SDS", "NSCR")
    rows = tuple((name, label, *_rate_cells(part)) for name, label, part in _supports(report))
    remark = (
        "Of Wu et al., arXiv 2507.14843, with P, E and S the numbers of preservation, expansion and shrinkage: support "
        "retention rate SRR = P/(P+S), net discovery rate NDR = E/(P+E), support dynamic score SDS = the harmonic mean "
        "of SRR and NDR, net support change rate NSCR = (E-S)/(P+E+S)."
    )
    return ReportTable(f"Support beside {report.against}, rates", header, rows, 2, remark=remark)


def _support_cells(support: Support) -> tuple[str, ...]:
    counts = [getattr(support, name) for name in SUPPORT_CLASSES]
    return (
        "varies" if support.k is None else str(support.k),
        *(f"{count:.0f}" if count == round(count) else f"{count:.2f}" for count in counts),
    )


def _rate_cells(support: Support) -> tuple[str, ...]:
    rates = (support.retention, support.discovery, support.dynamics, support.net_change)
    return tuple("-" if rate is None else f"{rate:.3f}" for rate in rates)


def _named_problems(benchmark: str, label: str, support: Support) -> str:
    """Name the first problems that only one of two methods solves."""
    classes: tuple[SupportClass, ...] = ("expansion", "shrinkage")
    named = [f"{name} {_listed(support.problems[name])}" for name in classes if support.problems[name]]
    undecided = len(support.problems["undecided"])
    if undecided:
        named.append(f"undecided {undecided}, depending on which samples are taken")
    return f"{benchmark}, {label}: {'; '.join(named)}" if named else ""


def _listed(ids: Sequence[str]) -> str:
    rest = len(ids) - _NAMED
    return ", ".join(ids[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _words(name: str) -> str:
    return name.replace("_", " ")


def _percent(value: float) -> str:
    return f"{100 * value:.1f}"


def _signed_percent(value: float) -> str:
    return f"{100 * value:+.1f}"


def _plain(value: float) -> str:
    return f"{value:.4g}"


def _markdown_table(table: ReportTable) -> str:
    lines = [f"| {' | '.join(_escaped(cell) for cell in row)} |" for row in (table.header, *table.rows)]
    rule = "|" + "---|" * table.named_by + "---:|" * (len(table.header) - table.named_by)
    return "\n".join([lines[0], rule, *lines[1:]])


def _escaped(text: str) -> str:
    return text.replace("\n", " ").replace("\\", "\\\\").replace("|", "\\|")
