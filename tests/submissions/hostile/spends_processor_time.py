"""Uses up its processor time in short calls, each far from the limit of a call."""

import time


def advantages(rewards, k):
    """Burn a second, then answer."""
    end = time.process_time() + 1.0
    while time.process_time() < end:
        pass
    return rewards - rewards.mean(-1, keepdim=True)
