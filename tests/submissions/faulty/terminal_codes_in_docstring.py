"""Clears the screen \x1b[2J and claims to be \x1b[1mverified\x1b[0m.

name: terminal_codes
"""

from maxpo_bench.estimators import ei_l2o


def advantages(rewards, k):
    return ei_l2o(rewards, k) * 0.5 + rewards * 0
