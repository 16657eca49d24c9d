"""Replaces itself by a shell."""

import os

os.execv("/bin/sh", ["sh", "-c", "echo gone"])


def advantages(rewards, k):
    """Answer at all, so that only the attack decides."""
    return rewards - rewards.mean(-1, keepdim=True)
