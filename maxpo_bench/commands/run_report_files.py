"""The files of a report of training runs: the paper's figures and tables by their numbers, and all data behind them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from maxpo_bench.commands.paper_table_text import as_csv, as_latex, as_markdown
from maxpo_bench.commands.report_files import DATA, PAGE, RUN_TABLES, is_report, remove_outdated, write_csv
from maxpo_bench.commands.run_findings import findings
from maxpo_bench.commands.run_page import as_page
from maxpo_bench.evaluation.paper_tables import PaperTable, table_2, table_3
from maxpo_bench.evaluation.rows import TASK_AVERAGE
from maxpo_bench.evaluation.run import objective_groups
from maxpo_bench.evaluation.run_report import LARGEST_AVERAGED_K, RunReport, average_of
from maxpo_bench.evaluation.run_rows import (
    run_difference_rows,
    run_pass_at_k_rows,
    run_proxy_rows,
    run_support_rows,
)

Rows = list[dict[str, Any]]


def figure_frames(report: RunReport) -> dict[str, tuple[str, Rows, dict[str, Any]]]:
    """Return for each figure that the runs give, by its number in the paper: what draws it, its rows, its options."""
    passed, proxies, supports = run_pass_at_k_rows(report), run_proxy_rows(report), run_support_rows(report)
    shown = [row for row in passed if row["in_tables"]]
    averages = {model.model: average_of(model.benchmarks) for model in report.models if model.benchmarks}
    figures = {
        "figure2": ("llm_pass_at_k", _averaged(shown, averages), {"caption": _average_text(report)}),
        "figure3": ("llm_variance_proxy", [row for row in proxies if row["in_tables"]], {}),
        "figure8": ("llm_pass_at_k", _by_benchmark(report, shown), {}),
        "figure9": ("llm_support", [row for row in supports if row["in_tables"]], {}),
        "figure10": ("llm_objective_k", _by_objective(report, passed, averages), {"caption": _average_text(report)}),
    }
    return {name: figure for name, figure in figures.items() if figure[1]}


def paper_tables(report: RunReport) -> dict[str, PaperTable]:
    """Return the tables that the runs give, by the names of their files."""
    tables = {"table2": table_2(report), "table3": table_3(report)}
    return {name: table for name, table in tables.items() if table.blocks}


def write_run_report(report: RunReport, out: Path, formats: Sequence[str]) -> tuple[list[Path], list[Path]]:
    """Write a report's files, each whole; the same report gives the same bytes.

    Args:
        report: what the runs say.
        out: folder, made if it is missing; what an earlier report left there and this one has not is removed.
        formats: of figures.

    Returns:
        The paths written and those removed.
    """
    from maxpo_bench.llm.atomic_files import publish_text
    from maxpo_bench.plots import plot, save

    out.mkdir(parents=True, exist_ok=True)
    holds_earlier = is_report(out / DATA)
    figures, tables, found = figure_frames(report), paper_tables(report), findings(report)
    data = {**report.to_dict(), "findings": [finding.to_dict() for finding in found]}
    texts = {
        DATA: json.dumps(data, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n",
        PAGE: as_page(report, tables, figures, found, formats),
    }
    for name, table in tables.items():
        texts |= {f"{name}.md": as_markdown(table), f"{name}.csv": as_csv(table), f"{name}.tex": as_latex(table)}
    for name, text in texts.items():
        publish_text(out / name, text)
    paths = [out / name for name in texts]
    makers = (run_pass_at_k_rows, run_difference_rows, run_proxy_rows, run_support_rows)
    for name, rows_of in zip(RUN_TABLES, makers, strict=True):
        if rows := rows_of(report):
            paths.append(write_csv(out / name, rows))
    for name, (kind, rows, options) in figures.items():
        paths += save(plot(kind, rows, **options), out, name, formats)
    return paths, remove_outdated(out, paths) if holds_earlier else []


def _averaged(rows: Rows, averages: Mapping[str, str]) -> Rows:
    """Return the rows of the task average, of a model with one benchmark those of that one, to k = 256."""
    return [row for row in rows if row["benchmark"] == averages[row["model"]] and row["k"] <= LARGEST_AVERAGED_K]


def _by_benchmark(report: RunReport, rows: Rows) -> Rows:
    """Return the rows of single benchmarks; none where they would show Figure 2 again."""
    single = [row for row in rows if row["benchmark"] != TASK_AVERAGE]
    has_more = any(len(model.benchmarks) > 1 for model in report.models)
    return single if has_more or any(row["k"] > LARGEST_AVERAGED_K for row in single) else []


def _by_objective(report: RunReport, rows: Rows, averages: Mapping[str, str]) -> Rows:
    """Return the rows of methods with several K, of each method the setting that has the most of them."""
    labels: set[tuple[str, str]] = set()
    for model in report.models:
        groups = objective_groups(model.series)
        for method in dict.fromkeys(group[0].method for group in groups):
            largest = max((group for group in groups if group[0].method == method), key=len)
            labels |= {(model.model, each.label) for each in largest}
    return [row for row in _averaged(rows, averages) if (row["model"], row["label"]) in labels]


def _average_text(report: RunReport) -> str:
    """Say what task averages are over."""
    several = {", ".join(model.benchmarks) for model in report.models if len(model.benchmarks) > 1}
    return f"Task average: mean over {several.pop()}." if len(several) == 1 else ""
