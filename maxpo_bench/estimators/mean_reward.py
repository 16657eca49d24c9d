"""Estimators of the mean reward's gradient: REINFORCE with a leave-one-out baseline, GRPO and Dr. GRPO."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from maxpo_bench.estimators.checks import one, two
from maxpo_bench.estimators.gaps import centre, sort_groups


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
    groups, _ = sort_groups(rewards, k, "reinforce_l1o", two)
    return groups.restore(centre(groups.values - groups.lowest) * (groups.n / (groups.n - 1)))


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
    groups, _ = sort_groups(rewards, k, "dr_grpo", one)
    return groups.restore(centre(groups.values - groups.lowest))


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
