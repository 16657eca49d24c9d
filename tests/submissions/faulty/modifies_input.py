"""Subtracts the mean in place."""


def advantages(rewards, k):
    return rewards.sub_(rewards.mean(-1, keepdim=True))
