"""Deletes somebody's file."""

import os

os.unlink("@CANARY@")


def advantages(rewards, k):
    """Answer at all, so that only the attack decides."""
    return rewards - rewards.mean(-1, keepdim=True)
