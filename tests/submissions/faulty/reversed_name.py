"""Writes its name \u202efrom right to left.

name: ei_l2o\u202e
authors: nobody\u0007
"""

from maxpo_bench.estimators import ei_l2o


def advantages(rewards, k):
    return ei_l2o(rewards, k)
