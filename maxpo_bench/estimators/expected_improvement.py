"""EI, its leave-one-out and leave-two-out baselines, and the variant centred by its own mean."""

from __future__ import annotations

from torch import Tensor

from maxpo_bench.estimators.gap_form import EI, EI_L1O, EI_L2O, EI_MEAN_CENTERED
from maxpo_bench.estimators.gaps import SortedGroups, canonical_weights, centre, improvement_weights


def ei(rewards: Tensor, k: int) -> Tensor:
    """Return the expected improvement of each sample over K-1 others, `[..., n]`.

    EI_i = avg_S (r_i - max_S)+ over the (K-1)-subsets S without i, = R_i - C_i (Eq. 5, 55 of arXiv 2606.06080);
    EI_i = r_i at K = 1. It is PKPO's sloo_minus_one times n/K (Eq. 79, 80) and not centred.

    Scale K/n: E[(K/n) sum_i EI_i s_i] = grad J_K, unbiased for every K. Smallest n: K; 1 <= K <= n.

    Args:
        rewards: `[..., n]`, finite.
        k: objective size K, 1 <= K <= n.

    Raises:
        TypeError: ``rewards`` is no real tensor, or ``k`` no integer.
        ValueError: ``k < 1``, ``n < k``, or rewards that are NaN or infinite.
    """
    return EI(rewards, k)


def ei_l1o(rewards: Tensor, k: int) -> Tensor:
    """Return EI minus the mean EI of the other samples, `[..., n]`.

    EI_i - 1/(n-1) sum_{j != i} EI_j = n/(n-1) (EI_i - mean EI) (Sec. 3.1 of arXiv 2606.06080). Exactly centred, yet
    biased for K >= 2, because EI_j of the others contains sample i as a comparator.

    Scale K/n: E[(K/n) sum] = ((n-K) grad J_K + K grad J_{K-1}) / (n-1), unbiased at K = 1 only, where it is
    `reinforce_l1o`. Smallest n: max(K, 2); 1 <= K <= n.

    Args:
        rewards: `[..., n]`, finite.
        k: objective size K, 1 <= K <= n.

    Raises:
        TypeError: ``rewards`` is no real tensor, or ``k`` no integer.
        ValueError: ``k < 1``, ``n < max(k, 2)``, or rewards that are NaN or infinite.
    """
    return EI_L1O(rewards, k)


def ei_l2o(rewards: Tensor, k: int) -> Tensor:
    """Return the canonical advantage: EI minus its leave-two-out baseline (MaxPO), `[..., n]`.

    A_i = EI_i - B_i = R_i - V_i (Eq. 6, 8, 11, 56, 61 of arXiv 2606.06080), exactly centred. In the gap form
    A_(i) = n (P_i - mean P) with P_i = sum_{m <= i} d_m C(m-2, K-1) / (C(n-1, K-1) (n-K)): one sort, one cumulative
    sum, no cancellation, equal values for equal rewards.

    Scale K/n: E[(K/n) sum_i A_i s_i] = grad J_K, unbiased for every K. Smallest n: K+1; 1 <= K <= n-1.
    At K = 1 it is `reinforce_l1o`.

    Args:
        rewards: `[..., n]`, finite.
        k: objective size K, 1 <= K <= n-1.

    Raises:
        TypeError: ``rewards`` is no real tensor, or ``k`` no integer.
        ValueError: ``k < 1``, ``n < k + 1`` (the baseline leaves out two), or rewards that are NaN or infinite.
    """
    return EI_L2O(rewards, k)


def ei_mean_centered(rewards: Tensor, k: int) -> Tensor:
    """Return EI minus the group's mean EI, `[..., n]`.

    EI_i - mean EI = (n-1)/n of `ei_l1o` (Eq. 104, 105 of arXiv 2606.06080): exactly centred, but not proportional to
    the canonical advantage for K >= 2, and biased.

    Scale K/n: E[(K/n) sum] = ((n-K) grad J_K + K grad J_{K-1}) / n with J_0 = 0; unbiased for no K (proportional to
    grad J_1 at K = 1). Smallest n: K; 1 <= K <= n.

    Args:
        rewards: `[..., n]`, finite.
        k: objective size K, 1 <= K <= n.

    Raises:
        TypeError: ``rewards`` is no real tensor, or ``k`` no integer.
        ValueError: ``k < 1``, ``n < k``, or rewards that are NaN or infinite.
    """
    return EI_MEAN_CENTERED(rewards, k)


def improvement_prefix(groups: SortedGroups, k: int) -> Tensor:
    """Return EI by rank; at K = 1 less the lowest reward, which centring cancels."""
    return groups.prefix(improvement_weights(groups.n, k, groups.values.device))


def canonical_by_rank(groups: SortedGroups, k: int) -> Tensor:
    """Return the canonical advantage A_(i) = n (P_i - mean P) by rank, for 1 <= K <= n - 1."""
    return centre(groups.prefix(canonical_weights(groups.n, k, groups.values.device)))
