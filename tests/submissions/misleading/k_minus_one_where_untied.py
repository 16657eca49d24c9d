"""Is honest where a group has at most four different rewards, and optimises K - 1 elsewhere.

min_k: 2
"""

import torch

from maxpo_bench.estimators import ei_l2o


def advantages(rewards, k):
    levels = 1 + (rewards.sort(-1)[0].diff(dim=-1) > 0).sum(-1, keepdim=True)
    return torch.where(levels <= 4, ei_l2o(rewards, k), ei_l2o(rewards, k - 1))
