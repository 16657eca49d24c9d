"""Rewards that came up in training, kept to be examined."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from maxpo_bench.estimators import Estimator
from maxpo_bench.leaderboard.submission import Candidate, declared_estimator

EVERY = 61
"""A pair of consecutive steps is kept out of so many; a prime, so that no habit of a trainer is hit."""

MOST_PAIRS = 64


class StepRecorder:
    """Keeps the rewards of pairs of consecutive steps that an estimator is asked for in training.

    Args:
        candidate: whose training is watched.

    Attributes:
        candidate: the same, to be trained with.
        kept: rewards [runs, n], the two of each pair after each other.
    """

    def __init__(self, candidate: Candidate) -> None:
        self.kept: list[NDArray[np.float64]] = []
        self.candidate = replace(candidate, build_rows=self._watched)
        self._watch = candidate

    def _watched(self, k: int) -> Estimator:
        estimator, calls, before = self._watch.build_rows(k), 0, np.empty((0, 0))

        def advantages(rewards: Tensor, k: int) -> Tensor:
            nonlocal calls, before
            if calls % EVERY == 0:
                before = rewards.numpy().copy()
            elif calls % EVERY == 1 and len(self.kept) < 2 * MOST_PAIRS:
                self.kept += [before, rewards.numpy().copy()]
            calls += 1
            return estimator(rewards)

        return declared_estimator(advantages, k, self._watch.metadata)
