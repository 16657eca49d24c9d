"""Reads a file outside the installation, but only once it is called."""

import os


def advantages(rewards, k):
    """Attack, then answer at all."""
    descriptor = os.open("@CANARY@", os.O_RDONLY)
    os.read(descriptor, 100)
    return rewards - rewards.mean(-1, keepdim=True)
