"""Is ei_l2o with a hundredth of ei_l1o: biased, by an amount that no sample shows."""

from maxpo_bench.estimators import ei_l1o, ei_l2o


def advantages(rewards, k):
    return 0.99 * ei_l2o(rewards, k) + 0.01 * ei_l1o(rewards, k)
