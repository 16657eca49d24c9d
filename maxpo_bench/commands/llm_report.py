"""`maxpo-bench llm report`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from maxpo_bench.commands.llm_run_report import are_runs, run_of_runs
from maxpo_bench.commands.passk_print import print_report
from maxpo_bench.commands.report_files import check_formats, check_out, write_report
from maxpo_bench.evaluation.curves import DEFAULT_RESAMPLES
from maxpo_bench.evaluation.reading import read_samples
from maxpo_bench.evaluation.report import make_report
from maxpo_bench.evaluation.run_means import Intervals
from maxpo_bench.evaluation.samples import ScoredSamples
from maxpo_bench.registry import suggest

SHARED_BENCHMARK = "problems"
"""The benchmark of problems that do not say it, where several files are read: their names tell methods apart."""


def run(
    files: Sequence[Path],
    against: str | None,
    ks: str | None,
    out: Path | None,
    as_json: bool,
    confidence: float = 0.95,
    seed: int = 0,
    *,
    labels: Sequence[str] = (),
    benchmark_column: str | None = None,
    common: bool = False,
    skip_short: bool = False,
    support_at: int | None = None,
    resamples: int = DEFAULT_RESAMPLES,
    formats: str = "png,svg,pdf",
) -> int:
    """Report pass@k of scored samples: print tables or JSON, and write both with figures where a folder is given.

    Folders that hold training runs (a run.json, in themselves or beneath) are reported by
    `maxpo_bench.commands.llm_run_report.run_of_runs` instead: the paper's figures and tables from all their runs.

    Args:
        files: files or folders of scored samples, see `maxpo_bench.evaluation.read_samples`; each is one method, or
            several where its rows have several sources. Or folders of runs.
        against: the file or folder that the others are compared with, which may be one of `files`; else the label of
            one of their methods.
        ks: numbers of draws, "1,2,4"; by default 1, 2, 4, ... up to the smallest number of samples.
        out: folder for report.json, report.md, curves, differences and supports as .csv, and figures; made if it is
            missing. Files of an earlier report there are replaced, and removed if this one has none of that name.
        as_json: print JSON instead of tables.
        confidence: of all intervals, in (0, 1).
        seed: root of all resamples.
        labels: names of the files, in their order, and of `against` if there is one more.
        benchmark_column: column that names the benchmark.
        common: leave out problems that not all methods have.
        skip_short: leave out problems with fewer samples than the largest of `ks`.
        support_at: compare supports at this many samples.
        resamples: of all bootstraps.
        formats: of figures, with commas.

    Returns:
        0, the exit code.

    Raises:
        ValueError: unusable data or arguments; the message says where and how to mend it.
        FileNotFoundError: a file does not exist.
    """
    if not files:
        raise ValueError("no files: name at least one file or folder of scored samples")
    kinds = check_formats(formats)
    if out is not None:
        check_out(out, kinds)
    draws = None if ks is None else parse_ks(ks)
    if are_runs(files):
        given = {"--against": against, "--label": labels, "--benchmark-column": benchmark_column}
        return run_of_runs(
            files,
            draws,
            out,
            as_json,
            refused=[name for name, value in given.items() if value],
            common=common,
            skip_short=skip_short,
            support_at=support_at,
            intervals=Intervals(confidence, resamples, seed),
            formats=kinds,
        )
    methods, base = _methods(files, against, labels, benchmark_column)
    report = make_report(
        methods,
        base,
        ks=draws,
        common=common,
        skip_short=skip_short,
        support_at=support_at,
        confidence=confidence,
        resamples=resamples,
        seed=seed,
    )
    paths, removed = ([], []) if out is None else write_report(report, out, kinds)
    if as_json:
        from maxpo_bench.cli.shared import print_json

        print_json(report.to_dict())
    else:
        print_report(report)
        if paths:
            print(f"\nWritten: {', '.join(map(str, paths))}")
    if removed:
        print(f"Removed, of an earlier report: {', '.join(map(str, removed))}", file=sys.stderr if as_json else None)
    return 0


def parse_ks(text: str) -> list[int]:
    """Return the numbers of "1,2,4".

    Raises:
        ValueError: something else stands there.
    """
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(f"k must be whole numbers with commas, such as 1,2,4, got {text!r}") from None


def _methods(
    files: Sequence[Path], against: str | None, labels: Sequence[str], benchmark_column: str | None
) -> tuple[list[ScoredSamples], ScoredSamples | None]:
    """Read all files and set the one apart that the others are compared with."""
    extra = Path(against) if against is not None and Path(against).exists() else None
    paths = list(files)
    if extra is not None and not any(file.exists() and file.samefile(extra) for file in files):
        paths.append(extra)
    if labels and len(labels) not in (len(files), len(paths)):
        raise ValueError(
            f"{_count(len(labels), 'label')} for {_count(len(files), 'file')}: give each file one, in their order"
        )
    names = [*labels, *([None] * (len(paths) - len(labels)))]
    benchmark = SHARED_BENCHMARK if len(paths) > 1 else None
    methods: list[ScoredSamples] = []
    base = against
    for path, name in zip(paths, names, strict=True):
        own = None if path.is_dir() else benchmark
        found = read_samples(path, label=name, benchmark=own, benchmark_column=benchmark_column)
        if extra is not None and path.exists() and path.samefile(extra):
            base = _only(found, path)
        methods += found
    return (methods, None) if base is None else _set_apart(methods, base)


def _only(methods: Sequence[ScoredSamples], path: Path) -> str:
    """Return the label of a file's only method."""
    if len(methods) > 1:
        labels = ", ".join(method.label for method in methods)
        raise ValueError(
            f"{path} holds several methods to compare with: name it as a file, and against one of {labels}"
        )
    return methods[0].label


def _set_apart(methods: Sequence[ScoredSamples], label: str) -> tuple[list[ScoredSamples], ScoredSamples]:
    """Return the other methods and the one of that label."""
    known = [method.label for method in methods]
    if label not in known:
        raise ValueError(f"{label} is neither a file nor the label of a method.{suggest(label, known)}")
    at = known.index(label)
    others = [*methods[:at], *methods[at + 1 :]]
    if not others:
        raise ValueError(f"nothing to compare with {label}: give a second file")
    return others, methods[at]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
