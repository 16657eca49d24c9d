"""Lists the home folder and every folder at the root of the file system."""

import os

NAMES = [os.listdir(os.path.expanduser("~")), *(os.listdir(entry.path) for entry in os.scandir("/") if entry.is_dir())]


def advantages(rewards, k):
    """Answer at all, so that only the attack decides."""
    return rewards - rewards.mean(-1, keepdim=True)
