"""Says nothing: no noise at all, and no signal."""


def advantages(rewards, k):
    return rewards * 0
