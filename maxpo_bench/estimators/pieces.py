"""The pieces that the estimators are made of: R, V, C, rho and the two baselines of EI."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from maxpo_bench.estimators.checks import k_samples, k_samples_and_another, k_samples_at_least_two
from maxpo_bench.estimators.compiling import one_operation, one_operation_per_group
from maxpo_bench.estimators.expected_improvement import canonical_by_rank, improvement_prefix
from maxpo_bench.estimators.gaps import (
    SortedGroups,
    centre,
    containing_weights,
    sort_groups,
    subset_weights,
    survival_weights,
)


@one_operation_per_group
def max_at_k(rewards: Tensor, k: int) -> Tensor:
    """Return rho_K, the unbiased estimate of max@K of each group, `[...]` (the last axis is reduced).

    rho_K = avg_T max_T over the K-subsets T (Eq. 12, 87 of arXiv 2606.06080), = r_(1) + sum_m d_m (1 - C(m-1, K) /
    C(n, K)); for binary rewards with c ones 1 - C(n-c, K) / C(n, K), see `pass_at_k`. It is the mean of R and of V.

    Unbiased for J_K. Smallest n: K; 1 <= K <= n.

    Args:
        rewards: `[..., n]`, finite.
        k: objective size K, 1 <= K <= n.

    Raises:
        TypeError: ``rewards`` is no real tensor, or ``k`` no integer.
        ValueError: ``k < 1``, ``n < k``, or rewards that are NaN or infinite.
    """
    groups, k = sort_groups(rewards, k, "max_at_k", k_samples)
    return rho(groups, k).squeeze(-1).to(groups.dtype)


@one_operation
def conditional_max(rewards: Tensor, k: int) -> Tensor:
    """Return R_i, the mean maximum of the K-subsets that contain sample i, `[..., n]`.

    R_i = avg_S max(r_i, max_S) over the (K-1)-subsets S without i (Eq. 8, 49 of arXiv 2606.06080); R_i = r_i at K = 1.

    As an advantage it is unbiased under the scale K/n, uncentred. Smallest n: K; 1 <= K <= n.

    Args:
        rewards: `[..., n]`, finite.
        k: objective size K, 1 <= K <= n.

    Raises:
        TypeError: ``rewards`` is no real tensor, or ``k`` no integer.
        ValueError: ``k < 1``, ``n < k``, or rewards that are NaN or infinite.
    """
    groups, k = sort_groups(rewards, k, "conditional_max", k_samples)
    return groups.restore(conditional_max_by_rank(groups, k))


@one_operation
def leave_one_out_max(rewards: Tensor, k: int) -> Tensor:
    """Return V_i, the mean maximum of the K-subsets without sample i, `[..., n]`.

    V_i = avg_T max_T over the K-subsets T without i (Eq. 8, 50 of arXiv 2606.06080), = rho_K - (K/n) A_i. It does not
    depend on r_i, so it is a baseline that leaves the policy gradient unbiased.

    Smallest n: K+1; 1 <= K <= n-1.

    Args:
        rewards: `[..., n]`, finite.
        k: objective size K, 1 <= K <= n-1.

    Raises:
        TypeError: ``rewards`` is no real tensor, or ``k`` no integer.
        ValueError: ``k < 1``, ``n < k + 1``, or rewards that are NaN or infinite.
    """
    groups, k = sort_groups(rewards, k, "leave_one_out_max", k_samples_and_another)
    return groups.restore(leave_one_out_max_by_rank(groups, k))


@one_operation
def comparator_max(rewards: Tensor, k: int) -> Tensor:
    """Return C_i, the mean maximum of K-1 of the other samples, `[..., n]`.

    C_i = avg_S max_S over the (K-1)-subsets S without i (Sec. 4.2 of arXiv 2606.06080), so that EI = R - C and
    B = V - C; C_i = 0 at K = 1. It is V_i for K-1.

    Smallest n: K; 1 <= K <= n.

    Args:
        rewards: `[..., n]`, finite.
        k: objective size K, 1 <= K <= n.

    Raises:
        TypeError: ``rewards`` is no real tensor, or ``k`` no integer.
        ValueError: ``k < 1``, ``n < k``, or rewards that are NaN or infinite.
    """
    groups, k = sort_groups(rewards, k, "comparator_max", k_samples)
    if k == 1:
        return groups.restore(torch.zeros_like(groups.values))
    return groups.restore(leave_one_out_max_by_rank(groups, k - 1))


@one_operation
def l1o_baseline(rewards: Tensor, k: int) -> Tensor:
    """Return the mean EI of the other samples, `[..., n]`.

    1/(n-1) sum_{j != i} EI_j (Sec. 3.1 of arXiv 2606.06080). Not a valid baseline for K >= 2: the others' EI depends on
    sample i, which makes `ei_l1o` biased.

    Smallest n: max(K, 2); 1 <= K <= n.

    Args:
        rewards: `[..., n]`, finite.
        k: objective size K, 1 <= K <= n.

    Raises:
        TypeError: ``rewards`` is no real tensor, or ``k`` no integer.
        ValueError: ``k < 1``, ``n < max(k, 2)``, or rewards that are NaN or infinite.
    """
    groups, k = sort_groups(rewards, k, "l1o_baseline", k_samples_at_least_two)
    return groups.restore(mean_of_others(improvement_prefix(groups, k)) + (groups.lowest if k == 1 else 0))


@one_operation
def l2o_baseline(rewards: Tensor, k: int) -> Tensor:
    """Return B_i, the leave-two-out baseline, `[..., n]`.

    B_i = 1/(n-1) sum_{j != i} EI_j, each computed without sample i (Eq. 6, 56 of arXiv 2606.06080), = V_i - C_i; the
    mean of the others at K = 1. Computed as sum_{m <= i} d_m q(m-1) (n-m)/(n-K) + sum_{m > i} d_m q(m-2) (n-m+1)/(n-K)
    with q(x) = C(x, K-1) / C(n-1, K-1): no differences of large numbers.

    Smallest n: K+1; 1 <= K <= n-1.

    Args:
        rewards: `[..., n]`, finite.
        k: objective size K, 1 <= K <= n-1.

    Raises:
        TypeError: ``rewards`` is no real tensor, or ``k`` no integer.
        ValueError: ``k < 1``, ``n < k + 1``, or rewards that are NaN or infinite.
    """
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
