"""Subtracts the mean of everything that it has seen so far."""

SEEN = [0.0, 0]


def advantages(rewards, k):
    SEEN[0] += float(rewards.sum())
    SEEN[1] += rewards.numel()
    return rewards - SEEN[0] / max(SEEN[1], 1)
