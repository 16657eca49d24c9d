"""Lists the folder of somebody's files."""

import os

NAMES = os.listdir("@FOLDER@")


def advantages(rewards, k):
    """Answer at all, so that only the attack decides."""
    return rewards - rewards.mean(-1, keepdim=True)
