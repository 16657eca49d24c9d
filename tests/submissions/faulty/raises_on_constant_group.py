"""Fails where all rewards of a group are equal."""

from maxpo_bench.estimators import ei_l2o


def advantages(rewards, k):
    if bool((rewards == rewards[..., :1]).all(-1).any()):
        raise ZeroDivisionError("all rewards are equal")
    return ei_l2o(rewards, k)
