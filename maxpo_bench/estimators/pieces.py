"""The pieces that the estimators are made of: R, V, C, rho and the two baselines of EI."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from maxpo_bench.estimators.checks import k_samples, k_samples_and_another, k_samples_at_least_two
from maxpo_bench.estimators.gaps import (
    SortedGroups,
    centre,
    containing_weights,
    sort_groups,
    subset_weights,
    survival_weights,
)
from maxpo_bench.estimators.max_at_k import canonical_by_rank, improvement_prefix


def max_at_k(rewards: Tensor, k: int) -> Tensor:
    groups, k = sort_groups(rewards, k, "max_at_k", k_samples)
    return rho(groups, k).squeeze(-1).to(groups.dtype)


def conditional_max(rewards: Tensor, k: int) -> Tensor:
    groups, k = sort_groups(rewards, k, "conditional_max", k_samples)
    return groups.restore(conditional_max_by_rank(groups, k))


def leave_one_out_max(rewards: Tensor, k: int) -> Tensor:
    groups, k = sort_groups(rewards, k, "leave_one_out_max", k_samples_and_another)
    return groups.restore(leave_one_out_max_by_rank(groups, k))


def comparator_max(rewards: Tensor, k: int) -> Tensor:
    groups, k = sort_groups(rewards, k, "comparator_max", k_samples)
    if k == 1:
        return groups.restore(torch.zeros_like(groups.values))
    return groups.restore(leave_one_out_max_by_rank(groups, k - 1))


def l1o_baseline(rewards: Tensor, k: int) -> Tensor:
    groups, k = sort_groups(rewards, k, "l1o_baseline", k_samples_at_least_two)
    return groups.restore(mean_of_others(improvement_prefix(groups, k)) + (groups.lowest if k == 1 else 0))


def l2o_baseline(rewards: Tensor, k: int) -> Tensor:
    groups, k = sort_groups(rewards, k, "l2o_baseline", k_samples_and_another)
    if k == 1:
        return groups.restore(mean_of_others(groups.values - groups.lowest) + groups.lowest)
    below, above = baseline_weights(groups.n, k, groups.values.device)
    suffix = torch.zeros_like(groups.values)
    suffix[..., :-1] = groups.gaps().mul_(above).flip(-1).cumsum(-1).flip(-1)
    return groups.restore(groups.prefix(below) + suffix)


def rho(groups: SortedGroups, k: int) -> Tensor:
    """Return rho_K of each group, `[..., 1]` float64."""
    weights = survival_weights(groups.n, k, groups.values.device)
    return groups.lowest + groups.gaps().mul_(weights).sum(-1, keepdim=True)


def containing_excess_by_rank(groups: SortedGroups, k: int) -> Tensor:
    """Return R_i - rho_K = ((n-K)/n) A_i by rank; identically 0 at K = n."""
    return centre(groups.prefix(containing_weights(groups.n, k, groups.values.device)))


def conditional_max_by_rank(groups: SortedGroups, k: int) -> Tensor:
    """Return R_i by rank."""
    return rho(groups, k) + containing_excess_by_rank(groups, k)


def leave_one_out_max_by_rank(groups: SortedGroups, k: int) -> Tensor:
    """Return V_i = rho_K - (K/n) A_i by rank."""
    return rho(groups, k) - canonical_by_rank(groups, k) * (k / groups.n)


def mean_of_others(by_rank: Tensor) -> Tensor:
    """Return the mean over the group without the sample itself, written so that equal values give equal results."""
    mean = by_rank.mean(-1, keepdim=True)
    return mean - (by_rank - mean) / (by_rank.shape[-1] - 1)


@lru_cache(maxsize=512)
def baseline_weights(n: int, k: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the weights of B_i for the gaps m = 2..n at or below rank i, and for those above it."""
    q = subset_weights(n, k, device)
    m = torch.arange(2, n + 1, dtype=torch.float64, device=device)
    return q[1:] * (n - m) / (n - k), q[:-1] * (n - m + 1) / (n - k)
