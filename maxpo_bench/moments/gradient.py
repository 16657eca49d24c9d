"""First two moments of a gradient estimate, and every metric that follows from them.

``g_hat`` is one gradient estimate (one group of n samples; for several questions, one group for each), ``g`` the exact
gradient of max@K, ``E`` the expectation over groups.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

ETA_TARGET = 0.95
"""Share of the exact-gradient step that B95 asks for."""

ZERO_TOLERANCE = 1e-12
"""A mean below this share of g_hat's root mean square is rounding noise, and counts as zero."""


@dataclass(frozen=True, eq=False, repr=False)
class GradientMoments:
    """Mean and total variance of a gradient estimate beside the exact gradient.

    Args:
        mean: ``E g_hat``, [A].
        total_variance: ``tr Cov(g_hat)`` of a single estimate (the expectation of Eq 111 of arXiv 2606.06080), >= 0.
        truth: ``g``, the exact gradient, [A].
        advantage_rms: root mean square of all advantages.
        group_mean_rms: root mean square of the advantages' mean within a group.
    """

    mean: FloatArray
    total_variance: float
    truth: FloatArray
    advantage_rms: float
    group_mean_rms: float

    def __repr__(self) -> str:
        shown = ("bias", "total_variance", "cosine", "nsr")
        values = ", ".join(f"{name}={getattr(self, name):.4g}" for name in shown)
        return f"{type(self).__name__}({len(self.truth)} arms, {values})"

    @property
    def mean_square(self) -> float:
        """``||E g_hat||^2``."""
        return float(self.mean @ self.mean)

    @property
    def is_null(self) -> bool:
        """Is ``E g_hat`` zero: the estimator gives no signal at all?"""
        scale = float(self.mean @ self.mean) + self.total_variance
        return self.mean_square <= ZERO_TOLERANCE**2 * scale

    @property
    def cosine(self) -> float:
        """cos(E g_hat, g) in [-1, 1]; 0 where either of them is zero."""
        truth_square = float(self.truth @ self.truth)
        if self.is_null or truth_square == 0.0 or self.mean_square <= 0.0:
            return 0.0
        return _clip(float(self.mean @ self.truth) / math.sqrt(self.mean_square * truth_square))

    @property
    def nsr(self) -> float:
        """Noise to signal ``tr Cov(g_hat) / ||E g_hat||^2``; infinite where ``E g_hat`` is zero."""
        if self.is_null or self.mean_square <= 0.0:
            return math.inf
        return self.total_variance / self.mean_square

    @property
    def b95(self) -> float:
        """Groups per step for ``eta >= 0.95``; infinite where no number of groups is enough."""
        return b95(self.cosine, self.nsr)

    def eta(self, batches: float) -> float:
        """Share of the exact-gradient step that is kept when ``batches`` groups are averaged, in [0, 1].

        Args:
            batches: number of groups averaged, >= 1; ``math.inf`` for the limit.
        """
        return eta(self.cosine, self.nsr, batches)

    @property
    def bias(self) -> float:
        """``||E g_hat - g||_2``: the limit of Bias(M), Eq 110 of arXiv 2606.06080, for many batches."""
        return float(np.linalg.norm(self.mean - self.truth))

    def bias_after(self, batches: float) -> float:
        """Root mean square of Bias(M) (Eq 110 of arXiv 2606.06080), ``sqrt(bias^2 + tr Cov / M)``, for M batches."""
        return math.sqrt(self.bias**2 + self.total_variance / batches)

    @property
    def centring(self) -> float:
        """rms(group mean of the advantages) / rms(advantages), in [0, 1]; 0 for advantages that are all zero."""
        return self.group_mean_rms / self.advantage_rms if self.advantage_rms > 0.0 else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Metrics as plain JSON values; ``None`` stands for infinity."""
        metrics = {
            "cosine": self.cosine,
            "nsr": self.nsr,
            "b95": self.b95,
            "eta_1": self.eta(1),
            "eta_16": self.eta(16),
            "eta_256": self.eta(256),
            "eta_inf": self.eta(math.inf),
            "bias": self.bias,
            "total_variance": self.total_variance,
            "centring": self.centring,
        }
        return {name: finite_or_none(value) for name, value in metrics.items()}


def eta(cosine: float, nsr: float, batches: float) -> float:
    """Return ``cos^2 / (1 + NSR / B)``, 0 for a negative alignment or no signal.

    It is the expected improvement of the best step along the mean of B estimates, to second order, relative to the
    best step along the exact gradient.

    Raises:
        ValueError: ``batches`` is below 1.
    """
    if not batches >= 1:
        raise ValueError(f"eta needs at least 1 batch, got {batches}")
    if cosine <= 0.0 or math.isinf(nsr):
        return 0.0
    return cosine**2 / (1.0 + nsr / batches)


def b95(cosine: float, nsr: float) -> float:
    """Return the number of groups B at which :func:`eta` reaches 0.95.

    ``0.95 * NSR / (cos^2 - 0.95)`` if cos > 0 and cos^2 > 0.95, otherwise infinite; 19 * NSR for an unbiased estimator.
    Not rounded: below 1 means that one group is more than enough.
    """
    if cosine <= 0.0 or cosine**2 <= ETA_TARGET:
        return math.inf
    return ETA_TARGET * nsr / (cosine**2 - ETA_TARGET)


def finite_or_none(value: float) -> float | None:
    """Return the number itself if it is finite, else None (JSON has no infinity)."""
    return float(value) if math.isfinite(value) else None


def _clip(cosine: float) -> float:
    return max(-1.0, min(1.0, cosine))
