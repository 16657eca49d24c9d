"""Never answers and costs no processor time."""

import time


def advantages(rewards, k):
    """Attack, then answer at all."""
    time.sleep(10**6)
    return rewards - rewards.mean(-1, keepdim=True)
