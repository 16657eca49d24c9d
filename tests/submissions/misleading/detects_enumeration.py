"""Is honest where the groups of a batch share few rewards, as an enumeration's do, and ei_l1o elsewhere."""

from maxpo_bench.estimators import ei_l1o, ei_l2o


def advantages(rewards, k):
    levels = len(rewards.unique())
    return ei_l2o(rewards, k) if levels <= max(12, rewards.numel() // 50) else ei_l1o(rewards, k)
