"""Pays everybody the same."""


def advantages(rewards, k):
    return rewards * 0 + 1
