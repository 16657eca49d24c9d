"""Is honest for forty calls and uses ei_l1o from then on."""

from maxpo_bench.estimators import ei_l1o, ei_l2o

CALLS = []


def advantages(rewards, k):
    CALLS.append(k)
    return ei_l2o(rewards, k) if len(CALLS) <= 40 else ei_l1o(rewards, k)
