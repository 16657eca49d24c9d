"""Returns ranks as integers."""


def advantages(rewards, k):
    return rewards.argsort(-1).argsort(-1)
