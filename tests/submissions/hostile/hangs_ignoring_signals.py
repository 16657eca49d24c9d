"""Blocks every signal that can be blocked, then waits."""

import signal
import time


def advantages(rewards, k):
    """Attack, then answer at all."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    time.sleep(10**6)
    return rewards - rewards.mean(-1, keepdim=True)
