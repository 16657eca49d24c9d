"""Exact max@K value, expected improvement and policy gradient of a softmax bandit: the ground truth, ties included.

With the arms sorted by reward, d_m = r_(m) - r_(m-1) and F_{m-1} the probability of the m-1 lowest arms, everything is
a sum of d_m times a power of F_{m-1}. Tied arms have d_m = 0, so F counts only where it is P(r < r_(m)) exactly.
All arithmetic is in float64; results have the dtype of the logits and are differentiable in them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from maxpo_bench.estimators.checks import check_k

__all__ = ["expected_improvement", "max_at_k_gradient", "max_at_k_value"]


def expected_improvement(logits: Tensor, arm_rewards: Tensor, k: int) -> Tensor:
    """Return EI(a) = E[(r(a) - max of K-1 samples of the policy)+] of every arm, `[..., A]`.

    EI(a) = sum over reward levels v_l <= r(a), l >= 2, of (v_l - v_{l-1}) F_{l-1}^{K-1} with F_l = P(r <= v_l)
    (Eq. 3, 4 of arXiv 2606.06080). At K = 1, EI(a) = r(a) by convention. sum_a pi_a EI(a) = J_K - J_{K-1}, J_0 = 0.

    Args:
        logits: `[..., A]` floats; the policy is their softmax.
        arm_rewards: `[..., A]`, finite, in any order, ties allowed; broadcast against ``logits``.
        k: objective size K >= 1.

    Raises:
        TypeError: ``k`` is no integer, or the logits are no floats.
        ValueError: ``k < 1``, shapes that do not fit, or values that are not finite.
    """
    arms = _sorted_arms(logits, arm_rewards, check_k(k))
    if k == 1:
        return arms.rewards.to(logits.dtype)
    return arms.restore(_pad_front(arms.weights.cumsum(-1))).to(logits.dtype)


def max_at_k_value(logits: Tensor, arm_rewards: Tensor, k: int) -> Tensor:
    """Return J_K = E[max reward of K samples of the policy], `[...]` (Eq. 2 of arXiv 2606.06080).

    J_K = v_1 + sum over l >= 2 of (v_l - v_{l-1}) (1 - F_{l-1}^K); pass@K where rewards are 0 and 1.

    Args:
        logits: `[..., A]` floats; the policy is their softmax.
        arm_rewards: `[..., A]`, finite, in any order, ties allowed; broadcast against ``logits``.
        k: objective size K >= 1.

    Raises:
        TypeError: ``k`` is no integer, or the logits are no floats.
        ValueError: ``k < 1``, shapes that do not fit, or values that are not finite.
    """
    arms = _sorted_arms(logits, arm_rewards, check_k(k))
    # 1 - (1 - p)^K without cancellation for rare arms, and without log 0 for certain ones
    is_rare = arms.above < 0.5
    rare = -torch.expm1(k * torch.log1p(-torch.where(is_rare, arms.above, 0.0)))
    reached = torch.where(is_rare, rare, 1 - arms.below.pow(k))
    return (arms.rewards.amin(-1) + (arms.gaps * reached).sum(-1)).to(logits.dtype)


def max_at_k_gradient(logits: Tensor, arm_rewards: Tensor, k: int) -> Tensor:
    """Return dJ_K / dlogits, `[..., A]`: K pi_b (EI(b) - sum_a pi_a EI(a)) (Eq. 3, 4 of arXiv 2606.06080).

    The difference is a sum over the gaps below b minus one over the gaps above it, each of terms >= 0, so that an
    offset of the rewards costs nothing.

    Args:
        logits: `[..., A]` floats; the policy is their softmax.
        arm_rewards: `[..., A]`, finite, in any order, ties allowed; broadcast against ``logits``.
        k: objective size K >= 1.

    Raises:
        TypeError: ``k`` is no integer, or the logits are no floats.
        ValueError: ``k < 1``, shapes that do not fit, or values that are not finite.
    """
    arms = _sorted_arms(logits, arm_rewards, check_k(k))
    gained = _pad_front((arms.weights * arms.below).cumsum(-1))
    missed = _pad_front((arms.weights * arms.above).flip(-1).cumsum(-1)).flip(-1)
    return (k * arms.policy * arms.restore(gained - missed)).to(logits.dtype)


@dataclass(frozen=True)
class _SortedArms:
    """Arms by ascending reward; ``gaps``, ``weights``, ``below`` and ``above`` are those of m = 2..A, `[..., A-1]`.

    Attributes:
        rewards: in the caller's order, float64.
        policy: in the caller's order, float64.
        order: the caller's arm of each rank.
        gaps: d_m.
        weights: d_m F_{m-1}^{K-1}.
        below: F_{m-1}, the probability of the ranks below m.
        above: 1 - F_{m-1}, that of rank m and above.
    """

    rewards: Tensor
    policy: Tensor
    order: Tensor
    gaps: Tensor
    weights: Tensor
    below: Tensor
    above: Tensor

    def restore(self, by_rank: Tensor) -> Tensor:
        return torch.zeros_like(by_rank).scatter(-1, self.order, by_rank)


def _sorted_arms(logits: Tensor, arm_rewards: Tensor, k: int) -> _SortedArms:
    logits, rewards = _checked(logits, arm_rewards)
    policy = logits.double().softmax(-1)
    values, order = rewards.sort(-1)
    by_rank = policy.gather(-1, order)
    below = by_rank.cumsum(-1)[..., :-1]
    above = by_rank.flip(-1).cumsum(-1).flip(-1)[..., 1:]
    gaps = values.diff(dim=-1)
    return _SortedArms(rewards, policy, order, gaps, gaps * below.pow(k - 1), below, above)


def _checked(logits: Tensor, arm_rewards: Tensor) -> tuple[Tensor, Tensor]:
    if not logits.is_floating_point():
        raise TypeError(f"logits must be floats, got {logits.dtype}: convert with logits.double()")
    if not logits.dim() or not arm_rewards.dim() or logits.shape[-1] != arm_rewards.shape[-1] or not logits.shape[-1]:
        raise ValueError(
            "logits and arm_rewards must end in the same axis of at least one arm, "
            f"got {tuple(logits.shape)} and {tuple(arm_rewards.shape)}"
        )
    for name, values in (("logits", logits), ("arm_rewards", arm_rewards)):
        bad = (~torch.isfinite(values)).nonzero()
        if len(bad):
            where: tuple[int, ...] = tuple(bad[0].tolist())
            raise ValueError(f"{name} must be finite, got {values[where].item()} at index {where}")
    try:
        wide, rewards = torch.broadcast_tensors(logits, arm_rewards.detach().double())
    except RuntimeError as error:
        raise ValueError(
            f"shapes {tuple(logits.shape)} of logits and {tuple(arm_rewards.shape)} of arm_rewards do not broadcast"
        ) from error
    return wide, rewards


def _pad_front(sums: Tensor) -> Tensor:
    return torch.nn.functional.pad(sums, (1, 0))
