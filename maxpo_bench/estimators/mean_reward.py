"""Estimators of the mean reward's gradient: REINFORCE with a leave-one-out baseline, GRPO and Dr. GRPO."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from maxpo_bench.estimators.checks import (
    SmallestGroup,
    check_group_size,
    check_k,
    check_rewards,
    check_spread,
    may_look,
    one,
    two,
)
from maxpo_bench.estimators.paths import is_automatic


def reinforce_l1o(rewards: Tensor, k: int = 1) -> Tensor:
    """Return the reward minus the mean of the others, `[..., n]`.

    r_i - 1/(n-1) sum_{j != i} r_j (Kool et al. 2019; Sec. 3.1 of arXiv 2606.06080): the canonical advantage at K = 1.
    Exactly centred.

    Scale K/n at K = 1, that is 1/n: E[(1/n) sum_i a_i s_i] = grad J_1; unbiased at K = 1 only. Smallest n: 2; any K.

    Args:
        rewards: `[..., n]`, finite.
        k: objective size K >= 1; not used by the formula, taken so that all estimators have one signature.

    Raises:
        TypeError: ``rewards`` is no real tensor, or ``k`` no integer.
        ValueError: ``k < 1``, ``n < 2``, or rewards that are NaN or infinite.
    """
    centred, dtype = less_mean(rewards, k, "reinforce_l1o", two)
    n = rewards.shape[-1]
    return (centred * (n / (n - 1))).to(dtype)


def dr_grpo(rewards: Tensor, k: int = 1) -> Tensor:
    """Return the reward minus the group's mean, `[..., n]`.

    r_i - mean r (Liu et al., Dr. GRPO, arXiv 2503.20783, Sec. 3.2) = (n-1)/n of `reinforce_l1o`. Exactly centred;
    identically 0 at n = 1.

    Scale 1/n: proportional, E[(1/n) sum_i a_i s_i] = (n-1)/n grad J_1; unbiased for no K. Smallest n: 1; any K.

    Args:
        rewards: `[..., n]`, finite.
        k: objective size K >= 1; not used by the formula, taken so that all estimators have one signature.

    Raises:
        TypeError: ``rewards`` is no real tensor, or ``k`` no integer.
        ValueError: ``k < 1``, ``n < 1``, or rewards that are NaN or infinite.
    """
    centred, dtype = less_mean(rewards, k, "dr_grpo", one)
    return centred.to(dtype)


def grpo(rewards: Tensor, k: int = 1, *, eps: float = 1e-4, ddof: int = 1) -> Tensor:
    """Return GRPO's normalised advantage, `[..., n]`.

    (r_i - mean r) / (std r + eps) (Shao et al., DeepSeekMath, arXiv 2402.03300, Sec. 4.1.2); eps and ddof as TRL has
    them. Exactly centred; 0 where the deviation is 0, also with eps = 0.

    Scale K/n by convention; not unbiased for any K (normalised). Smallest n: 2; any K.

    Args:
        rewards: `[..., n]`, finite.
        k: objective size K >= 1; not used by the formula, taken so that all estimators have one signature.
        eps: added to the standard deviation, >= 0.
        ddof: 1 for the sample standard deviation (n-1), 0 for the population's (n).

    Raises:
        TypeError: ``rewards`` is no real tensor, or ``k`` no integer.
        ValueError: ``k < 1``, ``n < 2``, ``eps`` negative or not finite, ``ddof`` neither 0 nor 1, or rewards that are
            NaN or infinite.
    """
    if not (math.isfinite(eps) and eps >= 0):
        raise ValueError(f"eps must be finite and >= 0, got {eps}: 1e-4 is TRL's value")
    if ddof not in (0, 1):
        raise ValueError(f"ddof must be 0 (population) or 1 (sample standard deviation), got {ddof}")
    centred, dtype = less_mean(rewards, k, "grpo", two)
    return z_score(centred, eps=eps, ddof=ddof).to(dtype)


def less_mean(rewards: Tensor, k: int, name: str, smallest: SmallestGroup) -> tuple[Tensor, torch.dtype]:
    """Check the arguments of estimator ``name``; return the rewards less their mean, float64, and the dtype wanted.

    An offset of the rewards costs nothing, and the order of the samples does not matter to the last bit.

    Raises:
        TypeError: ``k`` is no integer, or ``rewards`` no real tensor.
        ValueError: ``k < 1``, groups smaller than ``smallest(k)``, NaN or infinite rewards.
    """
    k = check_k(k)
    dtype = check_rewards(rewards)
    check_group_size(name, rewards.shape[-1], k, smallest(k))
    exact = rewards.detach().double()
    fused = _fused(exact, torch.finfo(dtype).max)
    if fused is not None:
        return fused, dtype
    low, high = torch.aminmax(exact, dim=-1, keepdim=True)
    check_spread(rewards, low, high, dtype)
    scale = torch.where(high > low, high - low, 1.0)
    shares = (exact - low).div_(scale)
    return shares.sub_(mean_of_shares(shares)).mul_(scale), dtype


def _fused(exact: Tensor, largest: float) -> Tensor | None:
    """Return the rewards less their mean by compiled loops; None where these cannot run, or a reward is refused."""
    if not (may_look(exact) and is_automatic() and exact.is_cpu and exact.numel()):
        return None
    fill = _fill_less_mean()
    if fill is None:
        return None
    result = torch.empty_like(exact, memory_format=torch.contiguous_format)
    n = exact.shape[-1]
    fits = fill(exact.contiguous().view(-1, n).numpy(), largest, result.view(-1, n).numpy())
    return result if fits else None


@cache
def _fill_less_mean() -> Callable[..., bool] | None:
    try:
        from maxpo_bench.estimators.mean_compiled import fill_less_mean
    except ImportError:  # Numba is missing, or does not know this NumPy
        return None
    return fill_less_mean


def mean_of_shares(shares: Tensor, pieces: int = 2) -> Tensor:
    """Return the mean over the group, `[..., 1]`, of float64 values between 0 and 1: the same in whatever order.

    They are split into pieces of 26 bits, the sums of which are exact for n up to 2^26; what is left after the last
    piece is rounded away: at most 2^-53 or 2^-79 of each, for two pieces or three.
    """
    ones = shares.new_ones(shares.shape[-1])
    rest, total = shares, torch.zeros_like(shares[..., 0])
    for power in range(1, pieces + 1):
        rest = rest * 2.0**26
        piece = rest.round()
        total += torch.mv(piece.reshape(-1, len(ones)), ones).view(total.shape) * 2.0 ** (-26 * power)
        rest = rest.sub_(piece)
    return total.div_(len(ones)).unsqueeze(-1)


def z_score(centred: Tensor, *, eps: float, ddof: int) -> Tensor:
    """Divide centred values by (standard deviation + eps); 0 where the deviation is 0.

    The squares are those of values scaled to at most 1, so that neither 1e200 nor 1e-200 breaks them.
    """
    largest = centred.abs().amax(-1, keepdim=True)
    safe = torch.where(largest > 0, largest, 1.0)
    unit = centred / safe
    n = centred.shape[-1]
    deviation = torch.sqrt(mean_of_shares(unit * unit, pieces=3) * (n / (n - ddof)))
    return torch.where(largest > 0, unit / (deviation + eps / safe), 0.0)
