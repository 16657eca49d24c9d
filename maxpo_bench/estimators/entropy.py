"""Entropy-shaped advantages per token (Cheng et al., arXiv 2506.14758)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from maxpo_bench.estimators.mean_reward import grpo


def entropy_adv(
    rewards: Tensor,
    token_entropy: Tensor,
    mask: Tensor | None = None,
    *,
    alpha: float = 0.4,
    kappa: float = 2.0,
    eps: float = 1e-4,
    ddof: int = 1,
) -> Tensor:
    """Return GRPO's advantage with the entropy term of Cheng et al., per token, `[..., n, T]`.

    A_it = A_i + min(alpha H_it, |A_i| / kappa), A_i that of `grpo` (arXiv 2506.14758). The entropy is detached: it
    changes the size of a token's advantage, never its sign (kappa > 1), and adds no gradient of its own.

    Not a function of the rewards alone, so it is not registered and not certified; biased for J_K at any K.
    Smallest n: 2.

    Args:
        rewards: `[..., n]`, finite.
        token_entropy: `[..., n, T]`, entropy of the policy at each token in nats, >= 0.
        mask: `[..., n, T]`, true at the tokens of the answer; the result is 0 elsewhere and the entropy is not read
            there. All tokens if left out.
        alpha: weight of the entropy, >= 0.
        kappa: bound of the term relative to the advantage, > 1.
        eps: as in `grpo`.
        ddof: as in `grpo`.

    Raises:
        TypeError: ``rewards`` is no real tensor.
        ValueError: shapes that do not fit, parameters outside their ranges, values that are not finite.
    """
    return entropy_shaped(grpo(rewards, eps=eps, ddof=ddof), token_entropy, mask, alpha=alpha, kappa=kappa)


def entropy_shaped(
    advantages: Tensor, token_entropy: Tensor, mask: Tensor | None = None, *, alpha: float = 0.4, kappa: float = 2.0
) -> Tensor:
    """Return any advantages with the entropy term of `entropy_adv`, `[..., n, T]`.

    A_it = A_i + min(alpha H_it, |A_i| / kappa) (Cheng et al., arXiv 2506.14758), for advantages of another estimator
    than GRPO's, e.g. `ei_l2o`.

    Args:
        advantages: `[..., n]`, of any estimator.
        token_entropy: `[..., n, T]`, in nats, >= 0.
        mask: `[..., n, T]`, true at the tokens of the answer; all tokens if left out.
        alpha: weight of the entropy, >= 0.
        kappa: bound of the term relative to the advantage, > 1.

    Raises:
        ValueError: shapes that do not fit, parameters outside their ranges, entropies that are not finite.
    """
    if not (math.isfinite(alpha) and alpha >= 0):
        raise ValueError(f"alpha must be finite and >= 0, got {alpha}: 0 switches the entropy term off")
    if not kappa > 1:
        raise ValueError(f"kappa must be > 1, got {kappa}: else the entropy term can turn the sign of an advantage")
    if token_entropy.shape[:-1] != advantages.shape:
        raise ValueError(
            f"token_entropy must have shape [..., n, T] for advantages {tuple(advantages.shape)}, "
            f"got {tuple(token_entropy.shape)}"
        )
    if mask is not None and mask.shape != token_entropy.shape:
        raise ValueError(f"mask must have token_entropy's shape {tuple(token_entropy.shape)}, got {tuple(mask.shape)}")
    per_token = advantages.detach().unsqueeze(-1)
    entropy = token_entropy.detach().to(per_token.dtype)
    if mask is not None:
        entropy = torch.where(mask.bool(), entropy, 0.0)
    if not bool((torch.isfinite(entropy) & (entropy >= 0)).all()):
        raise ValueError("token_entropy must be finite and >= 0 at every token in the mask: pass entropies in nats")
    shaped = per_token + torch.minimum(alpha * entropy, per_token.abs() / kappa)
    return shaped if mask is None else torch.where(mask.bool(), shaped, 0.0)
