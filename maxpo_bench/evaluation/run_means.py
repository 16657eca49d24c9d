"""Means over problems, benchmarks and seeds of several training runs, with intervals of two kinds.

*Over seeds*: Student's t interval of the runs' own means, the problems being fixed. It holds how training varies (and
the samples of the evaluation), and nothing else can: a single run has none.

*Over problems*: percentile bootstrap over problems within benchmarks of the values averaged over the runs, the runs
being fixed. It holds which problems were asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from maxpo_bench.evaluation.curves import DEFAULT_RESAMPLES, resampled_means
from maxpo_bench.evaluation.passk import FloatArray, pass_at_k
from maxpo_bench.evaluation.run import EvaluatedRun, Replicate
from maxpo_bench.evaluation.samples import ScoredSamples
from maxpo_bench.seeding import derive_seed

Limits = tuple[float, float]


@dataclass(frozen=True)
class Intervals:
    """How intervals are made.

    Attributes:
        confidence: of all of them, in (0, 1).
        resamples: of the bootstraps.
        seed: root of the bootstraps' random streams.
    """

    confidence: float = 0.95
    resamples: int = DEFAULT_RESAMPLES
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0.0 < self.confidence < 1.0:
            raise ValueError(f"confidence must be in (0, 1), got {self.confidence}")
        if self.resamples < 1:
            raise ValueError(f"resamples must be at least 1, got {self.resamples}")


@dataclass(frozen=True)
class Estimate:
    """pass@k, or a difference of two, at one k.

    Attributes:
        k: number of draws.
        mean: over problems, benchmarks and runs, in [0, 1] (differences: [-1, 1]).
        deviation: standard deviation of the runs' own means (of pairs: of their differences); None for one run, and
            for differences of runs that are not paired.
        over_seeds: limits of the interval over seeds; None for one run.
        over_problems: limits of the interval over problems; None where a benchmark has one problem only, or the
            problems differ between methods.
    """

    k: int
    mean: float
    deviation: float | None
    over_seeds: Limits | None
    over_problems: Limits | None

    def to_dict(self) -> dict[str, Any]:
        """Return the estimate for JSON."""
        return {
            "k": self.k,
            "mean": self.mean,
            "deviation_over_seeds": self.deviation,
            "over_seeds": None if self.over_seeds is None else list(self.over_seeds),
            "over_problems": None if self.over_problems is None else list(self.over_problems),
        }


@dataclass(frozen=True)
class Means:
    """Estimates of one quantity at several k, and what they are of.

    Attributes:
        estimates: in ascending k; empty where no run has samples on all benchmarks.
        runs: number of runs; of a paired difference, of pairs.
        paired: of a difference, whether runs were compared seed by seed; None where it is none.
        num_problems: of all benchmarks together.
        fewest_samples: of any problem of any run.
        most_samples: of any problem of any run.
    """

    estimates: tuple[Estimate, ...]
    runs: int
    paired: bool | None
    num_problems: int
    fewest_samples: int
    most_samples: int

    def at(self, k: int) -> Estimate | None:
        """Return the estimate at one k; None where there is none."""
        return next((each for each in self.estimates if each.k == k), None)

    def to_dict(self) -> dict[str, Any]:
        """Return everything for JSON."""
        return {
            "runs": self.runs,
            "paired": self.paired,
            "num_problems": self.num_problems,
            "fewest_samples": self.fewest_samples,
            "most_samples": self.most_samples,
            "estimates": [each.to_dict() for each in self.estimates],
        }


NOTHING = Means((), 0, None, 0, 0, 0)
"""What no run says."""


def mean_pass_at_k(
    runs: Sequence[EvaluatedRun], benchmarks: Sequence[str], ks: Sequence[int], intervals: Intervals
) -> Means:
    """Return pass@k averaged over problems, then benchmarks, then runs.

    Args:
        runs: repetitions of one method; those that lack a benchmark are left out.
        benchmarks: one, or those that the task average is over.
        ks: numbers of draws, none above the fewest samples of a problem.
        intervals: how limits are made.
    """
    runs = [run for run in runs if all(run.on(name) is not None for name in benchmarks)]
    if not runs or not ks:
        return NOTHING
    own = np.stack([_own_mean(run, benchmarks, ks) for run in runs])
    strata = {name: _strata({run.replicate: (_part(run, name),) for run in runs}, ks) for name in benchmarks}
    estimates = _estimates(
        ks, own.mean(axis=0), _deviation(own), student_limits(own, intervals.confidence), strata, intervals
    )
    return Means(estimates, len(runs), None, *_sizes(runs, benchmarks))


def mean_difference(
    runs: Sequence[EvaluatedRun],
    others: Sequence[EvaluatedRun],
    benchmarks: Sequence[str],
    ks: Sequence[int],
    intervals: Intervals,
) -> Means:
    """Return pass@k of some runs minus that of others.

    Runs that share model and seed are pairs. Where there are any, the difference is that of the pairs, and runs
    without a partner are left out; the interval over seeds is that of the mean difference. Where there are none (or
    one pair, while both sides have several runs), all runs of both sides count, and it is Welch's. Over problems the
    difference is paired either way, as long as both have the same problems.

    Args:
        runs: of one method; those that lack a benchmark are left out.
        others: of the method that it is compared with, likewise.
        benchmarks: see `mean_pass_at_k`.
        ks: see `mean_pass_at_k`.
        intervals: how limits are made.
    """
    runs, others = ([run for run in side if all(run.on(name) for name in benchmarks)] for side in (runs, others))
    if not runs or not others or not ks:
        return NOTHING
    theirs = {run.replicate: run for run in others}
    pairs = [(run, theirs[run.replicate]) for run in runs if run.replicate in theirs]
    if pairs and (len(pairs) > 1 or min(len(runs), len(others)) == 1):
        runs, others = [mine for mine, _ in pairs], [other for _, other in pairs]
        own = np.stack([_own_mean(a, benchmarks, ks) - _own_mean(b, benchmarks, ks) for a, b in pairs])
        mean, deviation, over_seeds = own.mean(axis=0), _deviation(own), student_limits(own, intervals.confidence)
        is_paired = True
    else:
        mine, rest = (np.stack([_own_mean(run, benchmarks, ks) for run in side]) for side in (runs, others))
        mean, deviation = mine.mean(axis=0) - rest.mean(axis=0), None
        over_seeds = welch_limits(mine, rest, intervals.confidence)
        is_paired = False
    strata = {name: _difference_strata(runs, others, name, ks, is_paired) for name in benchmarks}
    estimates = _estimates(ks, mean, deviation, over_seeds, strata, intervals)
    return Means(estimates, len(runs) if is_paired else 0, is_paired, *_sizes([*runs, *others], benchmarks))


def student_limits(values: FloatArray, confidence: float) -> tuple[FloatArray, FloatArray] | None:
    """Return the limits of Student's interval of the mean over the first axis; None for fewer than two values.

    Args:
        values: [R, ...].
        confidence: coverage, in (0, 1).
    """
    if len(values) < 2:
        return None
    from scipy.stats import t

    half = t.ppf((1 + confidence) / 2, len(values) - 1) * values.std(axis=0, ddof=1) / np.sqrt(len(values))
    mean = values.mean(axis=0)
    return mean - half, mean + half


def welch_limits(values: FloatArray, others: FloatArray, confidence: float) -> tuple[FloatArray, FloatArray] | None:
    """Return the limits of Welch's interval of the difference of two means; None for fewer than two values of either.

    Args:
        values: [R, ...].
        others: [Q, ...].
        confidence: coverage, in (0, 1).
    """
    if min(len(values), len(others)) < 2:
        return None
    from scipy.stats import t

    squares = [side.var(axis=0, ddof=1) / len(side) for side in (values, others)]
    total = squares[0] + squares[1]
    parts = squares[0] ** 2 / (len(values) - 1) + squares[1] ** 2 / (len(others) - 1)
    freedom = np.divide(total**2, parts, out=np.ones_like(total), where=parts > 0)
    half = t.ppf((1 + confidence) / 2, freedom) * np.sqrt(total)
    mean = values.mean(axis=0) - others.mean(axis=0)
    return mean - half, mean + half


def _part(run: EvaluatedRun, benchmark: str) -> ScoredSamples:
    part = run.on(benchmark)
    if part is None:
        raise ValueError(f"{run.name} has no samples on {benchmark}")
    return part


def _values(samples: ScoredSamples, ks: Sequence[int]) -> FloatArray:
    """Return pass@k of every problem, [P, K]."""
    return pass_at_k(samples.num_samples, samples.num_correct, np.array(ks))


def _own_mean(run: EvaluatedRun, benchmarks: Sequence[str], ks: Sequence[int]) -> FloatArray:
    """Return one run's mean over problems and then benchmarks, [K]."""
    return np.mean([_values(_part(run, name), ks).mean(axis=0) for name in benchmarks], axis=0)


