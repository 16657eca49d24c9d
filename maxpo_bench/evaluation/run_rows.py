"""A report of runs in long form: what its figures draw and its .csv files hold."""

from __future__ import annotations

from typing import Any

from maxpo_bench.evaluation.run import BASE, LABELS
from maxpo_bench.evaluation.run_means import Means
from maxpo_bench.evaluation.run_report import RunReport


def run_pass_at_k_rows(report: RunReport) -> list[dict[str, Any]]:
    """Return one row per model, method, benchmark (the task average last) and k.

    Columns: model, method, label, suffix (what tells the label from others of the method), objective_k, in_tables,
    benchmark, then those of `_mean_rows`.
    """
    return [
        {
            "model": model.model,
            "method": each.method,
            "label": each.label,
            "suffix": each.suffix,
            "objective_k": each.k,
            "in_tables": each in model.main,
            "benchmark": name,
            **row,
        }
        for model in report.models
        for each in model.series
        for name, means in model.pass_at_k[each.label].items()
        for row in _mean_rows(report, means)
    ]


def run_difference_rows(report: RunReport) -> list[dict[str, Any]]:
    """Return one row per model, pair of methods, benchmark and k: pass@k of the first minus that of the second.

    Columns: model, label, against, benchmark, paired (whether seed by seed), then those of `_mean_rows`.
    """
    return [
        {
            "model": model.model,
            "label": each.of.label,
            "against": each.against.label,
            "benchmark": name,
            "paired": means.paired,
            **row,
        }
        for model in report.models
        for each in model.comparisons
        for name, means in each.differences.items()
        for row in _mean_rows(report, means)
    ]


def run_proxy_rows(report: RunReport) -> list[dict[str, Any]]:
    """Return one row per run and step that has a variance proxy.

    Columns: model, method, label, suffix, in_tables, run (its folder), seed, step, value.
    """
    return [
        {
            "model": model.model,
            "method": each.method,
            "label": each.label,
            "suffix": each.suffix,
            "in_tables": each in model.main,
            "run": run.name,
            "seed": run.seed,
            "step": int(step),
            "value": float(value),
        }
        for model in report.models
        for each in model.series
        for run in each.runs
        for step, value in zip(run.steps, run.proxy, strict=True)
    ]


def run_support_rows(report: RunReport) -> list[dict[str, Any]]:
    """Return one row per model, benchmark and method: numbers of problems by class, means over runs.

    Columns: model, benchmark, method, label, suffix, in_tables, against, k (samples of each), runs, num_problems,
    preservation, expansion, shrinkage, out_of_support.
    """
    return [
        {
            "model": model.model,
            "benchmark": name,
            "method": each.method,
            "label": each.label,
            "suffix": each.suffix,
            "in_tables": each in model.main,
            "against": LABELS[BASE],
            "k": part.k,
            "runs": len(part.runs),
            "num_problems": part.num_problems,
            **part.counts,
        }
        for model in report.models
        for name in model.benchmarks
        for each in model.series
        if (part := model.support.get(each.label, {}).get(name)) is not None
    ]


def _mean_rows(report: RunReport, means: Means) -> list[dict[str, Any]]:
    """Return one row per k.

    Columns: k, estimate (a share), deviation_over_seeds, seeds_low and seeds_high, problems_low and problems_high
    (limits of the two intervals, None where there is none), runs, num_problems, fewest_samples, most_samples,
    confidence, resamples, seed (of the bootstrap).
    """
    constant = {
        "runs": means.runs,
        "num_problems": means.num_problems,
        "fewest_samples": means.fewest_samples,
        "most_samples": means.most_samples,
        "confidence": report.intervals.confidence,
        "resamples": report.intervals.resamples,
        "seed": report.intervals.seed,
    }
    return [
        {
            "k": each.k,
            "estimate": each.mean,
            "deviation_over_seeds": each.deviation,
            "seeds_low": None if each.over_seeds is None else each.over_seeds[0],
            "seeds_high": None if each.over_seeds is None else each.over_seeds[1],
            "problems_low": None if each.over_problems is None else each.over_problems[0],
            "problems_high": None if each.over_problems is None else each.over_problems[1],
            **constant,
        }
        for each in means.estimates
    ]
