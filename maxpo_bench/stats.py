"""Intervals and aggregates for scores: seeded, on NumPy and SciPy.

Every bootstrap takes the caller's ``np.random.Generator``; nothing touches global state. Scores must be finite: a
missing score is the caller's business, and is never averaged over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats as scipy_stats

FloatArray = NDArray[np.float64]

DEFAULT_RESAMPLES = 2000

PAIRS_AT_ONCE = 2048
"""Differences that are resampled at once: 32 MB for each array of all resamples."""


@dataclass(frozen=True)
class Interval:
    """An estimate between two limits.

    Args:
        low: lower limit.
        estimate: the statistic of the data themselves.
        high: upper limit.
        confidence: coverage asked for, in (0, 1).
    """

    low: float
    estimate: float
    high: float
    confidence: float = 0.95

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __str__(self) -> str:
        return f"{self.estimate:.4g} [{self.low:.4g}, {self.high:.4g}]"


@dataclass(frozen=True)
class RankInterval:
    """Ranks an entry may have; 1 is best.

    Args:
        low: best rank.
        high: worst rank.
    """

    low: int
    high: int

    def __contains__(self, rank: int) -> bool:
        return self.low <= rank <= self.high

    def __str__(self) -> str:
        return str(self.low) if self.low == self.high else f"{self.low}-{self.high}"


def mean_interval(values: ArrayLike, *, confidence: float = 0.95) -> Interval:
    """Return the mean with Student's t interval ``mean +- t_{R-1} * s / sqrt(R)``.

    Exact for normal values, good for means of many; for few and skewed values prefer a bootstrap.

    Args:
        values: R >= 2 independent values, [R].
        confidence: coverage, in (0, 1).
    """
    sample = _sample(values, "values", 1)
    _check_confidence(confidence)
    mean = float(sample.mean())
    half = float(scipy_stats.t.ppf((1 + confidence) / 2, sample.size - 1) * sample.std(ddof=1) / np.sqrt(sample.size))
    return Interval(mean - half, mean, mean + half, confidence)


def bootstrap_mean_interval(
    values: ArrayLike, rng: np.random.Generator, *, confidence: float = 0.95, resamples: int = DEFAULT_RESAMPLES
) -> Interval:
    """Return the mean with a percentile bootstrap interval.

    The limits are the (1 -+ confidence)/2 quantiles of the means of ``resamples`` resamples with replacement.

    Args:
        values: R >= 2 independent values, [R].
        rng: generator of the resamples.
        confidence: coverage, in (0, 1).
        resamples: number of resamples.
    """
    sample = _sample(values, "values", 1)
    return _percentile_bootstrap((sample,), _mean, rng, confidence, resamples)


def iqm(values: ArrayLike) -> float:
    """Return the interquartile mean: the mean without the lowest and the highest quarter of all values.

    ``scipy.stats.trim_mean(values, 0.25)``, which drops floor(R/4) values on either side.

    Args:
        values: any shape, at least one value; all values are pooled.
    """
    pooled = np.asarray(values, dtype=np.float64).ravel()
    if pooled.size == 0 or not np.isfinite(pooled).all():
        raise ValueError("iqm needs at least one value, all finite")
    return float(_trimmed_mean(pooled))


def iqm_interval(
    scores: ArrayLike, rng: np.random.Generator, *, confidence: float = 0.95, resamples: int = DEFAULT_RESAMPLES
) -> Interval:
    """Return the interquartile mean with a percentile bootstrap interval, stratified by task.

    Runs are resampled with replacement within each task (Agarwal et al., arXiv 2108.13264), so that every resample has
    all tasks with as many runs as the data.

    Args:
        scores: runs of one task, [R], or of several, [tasks, R]; R >= 2.
        rng: generator of the resamples.
        confidence: coverage, in (0, 1).
        resamples: number of resamples.
    """
    tasks = np.atleast_2d(np.asarray(scores, dtype=np.float64))
    strata = tuple(_sample(runs, "scores of a task", 1) for runs in _sample(tasks, "scores", 2))

    def pooled_iqm(*runs: FloatArray, axis: int = -1) -> FloatArray:
        return _trimmed_mean(np.concatenate(runs, axis=axis), axis=axis)

    return _percentile_bootstrap(strata, pooled_iqm, rng, confidence, resamples)


def ratio_of_means_interval(
    numerator: ArrayLike,
    denominator: ArrayLike,
    rng: np.random.Generator,
    *,
    confidence: float = 0.95,
    resamples: int = DEFAULT_RESAMPLES,
) -> Interval:
    """Return ``mean(numerator) / mean(denominator)`` with a paired percentile bootstrap interval.

    Pairs (same seed, same instance) are resampled together.

    Args:
        numerator: [R], R >= 2.
        denominator: [R], positive.
        rng: generator of the resamples.
        confidence: coverage, in (0, 1).
        resamples: number of resamples.
    """
    top, bottom = _pair(numerator, denominator)
    if (bottom <= 0).any():
        raise ValueError("the denominators of a ratio of means must be positive")

    def ratio(a: FloatArray, b: FloatArray, axis: int = -1) -> FloatArray:
        return a.mean(axis=axis) / b.mean(axis=axis)

    return _percentile_bootstrap((top, bottom), ratio, rng, confidence, resamples, paired=True)


def joint_rank_intervals(
    scores: ArrayLike,
    rng: np.random.Generator,
    *,
    best: Literal["low", "high"] = "low",
    confidence: float = 0.95,
    resamples: int = DEFAULT_RESAMPLES,
) -> list[RankInterval]:
    """Return for each entry the ranks it may have by mean score, all of them jointly valid.

    Columns (instances, or replicates: whatever all entries share) are resampled together. For each pair of entries the
    difference of the means d_ij has a standard error s_ij; with c the quantile over resamples of
    ``max_ij |d*_ij - d_ij| / s*_ij``, i is better than j if ``|d_ij| > c * s_ij`` and its mean is better. An entry's
    ranks go from 1 + (entries that are better) to p - (entries that are worse). With probability ``confidence`` every
    entry's true rank is in its interval (Mogstad, Romano, Shaikh and Wilhelm, Inference for Ranks with Applications to
    Mobility across Neighbourhoods and Academic Achievement across Countries, Review of Economic Studies 2024), ties
    included: entries that are truly equal share all ranks of their tie. Ranking each resample and taking quantiles,
    which looks simpler, fails exactly there.

    Args:
        scores: [entries p >= 1, columns R >= 2].
        rng: generator of the resamples.
        best: are low or high scores better?
        confidence: joint coverage, in (0, 1).
        resamples: number of resamples.
    """
    _check_confidence(confidence)
    table = _sample(scores, "scores", 2)
    if best not in ("low", "high"):
        raise ValueError(f"best must be 'low' or 'high', got {best!r}")
    entries = len(table)
    first, second = np.triu_indices(entries, k=1)
    if not first.size:
        return [RankInterval(1, 1)]
    mean, error, critical = _simultaneous_differences(table[first] - table[second], rng, confidence, resamples)
    margin = np.multiply(critical, error, out=np.zeros_like(error), where=error > 0)
    separated = np.abs(mean) > margin
    first_wins = (mean < 0) if best == "low" else (mean > 0)
    winners = np.where(first_wins, first, second)[separated]
    losers = np.where(first_wins, second, first)[separated]
    beaten_by = np.bincount(losers, minlength=entries)
    beats = np.bincount(winners, minlength=entries)
    return [RankInterval(1 + int(above), entries - int(below)) for above, below in zip(beaten_by, beats, strict=True)]


def _simultaneous_differences(
    differences: FloatArray, rng: np.random.Generator, confidence: float, resamples: int
) -> tuple[FloatArray, FloatArray, float]:
    """Mean and standard error of each row [pairs, R], and the critical value of the largest |t| over rows."""
    columns = differences.shape[1]
    mean = differences.mean(axis=1)
    centred = differences - mean[:, None]
    centred[np.abs(centred) <= 1e-14 * np.abs(differences).max()] = 0.0
    squares = centred**2
    error = np.sqrt(squares.mean(axis=1) / (columns - 1))
    weights = rng.multinomial(columns, np.full(columns, 1 / columns), size=resamples) / columns
    largest = np.zeros(resamples)
    for start in range(0, len(centred), PAIRS_AT_ONCE):
        part = slice(start, start + PAIRS_AT_ONCE)
        shift = weights @ centred[part].T
        variance = weights @ squares[part].T - shift**2
        variance[variance <= 1e-14 * squares[part].max(axis=1)] = 0.0
        with np.errstate(divide="ignore", invalid="ignore"):
            statistic = np.abs(shift) / np.sqrt(variance / (columns - 1))
        largest = np.maximum(largest, np.nan_to_num(statistic, nan=0.0, posinf=np.inf).max(axis=1))
    largest.sort()
    critical = largest[min(resamples - 1, int(np.ceil(confidence * (resamples + 1))) - 1)]
    return mean, error, float(critical)


def _mean(values: FloatArray, axis: int = -1) -> FloatArray:
    return values.mean(axis=axis)


def _trimmed_mean(values: FloatArray, axis: int = -1) -> FloatArray:
    return np.asarray(scipy_stats.trim_mean(values, 0.25, axis=axis))


def _percentile_bootstrap(
    samples: tuple[FloatArray, ...],
    statistic: Callable[..., FloatArray],
    rng: np.random.Generator,
    confidence: float,
    resamples: int,
    *,
    paired: bool = False,
) -> Interval:
    _check_confidence(confidence)
    result = scipy_stats.bootstrap(
        samples,
        statistic,
        n_resamples=resamples,
        confidence_level=confidence,
        method="percentile",
        vectorized=True,
        paired=paired,
        rng=rng,
    )
    limits = result.confidence_interval
    estimate = statistic(*samples, axis=-1)
    return Interval(float(limits.low), float(estimate), float(limits.high), confidence)


def _sample(values: ArrayLike, name: str, ndim: int) -> FloatArray:
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != ndim or sample.shape[-1] < 2 or sample.shape[0] < 1:
        expected = "[R]" if ndim == 1 else "[rows, R]"
        raise ValueError(f"{name} must be {expected} with R >= 2, got shape {list(sample.shape)}")
    if not np.isfinite(sample).all():
        raise ValueError(f"{name} must be finite: leave missing entries out, or give them no score at all")
    return sample


def _pair(numerator: ArrayLike, denominator: ArrayLike) -> tuple[FloatArray, FloatArray]:
    top, bottom = _sample(numerator, "numerator", 1), _sample(denominator, "denominator", 1)
    if top.shape != bottom.shape:
        raise ValueError(f"paired values must have one length, got {top.size} and {bottom.size}")
    return top, bottom


def _check_confidence(confidence: float) -> None:
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must be in (0, 1), got {confidence}")
