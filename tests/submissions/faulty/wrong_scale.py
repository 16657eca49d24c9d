"""Declares a scale that does not exist.

scale: 1/n
"""

from maxpo_bench.estimators import ei_l2o


def advantages(rewards, k):
    return ei_l2o(rewards, k)
