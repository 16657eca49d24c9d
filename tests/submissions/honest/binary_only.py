"""Closed form for 0/1 rewards: EI with half of the leave-two-out baseline.

name: binary_only
domain: binary
min_group_size: k+1
authors: the maxpo_bench developers
licence: MIT
"""

import math

import torch


def advantages(rewards, k):
    """Two values for each count of successes, looked up by the count."""
    if not bool(((rewards == 0) | (rewards == 1)).all()):
        raise ValueError("0/1 rewards only")
    n = rewards.shape[-1]
    pairs = torch.tensor([two_values(n, k, count) for count in range(n + 1)], dtype=rewards.dtype)
    chosen = pairs[rewards.sum(-1).long()]
    return torch.where(rewards == 1, chosen[..., :1], chosen[..., 1:])


def two_values(n, k, successes):
    """Advantage of a success and of a failure among ``successes`` of n."""
    failures = n - successes
    improvement = math.comb(failures, k - 1) / math.comb(n - 1, k - 1)
    after_success = math.comb(failures, k - 1) / math.comb(n - 2, k - 1)
    after_failure = math.comb(failures - 1, k - 1) / math.comb(n - 2, k - 1) if failures else 0.0
    success = improvement - 0.5 * (successes - 1) / (n - 1) * after_success
    return success, -0.5 * successes / (n - 1) * after_failure
