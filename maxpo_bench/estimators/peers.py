"""Published max@K estimators beside EI: PKPO's two, the all-subsets transform, its centred and normalised forms."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from maxpo_bench.estimators.checks import k_samples, k_samples_and_another
from maxpo_bench.estimators.gaps import SortedGroups, centre, sort_groups
from maxpo_bench.estimators.grpo import z_score
from maxpo_bench.estimators.max_at_k import canonical_by_rank, expected_improvement_by_rank
from maxpo_bench.estimators.pieces import conditional_max_by_rank, containing_excess_by_rank, leave_one_out_max_by_rank


def pkpo_sloo(rewards: Tensor, k: int) -> Tensor:
    groups, k = sort_groups(rewards, k, "pkpo_sloo", k_samples_and_another)
    n = groups.n
    shortfall = leave_one_out_max_by_rank(groups, k) / (n - 1)
    return groups.restore((canonical_by_rank(groups, k) - shortfall) * (k / n))


def pkpo_sloo_minus_one(rewards: Tensor, k: int) -> Tensor:
    groups, k = sort_groups(rewards, k, "pkpo_sloo_minus_one", k_samples)
    return groups.restore(expected_improvement_by_rank(groups, k) * (k / groups.n))


def all_subsets(rewards: Tensor, k: int) -> Tensor:
    groups, k = sort_groups(rewards, k, "all_subsets", k_samples)
    return groups.restore(conditional_max_by_rank(groups, k) * (k / groups.n))


def all_subsets_centered(rewards: Tensor, k: int) -> Tensor:
    groups, k = sort_groups(rewards, k, "all_subsets_centered", k_samples)
    return groups.restore(containing_excess_by_rank(groups, k) * (k / groups.n))


def bon_mean(rewards: Tensor, k: int) -> Tensor:
    groups, k = sort_groups(rewards, k, "bon_mean", k_samples_and_another)
    sums = groups.prefix(rescaled_weights(groups, k))
    return groups.restore(z_score(centre(sums), eps=0.0, ddof=1))


def rescaled_weights(groups: SortedGroups, k: int) -> Tensor:
    """Return the weights q(m-2) over that of the highest gap > 0 of each group, `[..., n-1]`.

    The z-score does not see a common factor, while q itself underflows float64 in large groups.
    """
    logs = log_subset_weights(groups.n, k, groups.values.device)
    rank = torch.arange(1, groups.n, device=logs.device)
    highest = torch.where(groups.gaps() > 0, rank, 0).amax(-1, keepdim=True)
    reference = torch.nn.functional.pad(logs, (1, 0))[highest]
    usable = torch.isfinite(reference) & (rank <= highest)
    return torch.where(usable, torch.exp(logs - reference), 0.0)


@lru_cache(maxsize=512)
def log_subset_weights(n: int, k: int, device: torch.device) -> Tensor:
    """Return log q(m-2) for m = 2..n, `[n-1]` float64; -inf where q is 0."""
    with torch.inference_mode(False), torch.no_grad():
        m = torch.arange(n, 1, -1, dtype=torch.float64, device="cpu")
        return torch.log((m - k).clamp_(min=0) / (m - 1)).cumsum(0).flip(0).to(device)
