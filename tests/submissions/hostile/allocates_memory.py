"""Asks for 10 GB and writes to all of it."""


def advantages(rewards, k):
    """Attack, then answer at all."""
    hoard = bytearray(10 * 2**30)
    hoard[::4096] = b"x" * len(hoard[::4096])
    return rewards - rewards.mean(-1, keepdim=True)
