"""Leaves by os._exit in the middle of a call."""

import os


def advantages(rewards, k):
    """Attack, then answer at all."""
    os._exit(0)
    return rewards - rewards.mean(-1, keepdim=True)
