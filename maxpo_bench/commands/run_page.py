"""The page of a report of training runs, in Markdown, and what of it is printed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from maxpo_bench.commands.paper_table_text import as_markdown, escaped, heading, title
from maxpo_bench.commands.passk_tables import ReportTable
from maxpo_bench.commands.run_findings import lacking
from maxpo_bench.evaluation.paper_tables import PAPER, PaperTable, one_decimal
from maxpo_bench.evaluation.run import BASE
from maxpo_bench.evaluation.run_means import Estimate, Means
from maxpo_bench.evaluation.run_report import ModelReport, RunReport, average_of
from maxpo_bench.reproduce.finding import Finding

TITLE = "Language-model runs beside the paper (arXiv 2606.06080)"
FIGURES = {
    "figure2": "Figure 2: pass@k on average over benchmarks",
    "figure3": "Figure 3: variance proxy during training",
    "figure8": "Figure 8: pass@k by benchmark",
    "figure9": "Figure 9: support of correct answers beside the base model",
    "figure10": "Figure 10: objective size K of training",
}
_WHY_MISSING = {
    "figure2": "no scored samples",
    "figure3": "no run has a variance proxy in its log",
    "figure8": "one benchmark to k = 256 at most, which Figure 2 shows",
    "figure9": "no trained run has a base model with samples of the same problems",
    "figure10": "no method was trained with several K",
}
_FILES = (
    "report.json has every figure; pass_at_k.csv, differences.csv, variance_proxy.csv and support_by_run.csv have what "
    "the figures show; table2 and table3 are there as .csv and .tex too."
)


def setting(report: RunReport) -> str:
    """Say what the intervals are."""
    intervals = report.intervals
    resamples = f"{intervals.resamples} resample{'s' * (intervals.resamples != 1)}"
    return (
        f"{100 * intervals.confidence:g} % intervals, each on its own, of two kinds: over seeds (Student's t of the "
        "runs' means, problems fixed) and over problems (percentile bootstrap within benchmarks of the values averaged "
        f"over runs, runs fixed; {resamples}, seed {intervals.seed}). "
        "Differences are paired by seed where seeds are shared (else Welch's), and by problem."
    )


def as_page(
    report: RunReport,
    tables: Mapping[str, PaperTable],
    figures: Mapping[str, Any],
    found: Sequence[Finding],
    formats: Sequence[str],
) -> str:
    """Return the page.

    Args:
        report: what the runs say.
        tables: the paper's, by name.
        figures: those that were made, by name.
        found: see `maxpo_bench.commands.run_findings.findings`.
        formats: of the figures' files; the page shows the first that browsers take.
    """
    parts = [f"# {TITLE}", setting(report), "## Runs", _markdown(runs_table(report))]
    parts += ["## What the paper states, and what these runs give", *_finding_parts(report, found)]
    for name, table in tables.items():
        parts += [f"## {title(table)}", as_markdown(table).rstrip()]
        if name == "table2":
            parts += ["With seeds and intervals:", _markdown(intervals_table(report))]
    objective = objective_table(report)
    if objective.rows:
        parts += [f"## {objective.title}", _markdown(objective)]
    shown = next((kind for kind in formats if kind in ("png", "svg")), None)
    for name, text in FIGURES.items():
        parts.append(f"## {text}")
        if name not in figures:
            parts.append(f"Not made: {_WHY_MISSING[name]}.")
        else:
            parts.append(f"![{text}]({name}.{shown})" if shown else f"See {name}.{formats[0]}.")
    parts += ["## Notes", "\n".join(f"- {escaped(note)}" for note in (*report.notes, _FILES))]
    return "\n\n".join(parts) + "\n"


def finding_lines(finding: Finding) -> Iterator[str]:
    """Yield a finding as plain lines: verdict and statement, source, figures."""
    yield f"{finding.verdict.upper()}: {finding.statement} ({finding.source})"
    for line in finding.measured:
        yield f"  {line}"


def report_tables(report: RunReport, tables: Iterable[PaperTable]) -> Iterator[ReportTable]:
    """Yield the tables that are printed."""
    for table in tables:
        rows = tuple(
            (heading(table, block), row.label + (", paper" if row.source == PAPER else ""), *row.cells)
            for block in table.blocks
            for row in block.rows
        )
        yield ReportTable(
            f"{title(table)}: {table.caption}",
            ("model", "method", *table.header[1:]),
            rows,
            2,
            (),
            " ".join(table.notes),
        )
    yield intervals_table(report)


def runs_table(report: RunReport) -> ReportTable:
    """Return which runs there are of each method."""
    header = ("model", "method", "K", "runs", "seeds", "steps with proxy", "benchmarks")
    rows = [
        (
            model.model,
            each.label,
            "-" if each.k is None else str(each.k),
            str(len(each.runs)),
            _seeds(model, [run.replicate for run in each.runs]),
            "-" if each.method == BASE else _range([len(run.steps) for run in each.runs]),
            ", ".join(name for name in model.benchmarks if name in each.benchmarks) or "-",
        )
        for model in report.models
        for each in model.series
    ]
    return ReportTable("Runs", header, tuple(rows), 2)


def intervals_table(report: RunReport) -> ReportTable:
    """Return the task average at the first and the last k with deviation over seeds and both intervals."""
    header = ("model", "method", "runs", "k", "mean", "s.d. over seeds", "over seeds", "over problems")
    rows = [
        (model.model, each.label, str(means.runs), str(k), *_cells(point))
        for model in report.models
        for each in model.series
        if (means := _average(model, each.label)) is not None
        for k in dict.fromkeys((1, model.last_k))
        if k is not None and (point := means.at(k)) is not None
    ]
    return ReportTable("Task averages with intervals, %", header, tuple(rows), 2)


def objective_table(report: RunReport) -> ReportTable:
    """Return the task average of methods with several K."""
    found = [
        (model.model, each.label, means)
        for model in report.models
        for each in model.series
        if each.names_k and (means := _average(model, each.label)) is not None
    ]
    ks = sorted({point.k for *_, means in found for point in means.estimates if point.k <= 256})
    rows = tuple(
        (model, label, *("-" if (point := means.at(k)) is None else one_decimal(point.mean) for k in ks))
        for model, label, means in found
    )
    return ReportTable(
        "Objective size K of training: task-average pass@k, %", ("model", "method", *map(str, ks)), rows, 2
    )


def _finding_parts(report: RunReport, found: Sequence[Finding]) -> Iterator[str]:
    for finding in found:
        lines = [f"- **{finding.verdict.capitalize()}.** {escaped(finding.statement)} *({escaped(finding.source)})*"]
        lines += [f"  - {escaped(line)}" for line in finding.measured]
        lines.append(f"  - *{escaped(finding.rule[0].upper() + finding.rule[1:])}.*")
        yield "\n".join(lines)
    missing = lacking(report)
    if missing:
        yield "\n".join(f"- {escaped(sentence)}" for sentence in missing)


def _average(model: ModelReport, label: str) -> Means | None:
    return model.pass_at_k[label].get(average_of(model.benchmarks)) if model.benchmarks else None


def _cells(point: Estimate) -> tuple[str, ...]:
    deviation = "-" if point.deviation is None else one_decimal(point.deviation)
    limits = (
        "-" if ends is None else f"[{one_decimal(ends[0])}, {one_decimal(ends[1])}]"
        for ends in (point.over_seeds, point.over_problems)
    )
    return one_decimal(point.mean), deviation, *limits


def _seeds(model: ModelReport, replicates: Sequence[tuple[str, int]]) -> str:
    """Name the seeds, with the pretrained models where the family has several."""
    several = len({run.model for each in model.series for run in each.runs}) > 1
    return ", ".join(f"{name} {seed}" if several else str(seed) for name, seed in replicates)


def _range(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low}-{high}"


def _markdown(table: ReportTable) -> str:
    lines = [f"| {' | '.join(escaped(cell) for cell in row)} |" for row in (table.header, *table.rows)]
    rule = "|" + "---|" * table.named_by + "---:|" * (len(table.header) - table.named_by)
    return "\n".join([lines[0], rule, *lines[1:]])
