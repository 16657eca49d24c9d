"""What the renderers show of the past: where the last episodes ended and what they returned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DEPTH = 64


@dataclass(frozen=True)
class EpisodeHistory:
    """The past of one environment.

    Args:
        ends: ``[<= DEPTH]``, where the last episodes ended, oldest first: after how many correct steps in
            a maze, at which arm of a bandit.
        returns: ``[<= DEPTH]``, their returns.
        count: number of all episodes.
        best: the highest return of all of them, None before the first.
    """

    ends: NDArray[np.int64]
    returns: NDArray[np.float64]
    count: int
    best: float | None


class EpisodeLog:
    """The last `DEPTH` episodes of each of ``num_envs`` environments, written to for all of them at once."""

    def __init__(self, num_envs: int) -> None:
        self._ends = np.zeros((num_envs, DEPTH), dtype=np.int64)
        self._returns = np.zeros((num_envs, DEPTH))
        self._counts = np.zeros(num_envs, dtype=np.int64)
        self._best = np.full(num_envs, -np.inf)

    def record(self, finished: NDArray[np.bool_], ends: NDArray[np.int64], returns: NDArray[np.float64]) -> None:
        """Append an episode for each environment that ``finished`` ``[num_envs]``.

        Args:
            finished: which environments.
            ends: ``[num_envs]``, where the episode ended.
            returns: ``[num_envs]``, its return.
        """
        rows = np.flatnonzero(finished)
        slots = self._counts[rows] % DEPTH
        self._ends[rows, slots] = ends[rows]
        self._returns[rows, slots] = returns[rows]
        self._best[rows] = np.maximum(self._best[rows], returns[rows])
        self._counts[rows] += 1

    def history(self, index: int = 0) -> EpisodeHistory:
        """Return the past of one environment."""
        count = int(self._counts[index])
        slots = np.arange(max(0, count - DEPTH), count) % DEPTH
        best = float(self._best[index]) if count else None
        return EpisodeHistory(self._ends[index, slots], self._returns[index, slots], count, best)
