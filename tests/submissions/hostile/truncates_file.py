"""Empties somebody's file without opening it."""

import os

os.truncate("@CANARY@", 0)


def advantages(rewards, k):
    """Answer at all, so that only the attack decides."""
    return rewards - rewards.mean(-1, keepdim=True)
