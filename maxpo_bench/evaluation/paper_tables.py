"""The paper's Tables 2 and 3 from a report of runs, and beside them, marked, the paper's own printed numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from maxpo_bench.evaluation.paper_reference import (
    BENCHMARKS,
    KS,
    METHODS,
    TABLE_2,
    TABLE_3,
    PrintedRow,
    average_checks,
    printed_model,
)
from maxpo_bench.evaluation.run import BASE, LABELS, Series
from maxpo_bench.evaluation.run_report import LARGEST_AVERAGED_K, ModelReport, RunReport, average_of

RUNS, PAPER = "runs", "paper"
NONE = "-"
AVERAGE = "Avg."


@dataclass(frozen=True)
class TableRow:
    """One method.

    Attributes:
        source: `RUNS`, or `PAPER` for what the paper prints.
        label: the method's name.
        cells: in per cent, one for each column after the first; `NONE` where there is no value.
    """

    source: str
    label: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Block:
    """The rows of one model.

    Attributes:
        model: its name.
        last_k: the second k of Table 3's cells; None in Table 2.
        rows: runs first, then the paper's.
    """

    model: str
    last_k: int | None
    rows: tuple[TableRow, ...]


@dataclass(frozen=True)
class PaperTable:
    """A table in the paper's form.

    Attributes:
        number: 2 or 3.
        caption: what it shows.
        header: names of the columns, the first is the method's.
        blocks: by model.
        notes: what a reader has to know of the reference rows, and of what is missing.
    """

    number: int
    caption: str
    header: tuple[str, ...]
    blocks: tuple[Block, ...]
    notes: tuple[str, ...]


def one_decimal(share: float) -> str:
    """Return a share in per cent with one decimal, as the paper prints it.

    Halves are rounded up; what floating-point arithmetic adds in the ninth decimal does not count.
    """
    return str(Decimal(f"{100 * share:.9f}").quantize(Decimal("0.1"), ROUND_HALF_UP))


def table_2(report: RunReport) -> PaperTable:
    """Return the task-average pass@k for k = 1, 2, 4, ..., at most 256: rows are methods by model."""
    models = [model for model in report.models if model.benchmarks]
    averages = [
        means.estimates
        for model in models
        for each in model.main
        if (means := model.pass_at_k[each.label].get(average_of(model.benchmarks)))
    ]
    ks = {point.k for points in averages for point in points if point.k <= LARGEST_AVERAGED_K}
    columns = sorted(ks | {k for model in models if _matches(model) for k in KS})
    blocks = tuple(Block(model.model, None, tuple(_rows_2(model, columns))) for model in models)
    notes = [note for model in models for note in _notes_2(model)]
    caption = f"Task-average pass@k (%), {_seeds_text(models)}. {_over_text(models)}"
    return PaperTable(2, caption, ("Method", *map(str, columns)), blocks, tuple(notes))


def table_3(report: RunReport) -> PaperTable:
    """Return pass@1/pass@256 by benchmark and on average; where runs have fewer samples, the largest k that all have.

    The averages are means of the benchmarks' values before rounding.
    """
    models = [model for model in report.models if model.benchmarks and model.last_k is not None]
    names = dict.fromkeys(name for name in BENCHMARKS if any(name in model.benchmarks for model in models))
    columns = list(names | dict.fromkeys(name for model in models for name in model.benchmarks))
    has_average = any(len(model.benchmarks) > 1 for model in models)
    blocks = tuple(Block(model.model, model.last_k, tuple(_rows_3(model, columns, has_average))) for model in models)
    last = {model.last_k for model in models}
    text = f"pass@{last.pop()}" if len(last) == 1 else "pass@k at the k of each block"
    caption = f"pass@1/{text} (%) by benchmark, {_seeds_text(models)}."
    header = ("Method", *columns, *([AVERAGE] if has_average else []))
    return PaperTable(3, caption, header, blocks, tuple(_notes_3(models)))


def _matches(model: ModelReport) -> bool:
    """Whether the paper has task averages of this model on the same benchmarks."""
    return printed_model(model.model) is not None and set(model.benchmarks) == set(BENCHMARKS)


def _rows_2(model: ModelReport, columns: Sequence[int]) -> Iterable[TableRow]:
    average = average_of(model.benchmarks)
    for each in model.main:
        means = model.pass_at_k[each.label].get(average)
        points = {} if means is None else {point.k: one_decimal(point.mean) for point in means.estimates}
        yield TableRow(RUNS, each.label, tuple(points.get(k, NONE) for k in columns))
    known = printed_model(model.model)
    if known is not None and _matches(model):
        for method in METHODS:
            printed = dict(zip(KS, TABLE_2[known, method], strict=True))
            yield TableRow(PAPER, LABELS[method], tuple(_printed(printed.get(k)) for k in columns))


def _rows_3(model: ModelReport, columns: Sequence[str], has_average: bool) -> Iterable[TableRow]:
    names = [*columns, *([AVERAGE] if has_average else [])]
    for each in model.main:
        yield TableRow(RUNS, each.label, tuple(_cell_3(model, each, name) for name in names))
    known = printed_model(model.model)
    if known is None or not set(model.benchmarks) & set(BENCHMARKS):
        return
    for method in METHODS:
        row = TABLE_3[known, method]
        yield TableRow(PAPER, LABELS[method], tuple(_printed_3(row, name, _matches(model)) for name in names))


def _cell_3(model: ModelReport, each: Series, name: str) -> str:
    benchmark = average_of(model.benchmarks) if name == AVERAGE else name
    means = model.pass_at_k[each.label].get(benchmark)
    last = model.last_k
    points = [] if means is None or last is None else [means.at(k) for k in ((1, last) if last > 1 else (1,))]
    return "/".join(NONE if point is None else one_decimal(point.mean) for point in points) or NONE


def _printed_3(row: PrintedRow, name: str, has_all: bool) -> str:
    if name == AVERAGE:
        return "/".join(map(_printed, row.average)) if has_all else NONE
    if name not in BENCHMARKS:
        return NONE
    at = BENCHMARKS.index(name)
    return f"{row.first[at]:.1f}/{row.last[at]:.1f}"


def _printed(value: float | None) -> str:
    return NONE if value is None else f"{value:.1f}"


def _seeds_text(models: Sequence[ModelReport]) -> str:
    counts = [len(each.runs) for model in models for each in model.main if each.method != BASE]
    low, high = min(counts, default=0), max(counts, default=0)
    if high <= 1:
        return "one run of each method"
    return f"mean over {low if low == high else f'{low} to {high}'} runs of each method"


def _over_text(models: Sequence[ModelReport]) -> str:
    """Say which benchmarks the averages are over."""
    over = {model.model: ", ".join(model.benchmarks) for model in models}
    if len(set(over.values())) == 1:
        return f"Mean over {next(iter(over.values()))}."
    return " ".join(f"{name}: mean over {benchmarks}." for name, benchmarks in over.items())


def _notes_2(model: ModelReport) -> Iterable[str]:
    lacking = [each.label for each in model.main if average_of(model.benchmarks) not in model.pass_at_k[each.label]]
    if lacking:
        yield f"{model.model}: no run of {', '.join(lacking)} has samples on all of {', '.join(model.benchmarks)}."
    known = printed_model(model.model)
    if known is None:
        yield f"The paper has no numbers of {model.model}: there is nothing to print beside it."
    elif not _matches(model):
        yield (
            f"{model.model}: the paper's averages are over {', '.join(BENCHMARKS)}, these over "
            f"{', '.join(model.benchmarks)}: they are not comparable, and the paper's are left out."
        )


def _notes_3(models: Sequence[ModelReport]) -> Iterable[str]:
    known = [printed_model(model.model) for model in models]
    if any(known):
        smaller = [model for model in models if printed_model(model.model) and model.last_k != KS[-1]]
        for model in smaller:
            yield f"{model.model}: the paper's second numbers are pass@{KS[-1]}, those of the runs pass@{model.last_k}."
        checks = [check for check in average_checks() if check.model in known and not check.is_equal]
        if checks:
            told = "; ".join(
                f"{check.model}, {LABELS[check.method]}, pass@{check.k} prints {check.printed:.1f}, its row averages "
                f"{check.recomputed:.2f}" + ("" if check.is_rounding else " (more than rounding explains)")
                for check in checks
            )
            yield f"Printed averages that differ from their rows by rounding: {told}."
    for model in models:
        if printed_model(model.model) is None:
            yield f"The paper has no numbers of {model.model}: there is nothing to print beside it."
