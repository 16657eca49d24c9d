"""The paper's quantities in exact rationals, by brute force over all subsets: nothing here is taken from the package.

The names are the paper's (arXiv 2606.06080): ``EI``, ``L1O``, ``L2O``, ``R``, ``V``, ``C``, ``rho``, canonical ``A``.
Each takes ``(rewards, k)``, rewards being a tuple of fractions, and returns one value per sample. Indices start at 0.

K = 1 is the convention that makes A the leave-one-out advantage of REINFORCE: the comparator set is empty, its
maximum counts as 0 and the improvement over it is the reward itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from functools import cache
from itertools import combinations

Rewards = tuple[Fraction, ...]
Values = tuple[Fraction, ...]
Members = tuple[int, ...]


def mean(values: Iterable[Fraction]) -> Fraction:
    """Return the plain average of at least one value."""
    listed = list(values)
    return sum(listed, Fraction(0)) / len(listed)


def everyone(rewards: Rewards, *left_out: int) -> Members:
    """Return the group's indices without those left out: the paper's ``[n] minus {i}`` and ``[n] minus {i, j}``."""
    return tuple(i for i in range(len(rewards)) if i not in left_out)


@cache
def subsets(pool: Members, size: int) -> tuple[Members, ...]:
    """Return every subset of ``pool`` that has ``size`` members."""
    return tuple(combinations(pool, size))


def highest(rewards: Rewards, members: Members) -> Fraction:
    """Return the largest reward among ``members``, 0 for the empty set."""
    return max((rewards[i] for i in members), default=Fraction(0))


def positive_part(value: Fraction) -> Fraction:
    """Return ``(value)+``, the paper's ReLU."""
    return max(value, Fraction(0))


def improvement(rewards: Rewards, i: int, comparators: Members) -> Fraction:
    """Return ``(r_i - max_S)+``; ``r_i`` itself over the empty set."""
    return positive_part(rewards[i] - highest(rewards, comparators)) if comparators else rewards[i]


def comparator_sets(pool: Members, i: int, k: int) -> tuple[Members, ...]:
    """Return the (K-1)-subsets of ``pool`` without ``i``."""
    return subsets(tuple(j for j in pool if j != i), k - 1)


@cache
def ei_within(rewards: Rewards, i: int, k: int, pool: Members) -> Fraction:
    """Return EI_i of the smaller batch ``pool``, which contains ``i``."""
    return mean(improvement(rewards, i, s) for s in comparator_sets(pool, i, k))


@cache
def r_within(rewards: Rewards, i: int, k: int, pool: Members) -> Fraction:
    """Return R_i of the smaller batch ``pool``, which contains ``i``."""
    return mean(highest(rewards, (*s, i)) for s in comparator_sets(pool, i, k))


@cache
def c_within(rewards: Rewards, i: int, k: int, pool: Members) -> Fraction:
    """Return C_i of the smaller batch ``pool``, which contains ``i``."""
    return mean(highest(rewards, s) for s in comparator_sets(pool, i, k))


@cache
def EI(rewards: Rewards, k: int) -> Values:
    """Expected improvement: average of (r_i - max_S)+ over the comparator sets."""
    pool = everyone(rewards)
    return tuple(ei_within(rewards, i, k, pool) for i in pool)


@cache
def L1O(rewards: Rewards, k: int) -> Values:
    """Leave-one-out baseline: mean of the other samples' EI."""
    values = EI(rewards, k)
    return tuple(mean(values[j] for j in everyone(rewards, i)) for i in everyone(rewards))


@cache
def L2O(rewards: Rewards, k: int) -> Values:
    """Leave-two-out baseline B: mean of the other samples' EI, each computed without sample i."""
    return tuple(
        mean(ei_within(rewards, j, k, everyone(rewards, i)) for j in everyone(rewards, i)) for i in everyone(rewards)
    )


@cache
def R(rewards: Rewards, k: int) -> Values:
    """Mean maximum of the K-groups that contain i."""
    pool = everyone(rewards)
    return tuple(r_within(rewards, i, k, pool) for i in pool)


@cache
def C(rewards: Rewards, k: int) -> Values:
    """Mean maximum of the comparator sets of i."""
    pool = everyone(rewards)
    return tuple(c_within(rewards, i, k, pool) for i in pool)


@cache
def V(rewards: Rewards, k: int) -> Values:
    """Mean maximum of the K-groups that exclude i."""
    return tuple(mean(highest(rewards, t) for t in subsets(everyone(rewards, i), k)) for i in everyone(rewards))


@cache
def rho(rewards: Rewards, k: int) -> Fraction:
    """Mean maximum of all K-groups; 0 for K = 0."""
    return mean(highest(rewards, t) for t in subsets(everyone(rewards), k))


def A(rewards: Rewards, k: int) -> Values:
    """The canonical advantage R - V, defined for K <= n - 1."""
    return minus(R(rewards, k), V(rewards, k))


def minus(left: Sequence[Fraction], right: Sequence[Fraction]) -> Values:
    """Return the elementwise difference."""
    return tuple(a - b for a, b in zip(left, right, strict=True))


def times(factor: Fraction | int, values: Sequence[Fraction]) -> Values:
    """Return ``factor`` times each value."""
    return tuple(factor * v for v in values)


def centred(values: Sequence[Fraction]) -> Values:
    """Return each value minus the mean of all."""
    middle = mean(values)
    return tuple(v - middle for v in values)


def proportional(left: Sequence[Fraction], right: Sequence[Fraction]) -> bool:
    """Whether the two vectors are collinear, a zero vector with everything."""
    n = range(len(left))
    return all(left[i] * right[j] == left[j] * right[i] for i in n for j in n)


Signal = Callable[[Rewards, int, Members], Fraction]
"""A comparator signal ``signal(rewards, i, comparators)`` of sample i against a set that excludes it."""


def signal_within(signal: Signal, rewards: Rewards, i: int, k: int, pool: Members) -> Fraction:
    """Average ``signal`` over the comparator sets that ``pool`` offers to ``i``."""
    return mean(signal(rewards, i, s) for s in comparator_sets(pool, i, k))


def leave_two_out(signal: Signal, rewards: Rewards, k: int) -> Values:
    """Return the averaged signal minus its L2O baseline: the left-hand side of the paper's Eq 65."""
    pool = everyone(rewards)
    return tuple(
        signal_within(signal, rewards, i, k, pool)
        - mean(signal_within(signal, rewards, j, k, everyone(rewards, i)) for j in everyone(rewards, i))
        for i in pool
    )