def _sizes(runs: Sequence[EvaluatedRun], benchmarks: Sequence[str]) -> tuple[int, int, int]:
    parts = [_part(run, name) for run in runs for name in benchmarks]
    problems = len({(name, *key) for run in runs for name in benchmarks for key in _part(run, name).keys})
    return (
        problems,
        min(int(part.num_samples.min()) for part in parts),
        max(int(part.num_samples.max()) for part in parts),
    )


def _strata(
    signed: Mapping[Replicate, tuple[ScoredSamples, ...]], ks: Sequence[int]
) -> Mapping[str, FloatArray] | None:
    """Return the values of one benchmark's problems, [P, K] each: one stratum where all runs have the same problems.

    Args:
        signed: each run's samples, and in a pair those that are subtracted.
        ks: numbers of draws.

    Returns:
        By a name of the stratum, "" for the only one; None where the two of a pair have different problems.
    """
    if any(part.keys != parts[0].keys for parts in signed.values() for part in parts):
        return None
    values = {
        key: _values(parts[0], ks) - sum(_values(part, ks) for part in parts[1:]) for key, parts in signed.items()
    }
    if len({parts[0].keys for parts in signed.values()}) == 1:
        return {"": np.mean(list(values.values()), axis=0)}
    return {f"{model}, seed {seed}": value for (model, seed), value in values.items()}


