"""Every estimator of a large group in exact integers, by counting subsets of ranks; rounded once, at the end.

Floats are integers times a power of two. Sums over ranks keep one common denominator, so that groups of 16384 samples
with binomials of thousands of digits take a second. Tied rewards may take their ranks in any order.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TypeVar

T = TypeVar("T")


class ExactGroup:
    """Exact values of one group, in the order of the samples, rounded to floats.

    Args:
        rewards: n finite floats.
        k: objective size K.
    """

    def __init__(self, rewards: Sequence[float], k: int) -> None:
        self.n, self.k = len(rewards), k
        exact = [Fraction(r) for r in rewards]
        self.unit = math.lcm(*(f.denominator for f in exact))
        self.order = sorted(range(self.n), key=lambda i: exact[i])
        self.by_rank = [int(exact[i] * self.unit) for i in self.order]
        self.counts = _binomials(self.n, k - 1)  # C(x, K-1) for x = 0..n-1
        self.total = self.counts[self.n - 1]
        self.prefixes: dict[int, list[int]] = {}
        self.rho: int | None = None

    def values(self, name: str) -> list[float]:
        """Return the named estimator's advantages."""
        result = [0.0] * self.n
        for i, value in zip(self.order, getattr(self, f"_{name}")(), strict=True):
            result[i] = value
        return result

    def _prefix(self, shift: int) -> list[int]:
        """Numerators of sum_{m <= i} d_m C(m-1-shift, K-1), over ``total * unit``."""
        if shift not in self.prefixes:
            self.prefixes[shift] = self._sums(shift)
        return self.prefixes[shift]

    def _sums(self, shift: int) -> list[int]:
        sums, running = [0], 0
        for m in range(2, self.n + 1):
            gap = self.by_rank[m - 1] - self.by_rank[m - 2]
            running = running + gap * self.counts[m - 1 - shift] if gap else running
            sums.append(running)
        return sums

    def _divide(self, numerators: Sequence[int], denominator: int) -> list[float]:
        whole = denominator * self.unit
        return _each(numerators, lambda value: value / whole)

    def _centre(self, numerators: Sequence[int]) -> list[int]:
        """Return n times the differences from the mean."""
        total = sum(numerators)
        return _each(numerators, lambda value: self.n * value - total)

    def _rho(self) -> int:
        """Numerator of rho_K over C(n, K)."""
        if self.rho is None:
            draws, below = math.comb(self.n, self.k), 0
            self.rho = self.by_rank[0] * draws
            for m in range(2, self.n + 1):
                below += self.counts[m - 2]  # C(m-1, K) = sum of C(x, K-1) over x < m-1
                gap = self.by_rank[m - 1] - self.by_rank[m - 2]
                self.rho += gap * (draws - below) if gap else 0
        return self.rho

    def _contained(self) -> list[int]:
        """Numerators of R_i over n * total; those of rho there are K times `_rho`."""
        rho = self.k * self._rho()
        return _each(self._centre(self._prefix(1)), lambda value: rho + value)

    def _ei(self) -> list[float]:
        return self._divide(self.by_rank, 1) if self.k == 1 else self._divide(self._prefix(0), self.total)

    def _ei_l1o(self) -> list[float]:
        return self._divide(self._centre(self._prefix(0)), self.total * (self.n - 1))

    def _ei_mean_centered(self) -> list[float]:
        return self._divide(self._centre(self._prefix(0)), self.total * self.n)

    def _ei_l2o(self) -> list[float]:
        return self._divide(self._centre(self._prefix(1)), self.total * (self.n - self.k))

    def _pkpo_sloo_minus_one(self) -> list[float]:
        sums = self.by_rank if self.k == 1 else _each(self._prefix(0), lambda value: self.k * value)
        return self._divide(sums, self.n if self.k == 1 else self.total * self.n)

    def _pkpo_sloo(self) -> list[float]:
        n, k = self.n, self.k
        rho = k * self._rho()

        def numerator(value: int) -> int:
            """(K/n) R - K/(n-1) V over n (n-K) total * n (n-1), from that of n (P_i - mean P)."""
            return k * (n - 1) * (n - k) * (rho + value) - k * n * (rho * (n - k) - k * value)

        numerators = _each(self._centre(self._prefix(1)), numerator)
        return self._divide(numerators, n * (n - k) * self.total * n * (n - 1))

    def _passk_analytic(self) -> list[float]:
        return self._divide(self._centre(self._prefix(1)), self.total * self.n)

    def _all_subsets(self) -> list[float]:
        return self._divide(_each(self._contained(), lambda value: self.k * value), self.n * self.n * self.total)

    def _all_subsets_centered(self) -> list[float]:
        centred = self._centre(self._prefix(1))
        return self._divide(_each(centred, lambda value: self.k * value), self.total * self.n * self.n)

    def _bon_mean(self) -> list[float]:
        return self._z_score(self._centre(self._prefix(1)))

    def _passk_analytic_std(self) -> list[float]:
        zeros = self.by_rank.count(0)
        failures, draws = math.comb(zeros, self.k), math.comb(self.n, self.k)
        if failures in (0, draws):
            return [0.0] * self.n
        one = math.sqrt(failures / (draws - failures))
        return [-(self.n - zeros) / zeros * one if reward == 0 else one for reward in self.by_rank]

    def _reinforce_l1o(self) -> list[float]:
        return self._divide(self._centre(self.by_rank), self.n - 1)

    def _dr_grpo(self) -> list[float]:
        return self._divide(self._centre(self.by_rank), self.n)

    def _grpo(self) -> list[float]:
        centred = self._centre(self.by_rank)
        variance = Fraction(sum(value * value for value in centred), (self.n - 1) * (self.n * self.unit) ** 2)
        deviation = math.sqrt(variance) + 1e-4
        return [value / deviation for value in self._divide(centred, self.n)]

    def _passk_top1(self) -> list[float]:
        return [0.0] * (self.n - 1) + self._divide([self.by_rank[-1] - self.by_rank[-2]], 1)

    def _z_score(self, centred: Sequence[int]) -> list[float]:
        counts = Counter(centred)
        squares = sum(count * value * value for value, count in counts.items())
        if not squares:
            return [0.0] * self.n
        scores = {
            value: math.sqrt(value * value * (self.n - 1) / squares) * (1 if value > 0 else -1) for value in counts
        }
        return [scores[value] for value in centred]


def _each(values: Sequence[int], function: Callable[[int], T]) -> list[T]:
    """Apply a function to each value, once per run of equal ones."""
    results: list[T] = []
    for i, value in enumerate(values):
        results.append(results[-1] if i and value is values[i - 1] else function(value))
    return results


def _binomials(n: int, size: int) -> list[int]:
    """Return C(x, size) for x = 0..n-1."""
    values = [0] * min(size, n) + ([1] if size < n else [])
    for x in range(size + 1, n):
        values.append(values[-1] * x // (x - size))
    return values
