"""Pays the first samples more than the last."""

import torch

from maxpo_bench.estimators import ei_l2o


def advantages(rewards, k):
    weights = torch.linspace(1, 2, rewards.shape[-1], dtype=rewards.dtype)
    return ei_l2o(rewards, k) * weights
