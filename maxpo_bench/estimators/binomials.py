"""Ratios of binomial coefficients, each correctly rounded however large the binomials are."""

from __future__ import annotations

import math
from functools import lru_cache

BITS = 160
"""Bits kept of a running product; each step loses less than one unit of the last."""


@lru_cache(maxsize=128)
def binomial_ratios(n: int, k: int) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Return C(x, k) / C(n, k) for x = 0..n as mantissas in [1/2, 1) (0 where the ratio is) and exponents of two.

    A running product of integers from 1 at x = n downwards, C(x-1, k) = C(x, k) (x-k) / x: errors do not add up as they
    do in floats, and nothing underflows.

    Args:
        n: largest x, >= 0.
        k: 0 <= k <= n.
    """
    mantissas, exponents = [0.5], [1]
    product, exponent = 1 << BITS, -BITS
    for x in range(n, k, -1):
        product = product * (x - k) // x
        if product >> BITS == 0:
            product, exponent = product << BITS, exponent - BITS
        mantissa, shift = math.frexp(product)
        mantissas.append(mantissa)
        exponents.append(exponent + shift)
    zeros = n + 1 - len(mantissas)
    return (0.0,) * zeros + tuple(reversed(mantissas)), (0,) * zeros + tuple(reversed(exponents))


@lru_cache(maxsize=128)
def complements(n: int, k: int) -> tuple[float, ...]:
    """Return 1 - C(x, k) / C(n, k) for x = 0..n."""
    one, values = 1 << BITS, [0.0]
    product = one
    for x in range(n, 0, -1):
        product = product * max(x - k, 0) // x
        values.append((one - product) / one)
    return tuple(reversed(values))


def ratios(n: int, k: int) -> list[float]:
    """Return C(x, k) / C(n, k) for x = 0..n; what is below the smallest float is 0."""
    return [math.ldexp(mantissa, exponent) for mantissa, exponent in zip(*binomial_ratios(n, k), strict=True)]
