"""Kills its parent."""

import os
import signal

os.kill(os.getppid(), signal.SIGKILL)


def advantages(rewards, k):
    """Answer at all, so that only the attack decides."""
    return rewards - rewards.mean(-1, keepdim=True)
