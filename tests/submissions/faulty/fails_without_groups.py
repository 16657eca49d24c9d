"""Cannot answer when there is no group at all."""

from maxpo_bench.estimators import ei_l2o


def advantages(rewards, k):
    return ei_l2o(rewards, k) + 0 * rewards[0].sum()
