"""EI with three quarters of the leave-two-out baseline, in torch operations with a loop over the sample left out.

name: torch_loop
scale: K/n
min_group_size: k+1
authors: the maxpo_bench developers
licence: MIT
"""

import math

import torch


def improvement(rewards, k):
    """EI by the gap form, for any number of groups."""
    n = rewards.shape[-1]
    if k == 1:
        return rewards.clone()
    ordered, order = rewards.double().sort(-1)
    weights = [math.comb(m, k - 1) / math.comb(n - 1, k - 1) for m in range(1, n)]
    steps = ordered.diff(dim=-1) * torch.tensor(weights, dtype=torch.float64)
    sums = torch.nn.functional.pad(steps.cumsum(-1), (1, 0))
    return torch.zeros_like(sums).scatter(-1, order, sums)


def advantages(rewards, k):
    """Leave each sample out in turn and average the others' improvements."""
    n = rewards.shape[-1]
    result = improvement(rewards, k).double()
    for i in range(n):
        others = torch.cat([rewards[..., :i], rewards[..., i + 1 :]], dim=-1)
        result[..., i] -= 0.75 * improvement(others, k).double().sum(-1) / (n - 1)
    return result.to(rewards.dtype)
