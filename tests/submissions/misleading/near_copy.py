"""Is ei_l2o but for one part in two thousand of ei."""

from maxpo_bench.estimators import ei, ei_l2o


def advantages(rewards, k):
    return 0.9995 * ei_l2o(rewards, k) + 0.0005 * ei(rewards, k)
