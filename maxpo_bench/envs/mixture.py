"""The expected best of k draws from a finite mixture of one continuous law, moved and scaled, by quadrature."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, ndtr, ndtri, stdtr, stdtrit

Floats = NDArray[np.float64]

_LIGHT_TAIL, _HEAVY_TAIL = 1e-17, 1e-7  # of k draws, what lies further out is left to the expansion of the tails
_NEGLIGIBLE = 1e-34  # weights, of k draws
_TOLERANCE = 1e-14  # of the integral
_SCALES = 4.0  # panels to begin with are at most that many scales wide where a component is
_PANELS = 8  # evaluated together: few, so that few components are near them
_BLOCK = 1 << 18  # entries of a matrix [nodes, components]: bounds the memory
_NODES, _NODE_WEIGHTS = np.polynomial.legendre.leggauss(16)
_TO_LEGENDRE = np.linalg.inv(np.polynomial.legendre.legvander(_NODES, _NODES.size - 1)).T


class Kernel(ABC):
    """A continuous law that is symmetric around 0 and has a mean.

    `has_light_tails` says that what lies beyond ``reach(1e-17)`` matters to no integral either; else P(Z > z) is of the
    order z^-power.
    """

    has_light_tails: ClassVar[bool] = False

    @property
    @abstractmethod
    def power(self) -> float:
        """The power of the tails, infinite for light ones."""

    @abstractmethod
    def density(self, z: Floats) -> Floats:
        """The density ``[...]``."""

    @abstractmethod
    def below(self, z: Floats) -> Floats:
        """P(Z <= z) ``[...]``, with all its digits where it is small."""

    @abstractmethod
    def quantile(self, probabilities: Floats) -> Floats:
        """The z with P(Z <= z) = p ``[...]``."""

    def reach(self, tail: float) -> float:
        """The z with P(Z > z) = ``tail``."""
        return float(-self.quantile(np.array(tail)))

    @abstractmethod
    def excess(self, z: Floats) -> Floats:
        """E[max(Z - z, 0)] ``[...]`` for z > 0."""


@dataclass(frozen=True)
class Normal(Kernel):
    """The standard normal law."""

    has_light_tails = True

    @property
    def power(self) -> float:
        """Infinite: the tails are lighter than any power."""
        return math.inf

    def density(self, z: Floats) -> Floats:
        """phi(z)."""
        return np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)

    def below(self, z: Floats) -> Floats:
        """P(Z <= z)."""
        return ndtr(z)

    def quantile(self, probabilities: Floats) -> Floats:
        """The inverse of `below`."""
        return ndtri(probabilities)

    def excess(self, z: Floats) -> Floats:
        """phi(z) - z P(Z > z), of which nothing is left below 1e-300 and rounding can't make it negative."""
        return np.maximum(self.density(z) - z * ndtr(-z), 0.0)


@dataclass(frozen=True)
class StudentT(Kernel):
    """Student's t law.

    Args:
        df: degrees of freedom, greater than 1.
    """

    df: float

    @property
    def power(self) -> float:
        """The degrees of freedom."""
        return self.df

    def density(self, z: Floats) -> Floats:
        """Gamma((df + 1) / 2) / (Gamma(df / 2) sqrt(df pi)) (1 + z^2 / df)^(-(df + 1) / 2)."""
        df = self.df
        constant = gammaln((df + 1) / 2) - gammaln(df / 2) - np.log(df * np.pi) / 2
        return np.exp(constant - (df + 1) / 2 * np.log1p(z**2 / df))

    def below(self, z: Floats) -> Floats:
        """P(T <= z)."""
        return stdtr(self.df, z)

    def quantile(self, probabilities: Floats) -> Floats:
        """The inverse of `below`."""
        return stdtrit(self.df, probabilities)

    def excess(self, z: Floats) -> Floats:
        """f(z) (df + z^2) / (df - 1) - z P(T > z), with f the density."""
        df = self.df
        return np.maximum(self.density(z) * (df + z**2) / (df - 1) - z * stdtr(df, -z), 0.0)


NORMAL = Normal()


