"""Estimators published for pass@K: the analytical one of Chen et al., with and without deviation, and top-1."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

from maxpo_bench.estimators.binomials import binomial_ratios, complements
from maxpo_bench.estimators.checks import (
    check_binary,
    check_group_size,
    check_k,
    check_rewards,
    k_samples_and_another,
    two,
)
from maxpo_bench.estimators.compiling import one_operation
from maxpo_bench.estimators.gap_form import PASSK_ANALYTIC
from maxpo_bench.estimators.gaps import constant, sort_groups


def passk_analytic(rewards: Tensor, k: int) -> Tensor:
    """Return the analytical pass@K advantage without deviation, `[..., n]`.

    R_i - rho_K = ((n-K)/n) A_i (Chen et al., arXiv 2508.10751, Eq. 14, 15 without the division; Eq. 88-96 of arXiv
    2606.06080). Published for binary rewards; the formula holds for all. Exactly centred; identically 0 at K = n.

    Scale K/n: proportional, E[(K/n) sum_i a_i s_i] = (n-K)/n grad J_K; unbiased for no K. Smallest n: K; 1 <= K <= n.

    Args:
        rewards: `[..., n]`, finite.
        k: objective size K, 1 <= K <= n.

    Raises:
        TypeError: ``rewards`` is no real tensor, or ``k`` no integer.
        ValueError: ``k < 1``, ``n < k``, or rewards that are NaN or infinite.
    """
    return PASSK_ANALYTIC(rewards, k)


@one_operation
def passk_analytic_std(rewards: Tensor, k: int) -> Tensor:
    """Return the analytical pass@K advantage over the deviation of pass@K, `[..., n]`.

    (R_i - rho_K) / sqrt(rho_K (1 - rho_K)) for rewards 0 and 1 (Chen et al., arXiv 2508.10751, Eq. 14, 15; Eq. 97 of
    arXiv 2606.06080). With u = 1 - rho_K = C(z, K) / C(n, K) and z zeros it is sqrt(u / (1-u)) for a one and -(n-z)/z
    times that for a zero. Exactly centred; 0 where rho_K is 0 or 1.

    Scale K/n by convention; not unbiased for any K (normalised). Smallest n: K+1; 1 <= K <= n-1 (0/0 at K = n).

    Args:
        rewards: `[..., n]`, finite, 0 or 1.
        k: objective size K, 1 <= K <= n-1.

    Raises:
        TypeError: ``rewards`` is no real tensor, or ``k`` no integer.
        ValueError: ``k < 1``, ``n < k + 1``, or rewards that are neither 0 nor 1 (NaN and infinities among them).
    """
    name, k, dtype = "passk_analytic_std", check_k(k), check_rewards(rewards)
    n = rewards.shape[-1]
    check_group_size(name, n, k, k_samples_and_another(k))
    rewards = rewards.detach()
    check_binary(name, rewards)
    zeros = (rewards == 0).sum(-1, keepdim=True)
    of_one, of_zero = normalised_values(n, k, rewards.device)
    return torch.where(rewards == 1, of_one[zeros], of_zero[zeros]).to(dtype)


def passk_top1(rewards: Tensor, k: int | None = None) -> Tensor:
    """Return maximum minus second maximum for the best sample and 0 for the others, `[..., n]`.

    EI at K = n (Tang et al., arXiv 2503.19595; Eq. 5 of arXiv 2606.06080 with K = n; verl's ``grpo_passk`` without
    deviation). All zeros under a tied maximum, as EI is; implementations that pay one of the tied are biased.

    Scale K/n: unbiased at K = n only; for another K it estimates grad J_n up to the factor K/n. Smallest n: 2; any K.

    Args:
        rewards: `[..., n]`, finite.
        k: objective size K. Not used by the formula, which is that of K = n; n if left out.

    Raises:
        TypeError: ``rewards`` is no real tensor, or ``k`` no integer.
        ValueError: ``k < 1``, ``n < 2``, or rewards that are NaN or infinite.
    """
    return lead_of_best(rewards, 1 if k is None else check_k(k))


@one_operation
def lead_of_best(rewards: Tensor, k: int) -> Tensor:
    """Return `passk_top1` of rewards `[..., n]`; ``k`` is not used."""
    groups, _ = sort_groups(rewards, k, "passk_top1", two)
    by_rank = torch.zeros_like(groups.values)
    by_rank[..., -1] = groups.values[..., -1] - groups.values[..., -2]
    return groups.restore(by_rank)


@lru_cache(maxsize=512)
def normalised_values(n: int, k: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the normalised advantage of a one and of a zero, each `[n+1]` by the number of zeros z.

    With u = C(z, K) / C(n, K) = 1 - rho they are sqrt(u / (1-u)) and -(n-z)/z times that; 0 where rho is 0 or 1. Powers
    of two are taken out of u before the root, so that small u does not underflow first.
    """
    mantissas, exponents = binomial_ratios(n, k)
    of_one = [
        math.ldexp(math.sqrt(mantissa * 2 ** (exponent % 2) / rest), exponent // 2) if rest else 0.0
        for mantissa, exponent, rest in zip(mantissas, exponents, complements(n, k), strict=True)
    ]
    of_zero = [0.0, *((z - n) / z * of_one[z] for z in range(1, n + 1))]
    return constant(of_one, device), constant(of_zero, device) + 0.0
