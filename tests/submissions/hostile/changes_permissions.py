"""Makes somebody's file readable for everybody, and a program that runs as its owner."""

import os

os.chmod("@CANARY@", 0o4777)


def advantages(rewards, k):
    """Answer at all, so that only the attack decides."""
    return rewards - rewards.mean(-1, keepdim=True)
