"""Reads address zero."""

import ctypes


def advantages(rewards, k):
    """Attack, then answer at all."""
    ctypes.string_at(0)
    return rewards - rewards.mean(-1, keepdim=True)
