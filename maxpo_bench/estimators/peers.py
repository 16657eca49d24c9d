"""Published max@K estimators beside EI: PKPO's two, the all-subsets transform, its centred and normalised forms."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from maxpo_bench.estimators.binomials import binomial_ratios
from maxpo_bench.estimators.checks import k_samples, k_samples_and_another
from maxpo_bench.estimators.compiling import one_operation
from maxpo_bench.estimators.expected_improvement import canonical_by_rank
from maxpo_bench.estimators.gap_form import ALL_SUBSETS_CENTERED, PKPO_SLOO_MINUS_ONE
from maxpo_bench.estimators.gaps import SortedGroups, centre, constant, sort_groups
from maxpo_bench.estimators.mean_reward import z_score
from maxpo_bench.estimators.pieces import conditional_max_by_rank, leave_one_out_max_by_rank


@one_operation
def pkpo_sloo(rewards: Tensor, k: int) -> Tensor:
    """Return PKPO's sloo advantage, `[..., n]`.

    (K/n) R_i - K/(n-1) V_i = (K/n) A_i - K/(n(n-1)) V_i (Walder and Karkhanis, arXiv 2505.15201, Eq. 29; Eq. 81-86 of
    arXiv 2606.06080). That paper calls it biased: its advantage is (uncentred, short of the canonical one by a multiple
    of V_i), its policy gradient is not, because V_i does not depend on sample i.

    Scale 1, a plain sum: E[sum_i a_i s_i] = grad J_K, unbiased for every K. Smallest n: K+1; 1 <= K <= n-1.

    Args:
        rewards: `[..., n]`, finite.
        k: objective size K, 1 <= K <= n-1.

    Raises:
        TypeError: ``rewards`` is no real tensor, or ``k`` no integer.
        ValueError: ``k < 1``, ``n < k + 1``, or rewards that are NaN or infinite.
    """
    groups, k = sort_groups(rewards, k, "pkpo_sloo", k_samples_and_another)
    n = groups.n
    shortfall = leave_one_out_max_by_rank(groups, k) / (n - 1)
    return groups.restore((canonical_by_rank(groups, k) - shortfall) * (k / n))


def pkpo_sloo_minus_one(rewards: Tensor, k: int) -> Tensor:
    """Return PKPO's sloo_minus_one advantage, `[..., n]`.

    (K/n) EI_i (Walder and Karkhanis, arXiv 2505.15201, Eq. 33; Eq. 77-80 of arXiv 2606.06080); (1/n) r_i at K = 1.

    Scale 1, a plain sum: E[sum_i a_i s_i] = grad J_K, unbiased for every K. Smallest n: K; 1 <= K <= n.

    Args:
        rewards: `[..., n]`, finite.
        k: objective size K, 1 <= K <= n.

    Raises:
        TypeError: ``rewards`` is no real tensor, or ``k`` no integer.
        ValueError: ``k < 1``, ``n < k``, or rewards that are NaN or infinite.
    """
    return PKPO_SLOO_MINUS_ONE(rewards, k)


@one_operation
def all_subsets(rewards: Tensor, k: int) -> Tensor:
    """Return the all-subsets transformed reward, `[..., n]`.

    (K/n) R_i: the share of sample i in the mean maximum of all K-subsets (Bagirov et al., arXiv 2510.23393, Eq. 9;
    Eq. 98, 99 of arXiv 2606.06080). On-policy form; uncentred.

    Scale 1, a plain sum: E[sum_i a_i s_i] = grad J_K, unbiased for every K. Smallest n: K; 1 <= K <= n.

    Args:
        rewards: `[..., n]`, finite.
        k: objective size K, 1 <= K <= n.

    Raises:
        TypeError: ``rewards`` is no real tensor, or ``k`` no integer.
        ValueError: ``k < 1``, ``n < k``, or rewards that are NaN or infinite.
    """
    groups, k = sort_groups(rewards, k, "all_subsets", k_samples)
    return groups.restore(conditional_max_by_rank(groups, k) * (k / groups.n))


def all_subsets_centered(rewards: Tensor, k: int) -> Tensor:
    """Return the all-subsets reward minus its mean over the group, `[..., n]`.

    (K/n) (R_i - rho_K) = K(n-K)/n^2 A_i (Bagirov et al., arXiv 2510.23393; Eq. 100-102 of arXiv 2606.06080). Exactly
    centred; identically 0 at K = n, where there is one subset only.

    Scale 1, a plain sum: proportional, E[sum_i a_i s_i] = (n-K)/n grad J_K; unbiased for no K. Smallest n: K;
    1 <= K <= n.

    Args:
        rewards: `[..., n]`, finite.
        k: objective size K, 1 <= K <= n.

    Raises:
        TypeError: ``rewards`` is no real tensor, or ``k`` no integer.
        ValueError: ``k < 1``, ``n < k``, or rewards that are NaN or infinite.
    """
    return ALL_SUBSETS_CENTERED(rewards, k)


@one_operation
def bon_mean(rewards: Tensor, k: int) -> Tensor:
    """Return the z-score of the all-subsets reward ("BoN mean"), `[..., n]`.

    (R_i - mean R) / std R with the sample standard deviation (n-1) and no epsilon: the z-score of the canonical
    advantage (Bagirov et al., arXiv 2510.23393, appendix; Eq. 103 of arXiv 2606.06080). 0 where the deviation is 0.
    Its size does not shrink with the signal, also where A itself is below the smallest float.

    Scale K/n by convention; not unbiased for any K (normalised). Smallest n: K+1; 1 <= K <= n-1 (0/0 at K = n).

    Args:
        rewards: `[..., n]`, finite.
        k: objective size K, 1 <= K <= n-1.

    Raises:
        TypeError: ``rewards`` is no real tensor, or ``k`` no integer.
        ValueError: ``k < 1``, ``n < k + 1``, or rewards that are NaN or infinite.
    """
    groups, k = sort_groups(rewards, k, "bon_mean", k_samples_and_another)
    sums = groups.prefix(rescaled_weights(groups, k))
    return groups.restore(z_score(centre(sums), eps=0.0, ddof=1))


def rescaled_weights(groups: SortedGroups, k: int) -> Tensor:
    """Return the weights q(m-2) over that of the highest gap > 0 of each group, `[..., n-1]`.

    The z-score does not see a common factor, while q itself underflows float64 in large groups.
    """
    mantissas, exponents = split_weights(groups.n, k, groups.values.device)
    rank = torch.arange(1, groups.n, device=mantissas.device)
    highest = torch.where(groups.gaps() > 0, rank, 1).amax(-1, keepdim=True) - 1
    quotient = mantissas / mantissas[highest] * torch.exp2((exponents - exponents[highest]).clamp_(max=0))
    return torch.where((mantissas[highest] > 0) & (rank <= highest + 1), quotient, 0.0)


@lru_cache(maxsize=512)
def split_weights(n: int, k: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return mantissas and exponents of q(m-2) = C(m-2, K-1) / C(n-1, K-1) for m = 2..n, each `[n-1]` float64."""
    mantissas, exponents = binomial_ratios(n - 1, k - 1)
    return constant(mantissas[:-1], device), constant(exponents[:-1], device)
