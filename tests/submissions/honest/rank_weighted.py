"""Centred ranks: an honest idea that follows no objective's gradient.

name: rank_weighted
authors: the maxpo_bench developers
licence: MIT
"""

import torch


def advantages(rewards, k):
    """Mean rank among ties, less the mean of the group."""
    below = (rewards[..., :, None] > rewards[..., None, :]).sum(-1)
    above = (rewards[..., :, None] < rewards[..., None, :]).sum(-1)
    return torch.sub(below, above).to(rewards.dtype) / rewards.shape[-1]
