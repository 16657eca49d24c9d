"""Is honest on few groups at a time, and ei_l1o where many come at once."""

from maxpo_bench.estimators import ei_l1o, ei_l2o


def advantages(rewards, k):
    return ei_l2o(rewards, k) if len(rewards) <= 64 else ei_l1o(rewards, k)
