"""Is declared for groups larger than any that is tried.

min_group_size: 1000
"""

from maxpo_bench.estimators import ei_l2o


def advantages(rewards, k):
    return ei_l2o(rewards, k)
