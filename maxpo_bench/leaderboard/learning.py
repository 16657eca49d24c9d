"""Learning on the maze: the same grid of step sizes for every estimator, chosen on other seeds than it is scored on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maxpo_bench.agents.maze_population import PopulationResult, train_population
from maxpo_bench.envs.maze import MazeLayout
from maxpo_bench.estimators import Estimator
from maxpo_bench.leaderboard.submission import Candidate
from maxpo_bench.leaderboard.suite import MazeTrack
from maxpo_bench.seeding import derive_seed
from maxpo_bench.stats import iqm_interval

Progress = Callable[[float], None]

RECORD_EVERY = 20
"""Iterations per record of the trainer."""
MAX_POINTS = 60
"""Most points of a stored learning curve."""
DIGITS = 4
"""Significant digits of a stored learning curve: the raw returns keep all of theirs."""


@dataclass(frozen=True)
class LearningCurve:
    """Return during training over the evaluation seeds, at most `MAX_POINTS` points.

    Attributes:
        iterations: iterations done at the end of each point's stretch.
        mean: interquartile mean over the seeds of the mean return within the stretch.
        low: lower limits of percentile bootstrap intervals at 95 %, for each point by itself.
        high: upper limits.
    """

    iterations: list[int]
    mean: list[float]
    low: list[float]
    high: list[float]


@dataclass(frozen=True)
class LearningScore:
    """Returns on the maze over the last iterations of training.

    Attributes:
        learning_rate: the step size with the highest mean tuning return.
        tuning: mean return of every step size over the tuning seeds.
        returns: one return per evaluation seed, at ``learning_rate``.
        curve: return during these runs.
    """

    learning_rate: float
    tuning: dict[str, float]
    returns: list[float]
    curve: LearningCurve

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def _seeds(suite: str, part: str, count: int) -> list[int]:
    return [derive_seed(0, "suite", suite, "maze", part, index) for index in range(count)]


def measure_learning(
    candidate: Candidate, suite: str, track: MazeTrack, progress: Progress | None = None
) -> LearningScore | None:
    """Tune on the tuning seeds, train on the evaluation seeds; None where the estimator is not defined there.

    An estimator with a state has one of its own in every run, which starts afresh with the run.

    Args:
        candidate: what to train with.
        suite: the suite's name, part of every seed.
        track: the maze and the training budget.
        progress: called with the share of the work that is done, in [0, 1].
    """
    if candidate.metadata.domain == "binary":
        return None
    if not candidate.supports(track.n, track.k):
        return None
    tuning = _seeds(suite, "tuning", track.num_tuning_seeds)
    runs = [(rate, seed) for rate in track.learning_rates for seed in tuning]
    share = len(runs) / (len(runs) + track.num_evaluation_seeds)
    report = progress or (lambda done: None)
    result = _train(candidate.build_rows(track.k), track, runs, lambda done: report(share * done))
    means = result.final_return(track.last).reshape(len(track.learning_rates), -1).mean(1)
    best = track.learning_rates[int(np.argmax(means))]
    final = [(best, seed) for seed in _seeds(suite, "evaluation", track.num_evaluation_seeds)]
    evaluated = _train(candidate.build_rows(track.k), track, final, lambda done: report(share + (1 - share) * done))
    return LearningScore(
        learning_rate=best,
        tuning={str(rate): float(mean) for rate, mean in zip(track.learning_rates, means, strict=True)},
        returns=[float(value) for value in evaluated.final_return(track.last)],
        curve=learning_curve(
            evaluated.iteration,
            evaluated.return_mean,
            np.random.default_rng(derive_seed(0, "suite", suite, "maze", "curve")),
        ),
    )


def learning_curve(
    iterations: NDArray[np.int64], returns: NDArray[np.float64], rng: np.random.Generator
) -> LearningCurve:
    """Thin the trainer's records to a curve of at most `MAX_POINTS` points.

    Consecutive records are averaged; where their number is no multiple, the last stretch is the shorter one.

    Args:
        iterations: iterations done at each record, [T].
        returns: mean return of every run since the record before, [T, P], P >= 2.
        rng: generator of the bootstrap resamples.
    """
    together = -(-len(iterations) // MAX_POINTS)
    starts = range(0, len(iterations), together)
    points = [iqm_interval(returns[start : start + together].mean(axis=0), rng) for start in starts]
    return LearningCurve(
        iterations=[int(iterations[start : start + together][-1]) for start in starts],
        mean=[_rounded(point.estimate) for point in points],
        low=[_rounded(point.low) for point in points],
        high=[_rounded(point.high) for point in points],
    )


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def _train(
    estimator: Estimator,
    track: MazeTrack,
    runs: list[tuple[float, int]],
    progress: Progress,
) -> PopulationResult:
    mazes = [MazeLayout.generate(track.length, track.majority_share, 1, instance=seed) for _, seed in runs]
    return train_population(
        mazes,
        estimator,
        n=track.n,
        learning_rates=[rate for rate, _ in runs],
        seeds=[seed for _, seed in runs],
        iterations=track.iterations,
        record_every=RECORD_EVERY,
        progress=lambda done, total: progress(done / total),
    )
