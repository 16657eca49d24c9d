"""`maxpo-bench llm report` of folders of training runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from maxpo_bench.commands.run_reading import holds_runs, read_runs
from maxpo_bench.evaluation.run_means import Intervals
from maxpo_bench.evaluation.run_report import RunReport, make_run_report


def are_runs(files: Sequence[Path]) -> bool:
    """Whether all arguments are folders of runs, rather than scored samples.

    Raises:
        ValueError: some are, some are not.
    """
    kinds = [holds_runs(file) for file in files]
    if any(kinds) and not all(kinds):
        run, other = files[kinds.index(True)], files[kinds.index(False)]
        raise ValueError(
            f"{run} holds training runs and {other} does not: report folders of runs, or files of scored samples "
            f"(of a run: {run / 'evaluation'})"
        )
    return bool(kinds) and all(kinds)


def run_of_runs(
    folders: Sequence[Path],
    ks: Sequence[int] | None,
    out: Path | None,
    as_json: bool,
    *,
    refused: Sequence[str] = (),
    common: bool = False,
    skip_short: bool = False,
    support_at: int | None = None,
    intervals: Intervals | None = None,
    formats: Sequence[str] = ("png", "svg", "pdf"),
) -> int:
    """Report training runs: print the paper's tables and findings, or JSON; write all files where a folder is given.

    Args:
        folders: every run beneath them is reported.
        ks: numbers of draws.
        out: folder of the files of `maxpo_bench.commands.run_report_files.write_run_report`.
        as_json: print JSON.
        refused: options that were given and mean nothing here.
        common: see `make_run_report`.
        skip_short: see there.
        support_at: see there.
        intervals: see there.
        formats: of figures.

    Returns:
        0, the exit code.

    Raises:
        ValueError: unusable runs or options; the message says where and how to mend it.
    """
    if refused:
        raise ValueError(
            f"{', '.join(refused)} is for files of scored samples: runs say their methods and benchmarks "
            "themselves, and are compared with the run of method 'base'"
        )
    runs, notes = read_runs(folders)
    report = make_run_report(
        runs, ks=ks, common=common, skip_short=skip_short, support_at=support_at, intervals=intervals
    )
    report = replace(report, notes=(*notes, *report.notes))
    paths: list[Path] = []
    removed: list[Path] = []
    if out is not None:
        from maxpo_bench.commands.run_report_files import write_run_report

        paths, removed = write_run_report(report, out, formats)
    if as_json:
        _print_json(report)
    else:
        _print(report)
        if paths:
            print(f"\nWritten: {', '.join(map(str, paths))}")
    if removed:
        print(f"Removed, of an earlier report: {', '.join(map(str, removed))}", file=sys.stderr if as_json else None)
    return 0


def _print_json(report: RunReport) -> None:
    from maxpo_bench.cli.shared import print_json
    from maxpo_bench.commands.run_findings import findings

    print_json({**report.to_dict(), "findings": [finding.to_dict() for finding in findings(report)]})


def _print(report: RunReport) -> None:
    """Print tables, findings and notes."""
    from rich.console import Console

    from maxpo_bench.commands.passk_print import print_table
    from maxpo_bench.commands.run_findings import findings, lacking
    from maxpo_bench.commands.run_page import finding_lines, report_tables, setting
    from maxpo_bench.commands.run_report_files import paper_tables

    console = Console(highlight=False, markup=False)
    console.print(setting(report))
    for table in report_tables(report, paper_tables(report).values()):
        if table.rows:
            console.print()
            print_table(table, console)
    console.print("\nWhat the paper states, and what these runs give", style="bold")
    for finding in findings(report):
        for line in finding_lines(finding):
            console.print(line)
    for sentence in lacking(report):
        console.print(sentence)
    for note in report.notes:
        console.print(f"\nnote: {note}")
