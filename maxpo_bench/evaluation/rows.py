"""A report's curves and supports in long form: what figures draw and .csv files hold."""

from __future__ import annotations

from typing import Any

from maxpo_bench.evaluation.report import MethodResult, Report
from maxpo_bench.evaluation.support import SUPPORT_CLASSES, Support

TASK_AVERAGE = "task average"


def pass_at_k_rows(report: Report) -> list[dict[str, Any]]:
    """Return one row per method, benchmark (the task average last) and k.

    Columns: benchmark, method, k, estimate, low, high (in [0, 1]; None without an interval), num_problems,
    fewest_samples and most_samples of a problem, confidence, resamples, seed.
    """
    rows: list[dict[str, Any]] = []
    names = sorted({name for method in report.methods for name in method.samples.benchmarks})
    for name in [*names, TASK_AVERAGE]:
        for method in report.methods:
            rows += _method_rows(report, method, name)
    return rows


def support_rows(report: Report) -> list[dict[str, Any]]:
    """Return one row per benchmark and method.

    Columns: benchmark, method, against, k (None where problems differ in it), num_problems, the four counts, and the
    rates srr, ndr, sds, nscr (None where they have no value).
    """
    names = sorted({name for parts in report.support.values() for name in parts})
    return [
        {"benchmark": name, "method": label, "against": report.against, **_support_row(parts[name])}
        for name in names
        for label, parts in report.support.items()
    ]


def _method_rows(report: Report, method: MethodResult, name: str) -> list[dict[str, Any]]:
    curves = method.pass_at_k
    points = curves.task_average if name == TASK_AVERAGE else curves.benchmarks.get(name, ())
    if not points:
        return []
    counts = (method.samples if name == TASK_AVERAGE else method.samples.of(name)).num_samples
    constant = {
        "num_problems": len(counts),
        "fewest_samples": int(counts.min()),
        "most_samples": int(counts.max()),
        "confidence": report.confidence,
        "resamples": report.resamples,
        "seed": report.seed,
    }
    return [{"benchmark": name, "method": method.label, **point.to_dict(), **constant} for point in points]


def _support_row(support: Support) -> dict[str, Any]:
    counts = {name: getattr(support, name) for name in SUPPORT_CLASSES}
    rates = {"srr": support.retention, "ndr": support.discovery, "sds": support.dynamics, "nscr": support.net_change}
    return {"k": support.k, "num_problems": support.num_problems, **counts, **rates}
