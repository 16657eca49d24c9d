"""A report's curves, differences and supports in long form: what figures draw and .csv files hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from maxpo_bench.evaluation.curves import Curves
from maxpo_bench.evaluation.report import Report
from maxpo_bench.evaluation.samples import ScoredSamples
from maxpo_bench.evaluation.support import SUPPORT_CLASSES, Support

TASK_AVERAGE = "task average"
PROBLEM_AVERAGE = "problem average"


def pass_at_k_rows(report: Report) -> list[dict[str, Any]]:
    """Return one row per benchmark (the averages last), method and k.

    Columns: benchmark, method, k, estimate, low, high (in [0, 1]; None without an interval), num_problems,
    fewest_samples and most_samples of a problem, confidence, resamples, seed.
    """
    lines = [({"method": each.label}, each.pass_at_k, [each.samples]) for each in report.methods]
    return [row for name in _names(report) for line in lines for row in _rows(report, name, *line)]


def difference_rows(report: Report) -> list[dict[str, Any]]:
    """Return one row per benchmark (the averages last), method and k: pass@k of the method minus that of `against`.

    Columns: benchmark, method, against, k, estimate, low, high (in [-1, 1]; None without an interval), num_problems,
    fewest_samples and most_samples of a problem of either, confidence, resamples, seed. No rows without `against`.
    """
    samples = {each.label: each.samples for each in report.methods}
    lines = [
        ({"method": label, "against": report.against}, curves, [samples[label], samples[str(report.against)]])
        for label, curves in report.differences.items()
    ]
    return [row for name in _names(report) for line in lines for row in _rows(report, name, *line)]


def support_rows(report: Report) -> list[dict[str, Any]]:
    """Return one row per benchmark and method.

    Columns: benchmark, method, against, k (None where problems differ in it), num_problems, the four counts, and the
    rates srr, ndr, sds, nscr (None where they have no value).
    """
    return _of_supports(report, lambda support: [_support_row(support)])


def support_problem_rows(report: Report) -> list[dict[str, Any]]:
    """Return one row per benchmark, method and problem, in the order of the classes.

    Columns: benchmark, method, against, k, class (one of `SUPPORT_CLASSES`, or undecided where it depends on which k
    of a problem's samples are taken), problem_id.
    """
    return _of_supports(
        report,
        lambda support: [
            {"k": support.k, "class": name, "problem_id": id} for name, ids in support.problems.items() for id in ids
        ],
    )


def _names(report: Report) -> list[str]:
    names = sorted({name for method in report.methods for name in method.samples.benchmarks})
    return [*names, TASK_AVERAGE, PROBLEM_AVERAGE]


def _rows(
    report: Report, name: str, who: dict[str, Any], curves: Curves, samples: list[ScoredSamples]
) -> list[dict[str, Any]]:
    """Return one curve's rows; `samples` are those of all methods that it is of, on the same problems."""
    averages = {TASK_AVERAGE: curves.task_average, PROBLEM_AVERAGE: curves.problem_average}
    points = averages[name] if name in averages else curves.benchmarks.get(name, ())
    if not points:
        return []
    counts = [(each if name in averages else each.of(name)).num_samples for each in samples]
    constant = {
        "num_problems": len(counts[0]),
        "fewest_samples": min(int(count.min()) for count in counts),
        "most_samples": max(int(count.max()) for count in counts),
        "confidence": report.confidence,
        "resamples": report.resamples,
        "seed": report.seed,
    }
    return [{"benchmark": name, **who, **point.to_dict(), **constant} for point in points]


def _of_supports(report: Report, rows_of: Callable[[Support], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    names = sorted({name for parts in report.support.values() for name in parts})
    return [
        {"benchmark": name, "method": label, "against": report.against, **row}
        for name in names
        for label, parts in report.support.items()
        for row in rows_of(parts[name])
    ]


def _support_row(support: Support) -> dict[str, Any]:
    counts = {name: getattr(support, name) for name in SUPPORT_CLASSES}
    rates = {"srr": support.retention, "ndr": support.discovery, "sds": support.dynamics, "nscr": support.net_change}
    return {"k": support.k, "num_problems": support.num_problems, **counts, **rates}
