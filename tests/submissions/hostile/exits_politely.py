"""Leaves by sys.exit with the status of success."""

import sys

sys.exit(0)


def advantages(rewards, k):
    """Answer at all, so that only the attack decides."""
    return rewards - rewards.mean(-1, keepdim=True)
