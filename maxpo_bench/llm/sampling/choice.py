"""One token from each row of logits, by one uniform number."""

from __future__ import annotations

import torch


def choose_tokens(logits: torch.Tensor, uniforms: torch.Tensor, *, temperature: float, top_p: float) -> torch.Tensor:
    """Draw from softmax(logits / temperature), restricted to its nucleus, by the inverse of its distribution function.

    The nucleus holds a token if the likelier ones together have less than ``top_p``; so the likeliest is always in it.
    Sums are in float64: a vocabulary has 10^5 tokens. A row depends on its own logits and uniform only.

    Args:
        logits: [B, V], at least one of each row finite.
        uniforms: [B] in [0, 1), float64.
        temperature: above 0, or 0 for the likeliest token.
        top_p: in (0, 1].

    Returns:
        Tokens, [B].
    """
    if temperature == 0:
        return logits.argmax(dim=-1)
    probabilities = torch.softmax(logits / temperature, dim=-1)
    if top_p >= 1.0:
        summed = probabilities.double().cumsum(dim=-1)
        # the last token that has a probability: rounding may put the uniform beyond the whole sum
        last = (summed < summed[:, -1:]).sum(dim=-1)
        return _place(summed, uniforms, summed[:, -1], last)
    ordered, tokens = probabilities.sort(dim=-1, descending=True, stable=True)
    summed = ordered.double().cumsum(dim=-1)
    last = ((summed - ordered) < top_p).sum(dim=-1) - 1
    whole = summed.gather(1, last[:, None])[:, 0]
    return tokens.gather(1, _place(summed, uniforms, whole, last)[:, None])[:, 0]


def _place(summed: torch.Tensor, uniforms: torch.Tensor, whole: torch.Tensor, last: torch.Tensor) -> torch.Tensor:
    """Return the first place of each row whose sum exceeds the uniform's part of the whole."""
    found = torch.searchsorted(summed, (uniforms * whole)[:, None], right=True)[:, 0]
    return torch.minimum(found, last)
