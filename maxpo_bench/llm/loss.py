"""The token-level objective of group-based fine-tuning, for advantages of any estimator (Eq 13 of arXiv 2606.06080)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Aggregation = Literal["sequence", "constant"]


def group_policy_loss(
    logprobs: Tensor,
    sampling_logprobs: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    clip: float = 0.2,
    beta: float = 0.0,
    reference_logprobs: Tensor | None = None,
    aggregation: Aggregation = "sequence",
) -> Tensor:
    """Return the negative of the clipped group objective, a scalar to minimise.

    Eq 13: the mean over sequences of 1/|o| sum_t [ min(ratio A, clip(ratio, 1 - clip, 1 + clip) A) - beta KL_t ], with
    ratio = pi(o_t) / pi_sampling(o_t), A the sequence's advantage at each of its tokens, and KL_t = exp(d) - d - 1, d =
    log pi_ref - log pi, the estimate of the divergence from a reference policy that GRPO uses. The factor K/n of an
    estimator is not applied: multiply the advantages where it matters (a KL term, clipping of the gradient norm).

    Args:
        logprobs: log-probabilities of the sampled tokens under the policy that is trained, `[B, T]`; gradient flows.
        sampling_logprobs: the same under the policy that sampled them, `[B, T]`; no gradient flows.
        advantages: one per sequence `[B]`, or one per token `[B, T]` (as Entropy-Adv has them); no gradient flows.
        mask: 1 for tokens of the completion, 0 for padding, `[B, T]`; every sequence has at least one token.
        clip: half-width of the ratio's interval, > 0.
        beta: weight of the KL term, >= 0; needs ``reference_logprobs`` if positive.
        reference_logprobs: log-probabilities under the reference policy, `[B, T]`.
        aggregation: "sequence" divides each sequence's sum by its own length (GRPO; the paper), "constant" by T for all
            (Dr.GRPO, arXiv 2503.20783).

    Raises:
        ValueError: shapes that do not fit, an empty sequence, or a parameter out of range.
    """
    _check(logprobs, sampling_logprobs, advantages, mask, clip, beta, reference_logprobs)
    kept = mask.to(logprobs.dtype)
    per_token = advantages.detach().to(logprobs.dtype)
    per_token = per_token[:, None] if per_token.ndim == 1 else per_token
    ratio = torch.exp((logprobs - sampling_logprobs.detach()) * kept)
    objective = torch.minimum(ratio * per_token, ratio.clamp(1.0 - clip, 1.0 + clip) * per_token)
    if beta > 0 and reference_logprobs is not None:
        distance = (reference_logprobs.detach() - logprobs) * kept
        objective = objective - beta * (torch.exp(distance) - distance - 1.0)
    sums = (objective * kept).sum(-1)
    lengths = kept.sum(-1) if aggregation == "sequence" else float(mask.shape[-1])
    return -(sums / lengths).mean()


def _check(
    logprobs: Tensor,
    sampling_logprobs: Tensor,
    advantages: Tensor,
    mask: Tensor,
    clip: float,
    beta: float,
    reference_logprobs: Tensor | None,
) -> None:
    shape = logprobs.shape
    if logprobs.ndim != 2:
        raise ValueError(f"logprobs must be [sequences, tokens], got shape {list(shape)}")
    given = {"sampling_logprobs": sampling_logprobs, "mask": mask, "reference_logprobs": reference_logprobs}
    for name, value in given.items():
        if value is not None and value.shape != shape:
            raise ValueError(f"{name} has shape {list(value.shape)}, expected that of logprobs, {list(shape)}")
    if advantages.shape not in (shape, shape[:1]):
        raise ValueError(f"advantages must be [{shape[0]}] or {list(shape)}, got {list(advantages.shape)}")
    if not bool((mask.sum(-1) > 0).all()):
        raise ValueError("a sequence has no token in its mask: drop it from the batch")
    if not clip > 0:
        raise ValueError(f"clip must be positive, got {clip}")
    if beta < 0 or (beta > 0 and reference_logprobs is None):
        raise ValueError(f"beta must be >= 0, and reference_logprobs given where it is positive; got beta={beta}")
