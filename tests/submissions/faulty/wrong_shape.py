"""Returns one number for each group."""


def advantages(rewards, k):
    return rewards.mean(-1)
