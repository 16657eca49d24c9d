"""A sample of what an estimator was asked and answered, to be asked again: answers must depend on the row alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Ask = Callable[[Array, int, str], Array]
ROWS_PER_CALL = 16
MOST_ROWS = 2048
"""Rows kept for each (n, K, dtype); beyond it half of them are dropped and half as many of a call are kept."""

TOLERANCE = {"float64": 1e-9, "float32": 1e-3}


@dataclass
class _Sample:
    rows: list[Array] = field(default_factory=list)
    answers: list[Array] = field(default_factory=list)
    share: float = 1.0


class KeptRows:
    """Rows with their answers, thinned out evenly over all calls.

    Args:
        rng: chooses which rows are kept and how they are asked again.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._samples: dict[tuple[int, int, str], _Sample] = {}

    def __len__(self) -> int:
        return sum(len(sample.rows) for sample in self._samples.values())

    def add(self, rows: Array, answers: Array, k: int, dtype: str) -> None:
        """Keep some of the rows [groups, n] of one call with the answers to them."""
        sample = self._samples.setdefault((rows.shape[1], k, dtype), _Sample())
        finite = np.flatnonzero(np.isfinite(rows).all(axis=1))  # of NaN and inf nothing is promised
        wanted = self._rng.binomial(min(ROWS_PER_CALL, len(finite)), sample.share)
        for row in self._rng.choice(finite, size=wanted, replace=False):
            sample.rows.append(rows[row].copy())
            sample.answers.append(answers[row].copy())
        if len(sample.rows) > MOST_ROWS:
            stay = self._rng.permutation(len(sample.rows))[: MOST_ROWS // 2]
            sample.rows = [sample.rows[index] for index in stay]
            sample.answers = [sample.answers[index] for index in stay]
            sample.share /= 2

    def differing(self, ask: Ask) -> str:
        """Ask every kept row again, in random order and batches of random size.

        Args:
            ask: ``ask(rows [groups, n], k, dtype) -> answers [groups, n]``.

        Returns:
            The shortest row that was answered otherwise before, in words; "" where none was.
        """
        keys = sorted(self._samples)
        for key in [keys[index] for index in self._rng.permutation(len(keys))] if keys else []:
            _, k, dtype = key
            rows, before = np.array(self._samples[key].rows), np.array(self._samples[key].answers)
            after = np.empty_like(before)
            order = self._rng.permutation(len(rows))
            for batch in self._batches(order):
                after[batch] = ask(rows[batch], k, dtype)
            wrong = _different(before, after, TOLERANCE[dtype])
            if wrong.any():
                return _describe(rows[wrong], before[wrong], after[wrong], k)
        return ""

    def _batches(self, order: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        batches, start = [], 0
        while start < len(order):
            size = int(self._rng.integers(1, 257))
            batches.append(order[start : start + size])
            start += size
        return batches


def _different(before: Array, after: Array, tolerance: float) -> NDArray[np.bool_]:
    """Which rows [rows] got another answer; rounding may differ with the size of the batch."""
    same_gaps = (np.isfinite(before) == np.isfinite(after)).all(axis=1)
    size = np.maximum(np.nan_to_num(np.abs(before)).max(axis=1), np.nan_to_num(np.abs(after)).max(axis=1))
    with np.errstate(invalid="ignore"):  # inf - inf, where both answers are
        apart = np.nan_to_num(np.abs(before - after), posinf=0.0).max(axis=1)
    return ~same_gaps | (apart > tolerance * size)


def _describe(rows: Array, before: Array, after: Array, k: int) -> str:
    simplest = min(range(len(rows)), key=lambda row: (len(np.unique(rows[row])), float(np.abs(rows[row]).sum())))
    return (
        f"k={k}, rewards={_show(rows[simplest])}: first {_show(before[simplest])}, asked again in a fresh process "
        f"among other groups {_show(after[simplest])}; an answer must depend on the group's own rewards only"
    )


def _show(values: Array) -> str:
    return "[" + ", ".join(f"{value:.6g}" for value in values) + "]"
