"""Grows with every call."""

from maxpo_bench.estimators import ei_l2o

CALLS = []


def advantages(rewards, k):
    CALLS.append(k)
    return ei_l2o(rewards, k) * (1 + 1e-3 * len(CALLS))
