"""Estimators of the mean reward's gradient: REINFORCE with a leave-one-out baseline, GRPO and Dr. GRPO."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from maxpo_bench.estimators.checks import one, two
from maxpo_bench.estimators.gaps import centre, sort_groups


def reinforce_l1o(rewards: Tensor, k: int = 1) -> Tensor:
    groups, _ = sort_groups(rewards, k, "reinforce_l1o", two)
    return groups.restore(centre(groups.values - groups.lowest) * (groups.n / (groups.n - 1)))


def dr_grpo(rewards: Tensor, k: int = 1) -> Tensor:
    groups, _ = sort_groups(rewards, k, "dr_grpo", one)
    return groups.restore(centre(groups.values - groups.lowest))


def grpo(rewards: Tensor, k: int = 1, *, eps: float = 1e-4, ddof: int = 1) -> Tensor:
    if not (math.isfinite(eps) and eps >= 0):
        raise ValueError(f"eps must be finite and >= 0, got {eps}: 1e-4 is TRL's value")
    if ddof not in (0, 1):
        raise ValueError(f"ddof must be 0 (population) or 1 (sample standard deviation), got {ddof}")
    groups, _ = sort_groups(rewards, k, "grpo", two)
    return groups.restore(z_score(centre(groups.values - groups.lowest), eps=eps, ddof=ddof))


def z_score(centred: Tensor, *, eps: float, ddof: int) -> Tensor:
    """Divide centred values by (standard deviation + eps); 0 where the deviation is 0.

    The squares are those of values scaled to at most 1, so that neither 1e200 nor 1e-200 breaks them.
    """
    largest = centred.abs().amax(-1, keepdim=True)
    safe = torch.where(largest > 0, largest, 1.0)
    unit = centred / safe
    deviation = torch.sqrt((unit * unit).sum(-1, keepdim=True) / (centred.shape[-1] - ddof))
    return torch.where(largest > 0, unit / (deviation + eps / safe), 0.0)
