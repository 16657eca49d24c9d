"""What the exact means say about an estimator: the kind of its certificate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from maxpo_bench.moments.enumeration import ExactMoments
from maxpo_bench.moments.gradient import FloatArray, finite_or_none
from maxpo_bench.moments.instances import BanditInstance

Kind = Literal["exact", "proportional", "direction", "biased", "null"]
KINDS: tuple[Kind, ...] = get_args(Kind)

TOLERANCE = 1e-8
"""Relative tolerance of a certificate; everything is computed in float64."""


@dataclass(frozen=True, eq=False)
class InstanceResult:
    """Exact moments on one hidden bandit.

    Args:
        instance: the bandit.
        n: samples per group.
        k: objective size.
        moments: exact mean and total variance beside the truth.
    """

    instance: BanditInstance
    n: int
    k: int
    moments: ExactMoments

    @property
    def constant(self) -> float:
        """The c of the best fit ``E g_hat = c * g``."""
        return _fit(self.moments.mean, self.moments.truth)

    @property
    def residual(self) -> float:
        """``||E g_hat - c g|| / ||E g_hat||`` with the best c: sine of their angle; 1 where the mean is exactly 0."""
        return _sine(self.moments.mean, self.moments.truth)

    def is_null(self, tolerance: float) -> bool:
        """Is ``E g_hat`` zero, relative to the root mean square of g_hat?"""
        mean_square = self.moments.mean_square
        return mean_square <= tolerance**2 * (mean_square + self.moments.total_variance)

    def is_aligned(self, tolerance: float) -> bool:
        """Does ``E g_hat`` point along g, with c > 0?"""
        return self.residual <= tolerance and self.constant > 0.0

    def points_along(self, k: int, tolerance: float) -> bool:
        """Does ``E g_hat`` point along the gradient of J_k, for another k?"""
        gradient = self.instance.gradient(k)
        return _sine(self.moments.mean, gradient) <= tolerance and _fit(self.moments.mean, gradient) > 0.0

    def to_dict(self) -> dict[str, Any]:
        """One row of the certificate's table as plain JSON values."""
        row = {
            "instance": self.instance.label,
            "n": self.n,
            "k": self.k,
            "arms": self.instance.num_arms,
            "questions": self.instance.num_questions,
            "constant": finite_or_none(self.constant),
            "residual": finite_or_none(self.residual),
        }
        return row | self.moments.to_dict()


def kind_of(results: Sequence[InstanceResult], tolerance: float = TOLERANCE) -> Kind:
    """Return the kind that the results of one (n, K) prove.

    *null* if E[g_hat] = 0 on all bandits; *biased* if its direction differs from that of g on one (or it is 0 on some);
    otherwise *exact* if c = 1 everywhere, *proportional* if c is the same everywhere, and *direction* if it differs.
    """
    null = [result.is_null(tolerance) for result in results]
    if all(null):
        return "null"
    if any(null) or not all(result.is_aligned(tolerance) for result in results):
        return "biased"
    constants = np.array([result.constant for result in results])
    if np.abs(constants - 1.0).max() <= tolerance:
        return "exact"
    return "proportional" if np.ptp(constants) <= tolerance * constants.mean() else "direction"


def kind_of_all(kinds: Sequence[Kind]) -> Kind:
    """Return the kind that holds for every (n, K): the weakest of them.

    It is null only if every one is; otherwise a null one counts as biased.
    """
    if all(kind == "null" for kind in kinds):
        return "null"
    found: list[Kind] = ["biased" if kind == "null" else kind for kind in kinds]
    return max(found, key=KINDS.index)


def other_objective(results: Sequence[InstanceResult], tolerance: float = TOLERANCE) -> int | None:
    """Return the K' != K for which all results of one (n, K) point along grad J_K', if there is one up to n + 1."""
    n, k = results[0].n, results[0].k
    candidates = (other for other in range(1, n + 2) if other != k)
    return next((other for other in candidates if all(r.points_along(other, tolerance) for r in results)), None)


def _fit(mean: FloatArray, truth: FloatArray) -> float:
    """Return the best c of mean = c * truth; 0 where the gradient is zero, as that of another K can be."""
    square = float(truth @ truth)
    return float(mean @ truth) / square if square else 0.0


def _sine(mean: FloatArray, truth: FloatArray) -> float:
    length = float(np.linalg.norm(mean))
    return float(np.linalg.norm(mean - _fit(mean, truth) * truth)) / length if length > 0.0 else 1.0
