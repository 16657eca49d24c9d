"""Appendix E's rank forms in exact rationals: O(n^2) terms instead of all subsets.

Samples are put in ascending order, ties in any order; ranks run from 1 to n. The maximum of a comparator set is at
the highest rank in it, so that "smaller" means "of lower rank": the paper's "strictly smaller rewards" would lose
the sets that contain a tie.
"""

from __future__ import annotations

from fractions import Fraction
from math import comb

from exact import Rewards, Values, mean, positive_part

Matrix = tuple[Values, ...]


def choose(a: int, b: int) -> int:
    """Return the binomial coefficient, 0 outside 0 <= b <= a."""
    return comb(a, b) if 0 <= b <= a else 0


def ranking(rewards: Rewards) -> list[int]:
    """Return the samples' indices in ascending order of reward."""
    return sorted(range(len(rewards)), key=lambda i: rewards[i])


def unsort(by_rank: Values, order: list[int]) -> Values:
    """Return values given by rank in the samples' own order."""
    place = {sample: rank for rank, sample in enumerate(order)}
    return tuple(by_rank[place[i]] for i in range(len(order)))


def difference_matrix(ascending: Rewards) -> Matrix:
    """Return D_jl = (r_(j) - r_(l))+."""
    return tuple(tuple(positive_part(high - low) for low in ascending) for high in ascending)


def ei_weight(n: int, k: int, rank: int) -> Fraction:
    """Return w_l = C(l-1, K-2) / C(n-1, K-1): P(the comparators' maximum has rank l) for any target above it."""
    return Fraction(choose(rank - 1, k - 2), choose(n - 1, k - 1))


def l2o_weight(n: int, k: int, left_out: int, rank: int) -> Fraction:
    """Return W_il = C(l - 1 - [l > i], K-2) / C(n-2, K-1), 0 for l = i."""
    if rank == left_out:
        return Fraction(0)
    return Fraction(choose(rank - 1 - (rank > left_out), k - 2), choose(n - 2, k - 1))


def left_out_column_means(differences: Matrix) -> Matrix:
    """Return Mbar_il = (sum_j D_jl - D_il) / (n - 1)."""
    n = len(differences)
    columns = [sum((row[c] for row in differences), Fraction(0)) for c in range(n)]
    return tuple(tuple((columns[c] - row[c]) / (n - 1) for c in range(n)) for row in differences)


def ei_by_ranks(rewards: Rewards, k: int) -> Values:
    """Return Theorem E.1's EI = D w, in the samples' own order."""
    n, order = len(rewards), ranking(rewards)
    differences = difference_matrix(tuple(rewards[i] for i in order))
    weights = [ei_weight(n, k, rank) for rank in range(1, n + 1)]
    by_rank = tuple(sum((d * w for d, w in zip(row, weights, strict=True)), Fraction(0)) for row in differences)
    return unsort(by_rank, order)


def l2o_by_ranks(rewards: Rewards, k: int) -> Values:
    """Return Theorem E.2's B_i = sum_l Mbar_il W_il, in the samples' own order."""
    n, order = len(rewards), ranking(rewards)
    means = left_out_column_means(difference_matrix(tuple(rewards[i] for i in order)))
    by_rank = tuple(n * mean(means[i][c] * l2o_weight(n, k, i + 1, c + 1) for c in range(n)) for i in range(n))
    return unsort(by_rank, order)
