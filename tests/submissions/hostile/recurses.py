"""Recurses without end, with the interpreter's limit lifted."""

import sys


def advantages(rewards, k):
    """Attack, then answer at all."""
    sys.setrecursionlimit(10**9)
    return advantages(rewards, k)
