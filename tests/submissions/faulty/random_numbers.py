"""Adds noise of its own."""

import torch

from maxpo_bench.estimators import ei_l2o


def advantages(rewards, k):
    return ei_l2o(rewards, k) + 0.1 * torch.randn_like(rewards)