@dataclass(frozen=True)
class Mixture:
    """The law of m_i + s_i Z with probability w_i.

    Args:
        locations: ``[C]`` m_i.
        scales: ``[C]`` s_i, greater than 0.
        weights: ``[C]`` w_i, at least 0, with sum 1.
        kernel: the law of Z.
    """

    locations: Floats
    scales: Floats
    weights: Floats
    kernel: Kernel = NORMAL

    @property
    def mean(self) -> float:
        """The expected value of one draw."""
        return float(self.weights @ self.locations)

    def without(self, weight: float) -> Mixture:
        """Return the mixture without the components of at most this weight."""
        kept = self.weights > weight
        return Mixture(self.locations[kept], self.scales[kept], self.weights[kept], self.kernel)

    def tail(self, points: Floats, side: float, reach: float) -> Floats:
        """Return P(X <= x) for ``side`` 1, or P(X > x) for -1, at points ``[P]`` that lie near each other.

        Components of light tails further away than ``reach`` of their scales count as 0 or 1.
        """
        ends = side * (np.array([points.min(), points.max()])[:, None] - self.locations) / self.scales
        window = reach if self.kernel.has_light_tails else math.inf
        is_whole = ends.min(axis=0) > window
        active = np.flatnonzero((ends.max(axis=0) > -window) & ~is_whole)
        total = np.full(points.shape, self.weights[is_whole].sum())
        step = max(1, _BLOCK // points.size)
        for start in range(0, active.size, step):
            some = active[start : start + step]
            z = side * (points[:, None] - self.locations[some]) / self.scales[some]
            total += self.kernel.below(z) @ self.weights[some]
        return np.minimum(total, 1.0)


def expected_best(locations: Floats, scales: Floats, weights: Floats, k: int, kernel: Kernel = NORMAL) -> float:
    """Return E[max of k independent draws] from the mixture F(x) = sum_i w_i P(Z <= (x - m_i) / s_i).

    It is the mean plus the integral of F (1 - F^(k-1)), which vanishes at both ends. Adaptive Gauss-Legendre panels
    cover what k draws reach; beyond, where F or 1 - F is small, the integral is expanded in powers of it. The error is
    about 1e-12 of the integral.

    Args:
        locations: ``[C]`` m_i.
        scales: ``[C]`` s_i, greater than 0.
        weights: ``[C]`` w_i, at least 0; they are normalised to sum 1.
        k: number of draws, at least 1.
        kernel: the law of Z.
    """
    mixture = Mixture(locations, scales, weights / weights.sum(), kernel)
    mean = mixture.mean
    if k == 1:
        return mean
    mixture = mixture.without(_NEGLIGIBLE / k)
    locations, scales = mixture.locations, mixture.scales
    reach = kernel.reach((_LIGHT_TAIL if kernel.has_light_tails else _HEAVY_TAIL) / k)
    low, high = float((locations - reach * scales).min()), float((locations + reach * scales).max())
    edges = np.union1d(_panel_edges(locations, scales, low, high), [mean])
    left, left_square = _beyond(mixture, low, 1.0)
    right, right_square = _beyond(mixture, high, -1.0)
    # F - F^k below, and with S = 1 - F above (k - 1) S - k (k - 1) / 2 S^2, both up to third powers
    tails = left - (left_square if k == 2 else 0.0) + (k - 1) * (right - k / 2 * right_square)
    return mean + tails + _integral(mixture, edges, mean, reach, k)


def _beyond(mixture: Mixture, end: float, side: float) -> tuple[float, float]:
    """Integrals of the tail's probability and of its square from ``end`` outwards (``side`` 1: down to -infinity).

    The first is the components' expected excess. In the second a probability S with density f is taken as a power of
    the distance with the kernel's exponent p: S^3 / f * p / (2 p - 1).
    """
    kernel, scales = mixture.kernel, mixture.scales
    z = side * (mixture.locations - end) / scales
    first = float(mixture.weights * scales @ kernel.excess(z))
    probability = float(mixture.weights @ kernel.below(-z))
    density = float(mixture.weights / scales @ kernel.density(z))
    if density == 0.0:
        return first, 0.0
    return first, probability**3 / density / (2.0 - 1.0 / kernel.power)


def _panel_edges(locations: Floats, scales: Floats, low: float, high: float) -> Floats:
    """Edges of panels from ``low`` to ``high``.

    Away from a component they are three times as wide as it is distant, or three quarters of that where they approach
    it, so that none passes it by; near it they have a few of its scales, which 16 nodes can't miss. What is too coarse
    is halved later.
    """
    edges = [low]
    while edges[-1] < high:
        distances = edges[-1] - locations
        widths = np.maximum(_SCALES * scales, distances * np.where(distances < 0, -0.75, 3.0))
        edges.append(edges[-1] + float(widths.min()))
    edges[-1] = high
    return np.array(edges)


def _integral(mixture: Mixture, edges: Floats, mean: float, reach: float, k: int) -> float:
    """Integral of F (1 - F^(k-1)), panels being halved until each is exact to its share of the tolerance.

    A polynomial through the 16 nodes has the integral of one through 32 degrees, so what the panel misses is about
    the square of the last coefficients in Legendre polynomials, relative to the largest.
    """
    lows, highs = edges[:-1], edges[1:]
    share, total = _TOLERANCE / lows.size, 0.0
    while lows.size:
        values = np.concatenate(
            [
                _panel_values(mixture, lows[i : i + _PANELS], highs[i : i + _PANELS], mean, reach, k)
                for i in range(0, lows.size, _PANELS)
            ]
        )
        widths = highs - lows
        integrals = widths * (values @ _NODE_WEIGHTS) / 2
        coefficients = np.abs(values @ _TO_LEGENDRE)
        largest = np.maximum(coefficients.max(axis=1), np.finfo(float).tiny)
        errors = widths * coefficients[:, -2:].max(axis=1) ** 2 / largest
        rough = errors > share * (total + integrals.sum())
        total += float(integrals[~rough].sum())
        lows, highs = lows[rough], highs[rough]
        middles = (lows + highs) / 2
        lows, highs = np.stack([lows, middles], axis=1).ravel(), np.stack([middles, highs], axis=1).ravel()
    return total


def _panel_values(mixture: Mixture, lows: Floats, highs: Floats, mean: float, reach: float, k: int) -> Floats:
    """F (1 - F^(k-1)) at the nodes ``[panels, 16]``, from F left of the mean and from 1 - F right of it."""
    nodes = lows[:, None] + (highs - lows)[:, None] / 2 * (1.0 + _NODES)
    is_left = lows < mean
    values = np.empty_like(nodes)
    if is_left.any():
        below = mixture.tail(nodes[is_left].ravel(), 1.0, reach)
        values[is_left] = (below * (1.0 - below ** (k - 1))).reshape(-1, _NODES.size)
    if not is_left.all():
        above = mixture.tail(nodes[~is_left].ravel(), -1.0, reach)
        with np.errstate(divide="ignore"):
            values[~is_left] = ((1.0 - above) * -np.expm1((k - 1) * np.log1p(-above))).reshape(-1, _NODES.size)
    return values