def _difference_strata(
    runs: Sequence[EvaluatedRun], others: Sequence[EvaluatedRun], benchmark: str, ks: Sequence[int], is_paired: bool
) -> Mapping[str, FloatArray] | None:
    if is_paired:
        pairs = zip(runs, others, strict=True)
        return _strata({a.replicate: (_part(a, benchmark), _part(b, benchmark)) for a, b in pairs}, ks)
    sides = [_strata({run.replicate: (_part(run, benchmark),) for run in side}, ks) for side in (runs, others)]
    keys = {_part(run, benchmark).keys for run in [*runs, *others]}
    if len(keys) > 1 or sides[0] is None or sides[1] is None:
        return None
    return {"": sides[0][""] - sides[1][""]}


def _deviation(own: FloatArray) -> FloatArray | None:
    return own.std(axis=0, ddof=1) if len(own) > 1 else None


def _over_problems(
    strata: Mapping[str, Mapping[str, FloatArray] | None], intervals: Intervals
) -> tuple[FloatArray, FloatArray] | None:
    """Return the limits of the mean over benchmarks, problems resampled within benchmarks, [K] each."""
    drawn: list[FloatArray] = []
    for name, parts in strata.items():
        if parts is None:
            return None
        for stratum, values in parts.items():
            path = ("resamples", name, stratum) if stratum else ("resamples", name)
            rng = np.random.default_rng(derive_seed(intervals.seed, *path))
            resampled = resampled_means(values, rng, intervals.resamples)
            if resampled is None:
                return None
            drawn.append(resampled / (len(parts) * len(strata)))
    tails = (1 - intervals.confidence) / 2
    low, high = np.quantile(np.sum(drawn, axis=0), [tails, 1 - tails], axis=0)
    return low, high


def _estimates(
    ks: Sequence[int],
    mean: FloatArray,
    deviation: FloatArray | None,
    over_seeds: tuple[FloatArray, FloatArray] | None,
    strata: Mapping[str, Mapping[str, FloatArray] | None],
    intervals: Intervals,
) -> tuple[Estimate, ...]:
    over_problems = _over_problems(strata, intervals)
    return tuple(
        Estimate(
            k,
            float(mean[at]),
            None if deviation is None else float(deviation[at]),
            _limits(over_seeds, at, None),
            _limits(over_problems, at, float(mean[at])),
        )
        for at, k in enumerate(ks)
    )


def _limits(limits: tuple[FloatArray, FloatArray] | None, at: int, mean: float | None) -> Limits | None:
    """Return one k's limits; those of a mean that all resamples share may differ from it by rounding."""
    if limits is None:
        return None
    low, high = float(limits[0][at]), float(limits[1][at])
    return (low, high) if mean is None else (min(low, mean), max(high, mean))
