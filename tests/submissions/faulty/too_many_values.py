"""Returns a million numbers for each one that is asked."""


def advantages(rewards, k):
    return rewards.new_zeros(1000, 1000)
