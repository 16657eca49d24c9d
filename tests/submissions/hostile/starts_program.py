"""Starts a program."""

import subprocess

subprocess.run(["/bin/sleep", "600"], check=True)


def advantages(rewards, k):
    """Answer at all, so that only the attack decides."""
    return rewards - rewards.mean(-1, keepdim=True)
