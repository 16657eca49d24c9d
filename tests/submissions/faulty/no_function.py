"""Calls its function by another name."""


def advantage(rewards, k):
    return rewards - rewards.mean(-1, keepdim=True)
