"""The final figures of a run, flat: pass@k before and after with intervals, support, and means over the last steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from maxpo_bench.evaluation.curves import Point
from maxpo_bench.evaluation.reading import read_samples
from maxpo_bench.evaluation.report import Report, make_report
from maxpo_bench.evaluation.support import SUPPORT_CLASSES
from maxpo_bench.llm.run_folder import BASE

LAST_STEPS = 20
"""Steps at the end over which rewards are averaged."""
LAST_SHARE = 0.25
"""Share of the steps, at the end, over which the proxy, the entropy and the like are averaged."""
_OVER_LAST_STEPS = ("reward_mean", "reward_max_at_k")
_OVER_LAST_SHARE = ("adam_variance_proxy", "entropy", "grad_norm", "dead_groups", "centring")


def compare(samples: Path, base: Path | None, label: str) -> Report:
    """Return the report of a model's scored samples against its base's, with paired differences and support.

    Args:
        samples: file of the model's samples.
        base: file of the base's, on the same problems; None for the model alone.
        label: the method's name.
    """
    (method,) = read_samples(samples, label=label)
    (against,) = (None,) if base is None else read_samples(base, label=BASE)
    return make_report([method], against)


def pass_at_k_figures(points: Iterable[Point], prefix: str = "") -> dict[str, float | None]:
    """Return estimates and limits by names such as "pass@4", "pass@4_low" and "pass@4_high"."""
    figures: dict[str, float | None] = {}
    for point in points:
        name = f"{prefix}pass@{point.k}"
        figures |= {name: point.estimate, f"{name}_low": point.low, f"{name}_high": point.high}
    return figures


def summarise(log: Sequence[Mapping[str, Any]], report: Report) -> dict[str, Any]:
    """Return the figures of a finished run by name.

    ``pass@k``, ``base_pass@k`` and ``gain_pass@k`` (paired difference, after minus before) with their limits, means
    over the held-out problems; ``support_`` and each class: numbers of problems; rewards averaged over the last
    `LAST_STEPS` steps, the rest of the log over the last quarter.

    Args:
        log: the run's, all steps.
        report: of `compare`.
    """
    trained, base = report.methods
    (benchmark,) = base.samples.benchmarks
    support = report.support[trained.label][benchmark]
    samples = base.samples
    return {
        "problems": len(samples.keys),
        "samples": int(samples.num_samples[0]),
        **pass_at_k_figures(trained.pass_at_k.benchmarks[benchmark]),
        **pass_at_k_figures(base.pass_at_k.benchmarks[benchmark], "base_"),
        **pass_at_k_figures(report.differences[trained.label].benchmarks[benchmark], "gain_"),
        **{f"support_{name}": getattr(support, name) for name in SUPPORT_CLASSES},
        **final_means(log),
    }


def final_means(log: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """Return what the end of a log says; None where nothing was logged."""
    share = max(1, round(LAST_SHARE * len(log)))
    means = {name: _mean(log[-LAST_STEPS:], name) for name in _OVER_LAST_STEPS}
    return means | {name: _mean(log[-share:], name) for name in _OVER_LAST_SHARE}


def _mean(lines: Sequence[Mapping[str, Any]], name: str) -> float | None:
    values = [float(line[name]) for line in lines if line.get(name) is not None]
    return sum(values) / len(values) if values else None
