"""Is ei_l2o as R less V, in other words, and half as long."""

from maxpo_bench.estimators import conditional_max, leave_one_out_max


def advantages(rewards, k):
    return 0.5 * (conditional_max(rewards, k) - leave_one_out_max(rewards, k))
