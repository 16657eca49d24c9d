"""EI with 0.4 of the leave-two-out baseline, declared in a file beside it."""

from maxpo_bench.estimators import ei, l2o_baseline


def advantages(rewards, k):
    """EI less 0.4 of its baseline."""
    return ei(rewards, k) - 0.4 * l2o_baseline(rewards, k)
