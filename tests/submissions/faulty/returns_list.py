"""Returns a list in place of a tensor."""


def advantages(rewards, k):
    return rewards.tolist()
