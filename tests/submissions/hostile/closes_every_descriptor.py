"""Closes everything that is open, the way replies go among them."""

import os


def advantages(rewards, k):
    """Attack, then answer at all."""
    os.closerange(0, 256)
    return rewards - rewards.mean(-1, keepdim=True)
