"""Lists the root of the file system and every folder there."""

import os

NAMES = [os.listdir(entry.path) for entry in os.scandir("/") if entry.is_dir()]


def advantages(rewards, k):
    """Answer at all, so that only the attack decides."""
    return rewards - rewards.mean(-1, keepdim=True)
