"""Is the biased ei_l1o under another name."""

from maxpo_bench.estimators import ei_l1o


def advantages(rewards, k):
    return ei_l1o(rewards, k)
