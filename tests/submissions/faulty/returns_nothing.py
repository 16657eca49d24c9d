"""Forgets to return."""


def advantages(rewards, k):
    print(rewards - rewards.mean(-1, keepdim=True))
