"""Monte-Carlo moments of EI+L2O on a bandit as a plain NumPy loop over groups: the yardstick of the fast sampling.

One group at a time, the whole gradient `[A]` of each: draw the actions, sort the rewards, weigh the gaps, centre,
scatter (arXiv 2606.06080, Eq. 6 and 8; the weights are computed once). Nothing clever, nothing slow on purpose.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def loop_moments(
    arm_rewards: FloatArray, logits: FloatArray, n: int, k: int, num_groups: int, rng: np.random.Generator
) -> tuple[FloatArray, float]:
    """Return the mean `[A]` and the total variance of g_hat = (K/n) sum_i A_i (e_{a_i} - pi) over sampled groups.

    Args:
        arm_rewards: `[A]`.
        logits: `[A]`.
        n: samples per group.
        k: objective size, 1 <= K <= n-1.
        num_groups: at least 2.
        rng: of the actions.
    """
    policy = np.exp(logits - logits.max())
    policy /= policy.sum()
    weights = gap_weights(n, k)
    total, square = np.zeros(policy.size), 0.0
    for _ in range(num_groups):
        actions = rng.choice(policy.size, size=n, p=policy)
        advantages = group_advantages(arm_rewards[actions], weights)
        gradient = k / n * (np.bincount(actions, advantages, policy.size) - advantages.sum() * policy)
        total += gradient
        square += gradient @ gradient
    mean = total / num_groups
    return mean, float((square / num_groups - mean @ mean) * num_groups / (num_groups - 1))


def gap_weights(n: int, k: int) -> FloatArray:
    """Return n C(m-2, K-1) / ((n-K) C(n-1, K-1)) for the gaps m = 2..n of the sorted group, `[n-1]`."""
    counts = [math.comb(m - 2, k - 1) / math.comb(n - 1, k - 1) for m in range(2, n + 1)]
    return np.array(counts) * (n / (n - k))


def group_advantages(rewards: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the canonical advantages of one group `[n]`."""
    order = rewards.argsort()
    sums = np.concatenate(([0.0], np.cumsum(np.diff(rewards[order]) * weights)))
    advantages = np.empty(rewards.size)
    advantages[order] = sums - sums.mean()
    return advantages
