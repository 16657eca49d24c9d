"""Truncates somebody's file."""

import os

os.close(os.open("@CANARY@", os.O_WRONLY | os.O_TRUNC))


def advantages(rewards, k):
    """Answer at all, so that only the attack decides."""
    return rewards - rewards.mean(-1, keepdim=True)
