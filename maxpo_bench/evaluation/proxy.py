"""Adam's variance proxy over training, and how that of one method compares with another's at the end (Sec. 5.2.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from maxpo_bench.evaluation.passk import FloatArray
from maxpo_bench.evaluation.run import EvaluatedRun
from maxpo_bench.evaluation.run_means import Limits, student_limits, welch_limits

LAST_SHARE = 0.25
"""Share of the steps, at the end, over which the proxy is averaged beside its final value."""


@dataclass(frozen=True)
class ProxyRatio:
    """One method's variance proxy over another's.

    Ratios are positive and multiply, so the mean is the geometric one over seeds, and the interval is Student's (not
    paired: Welch's) for the mean logarithm: it stays above 0 with two seeds as with many.

    Attributes:
        ratio: at the last step.
        limits: of its interval over seeds; None for one run.
        late_ratio: of the means over the last quarter of the steps.
        late_limits: of its interval.
        runs: number of pairs; where runs are not paired, of runs of either method.
        paired: whether runs were compared seed by seed.
        step: the last one that all of these runs have.
        share_lower: share of the steps, the first left out, at which the mean over the runs is below the other's.
        steps: number of these steps.
        below: share of these steps at which the interval of the ratio lies below 1; None where there is no interval.
        above: likewise above 1. These intervals hold together, over all steps, with the confidence (Bonferroni).
        confidence: of the intervals.
    """

    ratio: float
    limits: Limits | None
    late_ratio: float
    late_limits: Limits | None
    runs: tuple[int, int]
    paired: bool
    step: int
    share_lower: float
    steps: int
    below: float | None
    above: float | None
    confidence: float

    @property
    def reduction(self) -> float:
        """By how many per cent the proxy is lower at the last step; the paper prints 77.4 for MaxPO beside PKPO."""
        return 100.0 * (1.0 - self.ratio)

    @property
    def reduction_limits(self) -> Limits | None:
        """Limits of the reduction, in per cent."""
        return None if self.limits is None else (100.0 * (1.0 - self.limits[1]), 100.0 * (1.0 - self.limits[0]))

    def to_dict(self) -> dict[str, Any]:
        """Return everything for JSON."""
        return {
            "ratio": self.ratio,
            "limits": None if self.limits is None else list(self.limits),
            "reduction_percent": self.reduction,
            "reduction_limits_percent": None if self.reduction_limits is None else list(self.reduction_limits),
            "late_ratio": self.late_ratio,
            "late_limits": None if self.late_limits is None else list(self.late_limits),
            "runs": list(self.runs),
            "paired": self.paired,
            "step": self.step,
            "share_of_steps_lower": self.share_lower,
            "steps": self.steps,
            "share_of_steps_interval_below": self.below,
            "share_of_steps_interval_above": self.above,
            "confidence": self.confidence,
        }


def proxy_ratio(
    runs: Sequence[EvaluatedRun], others: Sequence[EvaluatedRun], confidence: float = 0.95
) -> ProxyRatio | None:
    """Compare the proxies of two methods at the last step that all their runs have.

    Runs that share model and seed are pairs; runs without a partner are left out where there are pairs, as in
    `maxpo_bench.evaluation.run_means.mean_difference`.

    Args:
        runs: of the method whose proxy is divided.
        others: of the method that it is compared with.
        confidence: of the intervals, in (0, 1).

    Returns:
        None where one side logged no proxy, they share no step after the first, or a proxy is not positive at the end.
    """
    runs, others = ([run for run in side if len(run.steps)] for side in (runs, others))
    partners = {run.replicate: run for run in others}
    pairs = [(run, partners[run.replicate]) for run in runs if run.replicate in partners]
    is_paired = bool(pairs) and (len(pairs) > 1 or min(len(runs), len(others)) == 1)
    if is_paired:
        runs, others = [mine for mine, _ in pairs], [theirs for _, theirs in pairs]
    if not runs or not others:
        return None
    steps = common_steps([*runs, *others])
    steps = steps[steps > 1]
    if not len(steps):
        return None
    mine, theirs = (proxy_at(side, steps) for side in (runs, others))
    late = max(1, round(LAST_SHARE * len(steps)))
    ends = [side[:, -1] for side in (mine, theirs)]
    means = [side[:, -late:].mean(axis=1) for side in (mine, theirs)]
    if min(values.min() for values in (*ends, *means)) <= 0:
        return None
    ratio, limits = _log_ratio(ends[0], ends[1], is_paired, confidence)
    late_ratio, late_limits = _log_ratio(means[0], means[1], is_paired, confidence)
    lower = float((mine.mean(axis=0) < theirs.mean(axis=0)).mean())
    below, above = _joint_shares(mine, theirs, is_paired, confidence)
    return ProxyRatio(
        ratio=ratio,
        limits=limits,
        late_ratio=late_ratio,
        late_limits=late_limits,
        runs=(len(runs), len(others)),
        paired=is_paired,
        step=int(steps[-1]),
        share_lower=lower,
        steps=len(steps),
        below=below,
        above=above,
        confidence=confidence,
    )


def common_steps(runs: Sequence[EvaluatedRun]) -> np.ndarray:
    """Return the steps at which all runs have a value of the proxy, ascending."""
    steps = runs[0].steps
    for run in runs[1:]:
        steps = np.intersect1d(steps, run.steps)
    return steps


def proxy_at(runs: Sequence[EvaluatedRun], steps: np.ndarray) -> FloatArray:
    """Return the runs' proxies at steps that all have, [runs, steps]."""
    return np.stack([run.proxy[np.searchsorted(run.steps, steps)] for run in runs])


def _joint_shares(
    mine: FloatArray, theirs: FloatArray, is_paired: bool, confidence: float
) -> tuple[float | None, float | None]:
    """Return the shares of the steps at which one of so many simultaneous intervals of the ratio is below, above 1.

    Args:
        mine: [runs, steps].
        theirs: [runs, steps].
        is_paired: whether rows are pairs.
        confidence: with which all intervals hold at once.
    """
    if min(mine.min(), theirs.min()) <= 0:
        return None, None
    steps = mine.shape[1]
    limits = _log_limits(np.log(mine), np.log(theirs), is_paired, 1.0 - (1.0 - confidence) / steps)
    return (None, None) if limits is None else (float((limits[1] < 0).mean()), float((limits[0] > 0).mean()))


def _log_limits(
    top: FloatArray, bottom: FloatArray, is_paired: bool, confidence: float
) -> tuple[FloatArray, FloatArray] | None:
    return student_limits(top - bottom, confidence) if is_paired else welch_limits(top, bottom, confidence)


def _log_ratio(
    values: FloatArray, others: FloatArray, is_paired: bool, confidence: float
) -> tuple[float, Limits | None]:
    top, bottom = np.log(values), np.log(others)
    limits = _log_limits(top, bottom, is_paired, confidence)
    ratio = float(np.exp(top.mean() - bottom.mean()))
    return ratio, None if limits is None else (float(np.exp(limits[0])), float(np.exp(limits[1])))
