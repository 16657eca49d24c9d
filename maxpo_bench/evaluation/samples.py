"""What one method answered: samples and correct ones by problem, without the texts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np

from maxpo_bench.evaluation.passk import FloatArray, IntArray

ProblemKey = tuple[str, str]
"""Benchmark and problem id."""


@dataclass(frozen=True, eq=False)
class ScoredSamples:
    """The scored samples of one method, counted by problem; problems are in ascending order of (benchmark, id).

    Attributes:
        label: the method's name.
        files: where they were read.
        keys: benchmark and id of each problem, [P].
        num_samples: n_i >= 1, [P]; problems may differ.
        num_correct: c_i in [0, n_i], [P].
        scores: each problem's scores, [P] arrays [n_i], in no particular order; None unless every sample has one.
        unscored: number of samples without a score.
        statuses: number of samples by status, empty if no sample says its own.
    """

    label: str
    files: tuple[str, ...]
    keys: tuple[ProblemKey, ...]
    num_samples: IntArray
    num_correct: IntArray
    scores: tuple[FloatArray, ...] | None
    unscored: int
    statuses: Mapping[str, int]

    def __post_init__(self) -> None:
        if not self.keys:
            raise ValueError(f"{self.label} has no problems")
        if list(self.keys) != sorted(set(self.keys)):
            raise ValueError(f"{self.label}: problems must be distinct and in ascending order")
        if not len(self.keys) == len(self.num_samples) == len(self.num_correct):
            raise ValueError(f"{self.label}: keys, num_samples and num_correct must have one length")

    @property
    def benchmarks(self) -> tuple[str, ...]:
        """Names of the benchmarks, in ascending order."""
        return tuple(dict.fromkeys(benchmark for benchmark, _ in self.keys))

    @property
    def problems(self) -> tuple[str, ...]:
        """Ids of the problems, [P]."""
        return tuple(problem for _, problem in self.keys)

    def of(self, benchmark: str) -> ScoredSamples:
        """Return one benchmark's part; statuses and unscored samples stay those of the whole."""
        return self._chosen([at for at, key in enumerate(self.keys) if key[0] == benchmark])

    def restricted_to(self, keys: Collection[ProblemKey]) -> ScoredSamples:
        """Return the part on some problems; statuses and unscored samples stay those of the whole."""
        wanted = frozenset(keys)
        return self._chosen([at for at, key in enumerate(self.keys) if key in wanted])

    def fewest(self) -> tuple[int, ProblemKey]:
        """Return the smallest number of samples and the first problem that has so many."""
        at = int(np.argmin(self.num_samples))
        return int(self.num_samples[at]), self.keys[at]

    def _chosen(self, places: list[int]) -> ScoredSamples:
        return replace(
            self,
            keys=tuple(self.keys[at] for at in places),
            num_samples=self.num_samples[places],
            num_correct=self.num_correct[places],
            scores=None if self.scores is None else tuple(self.scores[at] for at in places),
        )
