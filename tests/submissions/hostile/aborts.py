"""Raises SIGABRT."""

import os


def advantages(rewards, k):
    """Attack, then answer at all."""
    os.abort()
    return rewards - rewards.mean(-1, keepdim=True)
