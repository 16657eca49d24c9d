"""EI, its leave-one-out and leave-two-out baselines, and the variant centred by its own mean."""

from __future__ import annotations

from torch import Tensor

from maxpo_bench.estimators.checks import k_samples, k_samples_and_another, k_samples_at_least_two
from maxpo_bench.estimators.gaps import SortedGroups, canonical_weights, centre, improvement_weights, sort_groups


def ei(rewards: Tensor, k: int) -> Tensor:
    groups, k = sort_groups(rewards, k, "ei", k_samples)
    return groups.restore(expected_improvement_by_rank(groups, k))


def ei_l1o(rewards: Tensor, k: int) -> Tensor:
    groups, k = sort_groups(rewards, k, "ei_l1o", k_samples_at_least_two)
    return groups.restore(centre(improvement_prefix(groups, k)) * (groups.n / (groups.n - 1)))


def ei_l2o(rewards: Tensor, k: int) -> Tensor:
    groups, k = sort_groups(rewards, k, "ei_l2o", k_samples_and_another)
    return groups.restore(canonical_by_rank(groups, k))


def ei_mean_centered(rewards: Tensor, k: int) -> Tensor:
    groups, k = sort_groups(rewards, k, "ei_mean_centered", k_samples)
    return groups.restore(centre(improvement_prefix(groups, k)))


def improvement_prefix(groups: SortedGroups, k: int) -> Tensor:
    """Return EI by rank; at K = 1 less the lowest reward, which centring cancels."""
    return groups.prefix(improvement_weights(groups.n, k, groups.values.device))


def expected_improvement_by_rank(groups: SortedGroups, k: int) -> Tensor:
    """Return EI by rank, with EI_i = r_i at K = 1."""
    return groups.values if k == 1 else improvement_prefix(groups, k)


def canonical_by_rank(groups: SortedGroups, k: int) -> Tensor:
    """Return the canonical advantage A_(i) = n (P_i - mean P) by rank, for 1 <= K <= n - 1."""
    return centre(groups.prefix(canonical_weights(groups.n, k, groups.values.device)))
