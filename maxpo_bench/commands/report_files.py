"""The files of a report of scored samples: what they are called, how they are written, which are outdated."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from maxpo_bench.commands.passk_tables import as_markdown
from maxpo_bench.evaluation.report import SCHEMA, Report
from maxpo_bench.evaluation.rows import difference_rows, pass_at_k_rows, support_problem_rows, support_rows
from maxpo_bench.plots.style import FORMATS, check_format

DATA, PAGE = "report.json", "report.md"
TABLES = {
    "pass_at_k.csv": pass_at_k_rows,
    "difference.csv": difference_rows,
    "support.csv": support_rows,
    "support_problems.csv": support_problem_rows,
}
"""Rows of each table; without rows there is no file."""
FIGURES = {"pass_at_k": "pass_at_k.csv", "pass_at_k_difference": "difference.csv", "support": "support.csv"}
"""The table that each figure shows."""
RUN_TABLES = ("pass_at_k.csv", "differences.csv", "variance_proxy.csv", "support_by_run.csv")
"""Tables in long form of a report of training runs."""
RUN_PAPER_TABLES = ("table2", "table3")
"""Its tables in the paper's form, each as .md, .csv and .tex."""
RUN_FIGURES = ("figure2", "figure3", "figure8", "figure9", "figure10")
"""Its figures, by their numbers in the paper."""
_KINDS = (SCHEMA.rpartition(" ")[0], "maxpo-bench llm report")


def check_formats(text: str) -> list[str]:
    """Return the figure formats of "png,svg".

    Raises:
        ValueError: another format.
    """
    return [check_format(kind) for kind in text.split(",")]


def check_out(out: Path, formats: Sequence[str]) -> None:
    """Check that a report can be written to a folder before anything is computed.

    Raises:
        ValueError: a file is where a folder has to be, or a folder where a file has to be.
    """
    for place in (out, *out.parents):
        if place.exists():
            if not place.is_dir():
                raise ValueError(f"{place} is a file, a report needs a folder (--out): name another")
            break
    for name in _names(formats):
        if (out / name).is_dir():
            raise ValueError(f"{out / name} is a folder, and the report's file is called so: name another --out")


def write_report(report: Report, out: Path, formats: Sequence[str]) -> tuple[list[Path], list[Path]]:
    """Write a report's files; the same report gives the same bytes.

    Where the folder holds an earlier report, those of its files that this one does not replace are removed: beside the
    new ones they would be taken for its own. Only names that a report may have are touched, and none where report.json
    is not one of ours.

    Returns:
        The paths written and those removed.
    """
    from maxpo_bench.plots import plot, save

    out.mkdir(parents=True, exist_ok=True)
    holds_earlier = is_report(out / DATA)
    text = json.dumps(report.to_dict(), indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    (out / DATA).write_text(text + "\n", encoding="utf-8")
    (out / PAGE).write_text(as_markdown(report), encoding="utf-8")
    paths = [out / DATA, out / PAGE]
    tables = {name: rows for name, rows_of in TABLES.items() if (rows := rows_of(report))}
    paths += [write_csv(out / name, rows) for name, rows in tables.items()]
    for figure, table in FIGURES.items():
        if table in tables:
            paths += save(plot(figure, tables[table]), out, figure, formats)
    return paths, remove_outdated(out, paths) if holds_earlier else []


def remove_outdated(out: Path, paths: Sequence[Path]) -> list[Path]:
    """Remove the files of an earlier report, of samples or of runs, that the new one has not written; return them."""
    outdated = [out / name for name in dict.fromkeys(_names(FORMATS)) if out / name not in paths]
    removed = [path for path in outdated if path.is_file()]
    for path in removed:
        path.unlink()
    return removed


def _names(formats: Sequence[str]) -> Iterator[str]:
    """Yield the names of all files that a report may have, be it of samples or of runs."""
    yield from (DATA, PAGE, *TABLES, *RUN_TABLES)
    yield from (f"{name}.{ending}" for name in RUN_PAPER_TABLES for ending in ("md", "csv", "tex"))
    for figure in (*FIGURES, *RUN_FIGURES):
        yield from (f"{figure}.{kind}" for kind in formats)


def is_report(path: Path) -> bool:
    """Whether a file is a report's data, of any version of the schema."""
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(table, dict) and str(table.get("schema")).startswith(tuple(f"{kind} " for kind in _KINDS))


def write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    """Write rows, at least one, under the names of the first; return the path."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path
