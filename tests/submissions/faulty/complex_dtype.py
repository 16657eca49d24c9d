"""Returns complex numbers."""


def advantages(rewards, k):
    return rewards * (1 + 0j)
