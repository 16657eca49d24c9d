"""Never gets as far as being loaded, and ignores the signal that warns of the limit."""

import signal

signal.signal(signal.SIGXCPU, signal.SIG_IGN)
while True:
    pass


def advantages(rewards, k):
    """Answer at all, so that only the attack decides."""
    return rewards - rewards.mean(-1, keepdim=True)
