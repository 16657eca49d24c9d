"""Curves over k with intervals: means over problems, per benchmark and over benchmarks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from maxpo_bench.evaluation.passk import FloatArray
from maxpo_bench.seeding import derive_seed

DEFAULT_RESAMPLES = 2000
"""`maxpo_bench.stats.DEFAULT_RESAMPLES`; importing that module takes a second, for SciPy."""
_MOST_AT_ONCE = 1 << 22


@dataclass(frozen=True)
class Point:
    """A mean at one k.

    Attributes:
        k: number of draws.
        estimate: the mean.
        low: lower limit of its interval; None where a benchmark has one problem only, which cannot be resampled.
        high: upper limit.
    """

    k: int
    estimate: float
    low: float | None
    high: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return the point for JSON."""
        return {"k": self.k, "estimate": self.estimate, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class Curves:
    """Points in ascending k.

    Attributes:
        benchmarks: curve of each benchmark, the unweighted mean over its problems.
        problem_average: mean over all problems, so that a benchmark weighs as many as it has.
        task_average: unweighted mean over the benchmarks.

    Both averages have those k that all benchmarks have, and are empty if there is only one benchmark.
    """

    benchmarks: Mapping[str, tuple[Point, ...]]
    problem_average: tuple[Point, ...]
    task_average: tuple[Point, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return all points for JSON."""
        return {
            "benchmarks": {name: [point.to_dict() for point in points] for name, points in self.benchmarks.items()},
            "problem_average": [point.to_dict() for point in self.problem_average],
            "task_average": [point.to_dict() for point in self.task_average],
        }


@dataclass(frozen=True)
class PerProblem:
    """Values of one benchmark's problems.

    Args:
        ks: numbers of draws, ascending, [K].
        values: [P, K].
    """

    ks: tuple[int, ...]
    values: FloatArray


def doubling_ks(largest: int) -> tuple[int, ...]:
    """Return 1, 2, 4, ... up to `largest`, and `largest` itself."""
    return tuple(sorted({*(1 << power for power in range(largest.bit_length())), largest}))


def estimate_curves(
    parts: Mapping[str, PerProblem],
    *,
    seed: int,
    confidence: float = 0.95,
    resamples: int = DEFAULT_RESAMPLES,
) -> Curves:
    """Return means over problems with percentile bootstrap intervals, each for its own k (pointwise).

    Problems are resampled with replacement within their benchmark (Agarwal et al., arXiv 2108.13264, stratify so by
    task), all k of a curve and both averages on the same resamples. For one benchmark and one k it is
    `maxpo_bench.stats.bootstrap_mean_interval`.

    What an interval holds: pass@k varies with the choice of the problems and with the samples drawn for each. Both are
    in it, as each problem's estimate varies around its true value. For problems regarded as fixed it is too wide:
    `sampling_error` is that case at k = 1. Few problems make percentile intervals too narrow, the more the nearer
    the mean is to 0 or 1: with success rates uniform in [0, 1] and 16 samples, of nominal 95 % intervals for pass@1,
    pass@4 and pass@16 (true means 0.5, 0.8 and 0.94) 94, 92 and 82 % hold the true mean for 30 problems, and 94, 94
    and 92 % for 100 (8000 and 4000 repetitions). So are intervals of differences of which most are 0: with success
    rates U^0.5 and U^0.7 and 16 samples, 94, 90 and 44 % hold the true difference for 30 problems, and 94, 95 and 84 %
    for 100 (1500 repetitions). BCa and the bootstrap of Student's t are no better there: a resample of equal values has
    no spread. Half a problem more at each end of the range, in a Bayesian bootstrap (for right or wrong answers
    Jeffreys' interval), mends pass@k, but makes paired differences at small k half as wide again. Where all problems
    have the same value (all solved, say) the interval has no width, which shows a limit of the method and not
    certainty.

    Differences between two methods are paired if the values are each problem's differences.

    Args:
        parts: values by benchmark. They may differ in k.
        seed: root of the resamples; a benchmark's are the same whatever other benchmarks there are, and whatever
            the order of the problems.
        confidence: coverage, in (0, 1).
        resamples: number of resamples.
    """
    if not parts:
        raise ValueError("no benchmarks: give the values of at least one")
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must be in (0, 1), got {confidence}")
    if resamples < 1:
        raise ValueError(f"resamples must be at least 1, got {resamples}")
    names = sorted(parts)
    means = [parts[name].values.mean(axis=0) for name in names]
    spread = [
        resampled_means(parts[name].values, np.random.default_rng(derive_seed(seed, "resamples", name)), resamples)
        for name in names
    ]
    curves = {
        name: _points(parts[name].ks, mean, drawn, confidence)
        for name, mean, drawn in zip(names, means, spread, strict=True)
    }
    if len(names) == 1:
        return Curves(curves, (), ())
    ks = tuple(sorted(reduce(frozenset.intersection, (frozenset(parts[name].ks) for name in names))))
    columns = [[parts[name].ks.index(k) for k in ks] for name in names]
    means = [mean[at] for mean, at in zip(means, columns, strict=True)]
    spread = [None if drawn is None else drawn[:, at] for drawn, at in zip(spread, columns, strict=True)]
    sizes = np.array([len(parts[name].values) for name in names], dtype=np.float64)
    by_problem, by_task = (
        _averaged(ks, means, spread, weights, confidence) for weights in (sizes, np.ones(len(names)))
    )
    return Curves(curves, by_problem, by_task)


def _averaged(
    ks: tuple[int, ...],
    means: Sequence[FloatArray],
    spread: Sequence[FloatArray | None],
    weights: FloatArray,
    confidence: float,
) -> tuple[Point, ...]:
    """Average benchmarks; a benchmark that cannot be resampled leaves the average without an interval."""
    share = weights / weights.sum()
    mean = np.tensordot(share, np.stack(means), axes=1)
    known = [drawn for drawn in spread if drawn is not None]
    drawn = np.tensordot(share, np.stack(known), axes=1) if len(known) == len(spread) else None
    return _points(ks, mean, drawn, confidence)


def resampled_means(values: FloatArray, rng: np.random.Generator, resamples: int) -> FloatArray | None:
    """Return the means of resamples of P problems, [resamples, K]; None for P = 1.

    Problems with equal values are one category of a multinomial: the same law as drawing problem by problem, at the
    cost of the number of different values, and independent of the problems' order.

    Args:
        values: [P, K].
        rng: of the resamples.
        resamples: their number.
    """
    if len(values) < 2:
        return None
    distinct, counts = np.unique(values, axis=0, return_counts=True)
    share = counts / len(values)
    step = max(1, _MOST_AT_ONCE // len(distinct))
    sizes = [min(step, resamples - start) for start in range(0, resamples, step)]
    return np.concatenate([rng.multinomial(len(values), share, size=size) @ distinct for size in sizes]) / len(values)


def _points(ks: tuple[int, ...], mean: FloatArray, drawn: FloatArray | None, confidence: float) -> tuple[Point, ...]:
    if drawn is None:
        return tuple(Point(k, float(value), None, None) for k, value in zip(ks, mean, strict=True))
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    # a mean that all resamples share may differ from the estimate by rounding
    rows = zip(ks, mean.tolist(), low.tolist(), high.tolist(), strict=True)
    return tuple(Point(k, value, min(below, value), max(above, value)) for k, value, below, above in rows)
