"""Exact max@K value and gradient of a softmax bandit: the ground truth of everything here.

With the arms sorted by reward, v_l their rewards and F_l = P(r <= v_l), the expected improvement of an arm over the best
of K - 1 other draws is EI(a) = sum_{v_l <= r(a)} (v_l - v_{l-1}) F_{l-1}^{K-1}; tied arms have gaps of 0, so that ties
need no special case. Batched over leading axes, differentiable nowhere: the gradient is given in closed form.
"""

from __future__ import annotations

import torch
from torch import Tensor


def expected_improvement(logits: Tensor, arm_rewards: Tensor, k: int) -> Tensor:
    """Return EI(a) = E[(r(a) - max of K-1 draws)+] up to a constant that is the same for all arms, `[..., A]`.

    The constant is 0 for the arm of lowest reward (there the sum is empty); the score of the softmax cancels it. Eq 4 of
    arXiv 2606.06080.

    Args:
        logits: of the policy, `[..., A]`; float64 is recommended.
        arm_rewards: `[..., A]`, finite, any order, ties allowed.
        k: objective size, >= 1. At K = 1 this is r(a) less the lowest reward.

    Raises:
        ValueError: shapes that do not fit, or ``k < 1``.
    """
    rewards, policy, order = _sorted(logits, arm_rewards, k)
    gaps = rewards.diff(dim=-1)
    below = policy.cumsum(-1)[..., :-1].clamp(max=1.0)
    zero = torch.zeros_like(rewards[..., :1])
    by_rank = torch.cat([zero, (gaps * below ** (k - 1)).cumsum(-1)], dim=-1)
    return torch.empty_like(by_rank).scatter_(-1, order, by_rank)


def max_at_k_value(logits: Tensor, arm_rewards: Tensor, k: int) -> Tensor:
    """Return J_K = E[max of K draws' rewards], `[...]` (Eq 2 of arXiv 2606.06080).

    Args:
        logits: of the policy, `[..., A]`.
        arm_rewards: `[..., A]`.
        k: objective size, >= 1.

    Raises:
        ValueError: shapes that do not fit, or ``k < 1``.
    """
    rewards, policy, _ = _sorted(logits, arm_rewards, k)
    above = policy.flip(-1).cumsum(-1).flip(-1)[..., 1:].clamp(max=1.0)
    # P(max of K >= v_l) = 1 - (1 - P(r >= v_l))^K, without cancellation for rare arms
    reached = -torch.expm1(k * torch.log1p(-above))
    return rewards[..., 0] + (rewards.diff(dim=-1) * reached).sum(-1)


def max_at_k_gradient(logits: Tensor, arm_rewards: Tensor, k: int) -> Tensor:
    """Return dJ_K / dlogits = K pi_b (EI(b) - sum_a pi_a EI(a)), `[..., A]` (Eq 3, 4 of arXiv 2606.06080).

    Args:
        logits: of the policy, `[..., A]`.
        arm_rewards: `[..., A]`.
        k: objective size, >= 1.

    Raises:
        ValueError: shapes that do not fit, or ``k < 1``.
    """
    improvement = expected_improvement(logits, arm_rewards, k)
    policy = torch.softmax(logits.detach(), -1)
    return k * policy * (improvement - (policy * improvement).sum(-1, keepdim=True))


def _sorted(logits: Tensor, arm_rewards: Tensor, k: int) -> tuple[Tensor, Tensor, Tensor]:
    """Rewards ascending, the policy in the same order, and the order."""
    if isinstance(k, bool) or k != int(k) or k < 1:
        raise ValueError(f"k must be an integer >= 1, got {k!r}")
    if logits.shape != arm_rewards.shape or logits.dim() == 0 or logits.shape[-1] == 0:
        raise ValueError(
            f"logits and arm_rewards must have one shape [..., A] with A >= 1, got {list(logits.shape)} and "
            f"{list(arm_rewards.shape)}"
        )
    rewards, order = torch.sort(arm_rewards.detach(), dim=-1)
    return rewards, torch.softmax(logits.detach(), -1).gather(-1, order), order
