"""Every outcome of n draws from A arms, with its probability: as multisets, or as ordered tuples."""

from __future__ import annotations

import itertools
import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from maxpo_bench.moments.gradient import FloatArray

IntArray = NDArray[np.int64]

MAX_OUTCOMES = 300_000
"""Most outcomes of one group that are enumerated."""


class TooManyOutcomesError(ValueError):
    """A group has more outcomes than are enumerated."""


def count_multisets(num_arms: int, n: int) -> int:
    """Return C(A + n - 1, n), the number of multisets of n actions out of A."""
    return math.comb(num_arms + n - 1, n)


@lru_cache(maxsize=32)
def action_multisets(num_arms: int, n: int) -> tuple[IntArray, FloatArray]:
    """Return all multisets of n actions, and in how many orders each can be drawn.

    Returns:
        actions: [C(A+n-1, n), n], each row ascending; read-only.
        orders: multinomial coefficients ``n! / prod_a c_a!``, [C(A+n-1, n)]; they add up to A^n; read-only.

    Raises:
        TooManyOutcomesError: there are more than ``MAX_OUTCOMES`` of them.
    """
    count = count_multisets(num_arms, n)
    if count > MAX_OUTCOMES:
        raise TooManyOutcomesError(
            f"{num_arms} arms and groups of {n} have {count} action multisets, more than {MAX_OUTCOMES}: "
            "use fewer arms or smaller groups, or monte_carlo_moments"
        )
    rows = itertools.chain.from_iterable(itertools.combinations_with_replacement(range(num_arms), n))
    actions = np.fromiter(rows, np.int64, count=count * n).reshape(count, n)
    factorials = np.array([math.factorial(j) for j in range(n + 1)], dtype=np.float64)
    orders = factorials[n] / factorials[arm_counts(actions, num_arms)].prod(axis=1)
    actions.setflags(write=False)
    orders.setflags(write=False)
    return actions, orders


@lru_cache(maxsize=8)
def action_tuples(num_arms: int, n: int) -> tuple[IntArray, FloatArray]:
    """Return all ordered tuples of n actions, [A^n, n], and ones, [A^n]: each is one order of itself. Both read-only.

    Raises:
        TooManyOutcomesError: there are more than ``MAX_OUTCOMES`` of them.
    """
    if num_arms**n > MAX_OUTCOMES:
        raise TooManyOutcomesError(
            f"{num_arms} arms and groups of {n} have {num_arms}^{n} = {num_arms**n} ordered action tuples, more than "
            f"{MAX_OUTCOMES}: use fewer arms or smaller groups"
        )
    actions = np.indices((num_arms,) * n).reshape(n, -1).T.copy()
    orders = np.ones(len(actions))
    actions.setflags(write=False)
    orders.setflags(write=False)
    return actions, orders


def arm_counts(actions: IntArray, num_arms: int) -> IntArray:
    """Return how often each arm occurs in each row of ``actions`` [rows, n]: [rows, A]."""
    return np.stack([(actions == arm).sum(axis=1) for arm in range(num_arms)], axis=1)
