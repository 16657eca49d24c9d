"""Learning on the maze: the same grid of step sizes for every estimator, chosen on other seeds than it is scored on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from maxpo_bench.agents.maze_population import PopulationResult, train_population
from maxpo_bench.envs.maze import MazeLayout
from maxpo_bench.estimators import Estimator
from maxpo_bench.leaderboard.submission import Candidate
from maxpo_bench.leaderboard.suite import MazeTrack
from maxpo_bench.seeding import derive_seed

Progress = Callable[[float], None]


@dataclass(frozen=True)
class LearningScore:
    """Returns on the maze over the last iterations of training.

    Attributes:
        learning_rate: the step size with the highest mean tuning return.
        tuning: mean return of every step size over the tuning seeds.
        returns: one return per evaluation seed, at ``learning_rate``.
    """

    learning_rate: float
    tuning: dict[str, float]
    returns: list[float]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def _seeds(suite: str, part: str, count: int) -> list[int]:
    return [derive_seed(0, "suite", suite, "maze", part, index) for index in range(count)]


def measure_learning(
    candidate: Candidate, suite: str, track: MazeTrack, progress: Progress | None = None
) -> LearningScore | None:
    """Tune on the tuning seeds, train on the evaluation seeds; None where the estimator is not defined there.

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
    estimator = candidate.build(track.k)
    tuning = _seeds(suite, "tuning", track.num_tuning_seeds)
    runs = [(rate, seed) for rate in track.learning_rates for seed in tuning]
    share = len(runs) / (len(runs) + track.num_evaluation_seeds)
    report = progress or (lambda done: None)
    result = _train(estimator, track, runs, lambda done: report(share * done))
    means = result.final_return(track.last).reshape(len(track.learning_rates), -1).mean(1)
    best = track.learning_rates[int(np.argmax(means))]
    final = [(best, seed) for seed in _seeds(suite, "evaluation", track.num_evaluation_seeds)]
    evaluated = _train(estimator, track, final, lambda done: report(share + (1 - share) * done))
    return LearningScore(
        learning_rate=best,
        tuning={str(rate): float(mean) for rate, mean in zip(track.learning_rates, means, strict=True)},
        returns=[float(value) for value in evaluated.final_return(track.last)],
    )


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
        record_every=20,
        progress=lambda done, total: progress(done / total),
    )
