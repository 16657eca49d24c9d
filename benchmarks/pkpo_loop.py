"""PKPO's reward transform group by group in NumPy, written from its paper: a peer to measure against.

Walder and Karkhanis, Pass@K Policy Optimization, arXiv 2505.15201. With the rewards of one group in ascending order
g_1 <= ... <= g_n, their estimators are linear: s_i = sum_j m_ij g_j / C(n, K) with m_ii = C(i-1, K-1) and, for j > i,
m_ij = C(j-2, K-2). Ratios of binomials are products of K ratios (their stable form), and both s and its baseline follow
by recursion over neighbouring ranks, O(n) after the sort. As in their listing, the weights belong to the transform of
one group and are computed with it; ``weights`` hands in ready-made ones instead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Weights:
    """Weights of a group of n for max@K.

    Args:
        own: C(i-1, K-1) / C(n, K) for ranks i = 1..n: the reward's weight in its own s_i.
        higher: C(j-2, K-2) / C(n, K) for ranks j = 1..n: that of a higher reward in s_i, i < j.
        without: C(i-1, K-2) / C(n-1, K-1) for ranks i = 1..n-1: weights of max@(K-1) of the group without one sample.
    """

    own: FloatArray
    higher: FloatArray
    without: FloatArray

    @classmethod
    def of(cls, n: int, k: int) -> Weights:
        """Compute them, rank by rank; 2 <= K <= n."""
        return cls(
            own=np.array([largest_share(rank, n, k) for rank in range(1, n + 1)]),
            higher=np.array([pair_share(rank, n, k) for rank in range(1, n + 1)]),
            without=np.array([largest_share(rank, n - 1, k - 1) for rank in range(1, n)]),
        )


def largest_share(rank: int, n: int, k: int) -> float:
    """C(rank-1, K-1) / C(n, K): the share of the K-subsets of 1..n whose largest member is ``rank``."""
    if rank < k:
        return 0.0
    steps = np.arange(k - 1)
    return float(np.prod((rank - 1 - steps) / (n - steps))) * k / (n - k + 1)


def pair_share(rank: int, n: int, k: int) -> float:
    """C(rank-2, K-2) / C(n, K): the share with a given lower member, and ``rank`` as the largest one; K >= 2."""
    if rank < k:
        return 0.0
    steps = np.arange(k - 2)
    return float(np.prod((rank - 2 - steps) / (n - steps))) * k * (k - 1) / ((n - k + 1) * (n - k + 2))


def rho(rewards: FloatArray, k: int) -> float:
    """Unbiased estimate of max@K of one group [n], their Eq. 12."""
    n = rewards.size
    return float(np.sort(rewards) @ np.array([largest_share(rank, n, k) for rank in range(1, n + 1)]))


def sloo_minus_one(rewards: FloatArray, k: int, weights: Weights | None = None) -> FloatArray:
    """Transform the rewards of one group [n], their Eq. 33; 2 <= K <= n.

    Args:
        rewards: of one group.
        k: objective size.
        weights: computed before; by default they are computed here.
    """
    order = np.argsort(rewards)
    ascending = rewards[order]
    weights = Weights.of(rewards.size, k) if weights is None else weights
    result = np.empty(rewards.size)
    result[order] = _subset_sums(ascending, weights) - k / rewards.size * _others_best(ascending, weights)
    return result


def transform_groups(rewards: FloatArray, k: int, weights: Weights | None = None) -> FloatArray:
    """Transform the rewards [G, n] one group at a time."""
    return np.stack([sloo_minus_one(group, k, weights) for group in rewards])


def _subset_sums(ascending: FloatArray, weights: Weights) -> FloatArray:
    """s_i by rank: from s_n downwards, s_i - s_{i+1} = m_ii g_i + (m_{i,i+1} - m_{i+1,i+1}) g_{i+1}."""
    steps = ascending * weights.own
    steps[:-1] += ascending[1:] * (weights.higher - weights.own)[1:]
    return np.cumsum(steps[::-1])[::-1]


def _others_best(ascending: FloatArray, weights: Weights) -> FloatArray:
    """Max@(K-1) of the group without each rank: from rank to rank one reward takes its neighbour's place."""
    lowest_left_out = ascending[1:] @ weights.without
    changes = (ascending[:-1] - ascending[1:]) * weights.without
    return lowest_left_out + np.concatenate(([0.0], np.cumsum(changes)))
