"""Log-probabilities of completions, to differentiate: the pass that a policy gradient goes back through.

A prompt that many completions share is gone through once: for 16 completions of 8 tokens to prompts of 9 tokens that
halves the work. The result is that of the model on the whole rows, to float32 rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from maxpo_bench.llm.tiny.attention import PrefixAttention
from maxpo_bench.llm.tiny.model import TinyLM
from maxpo_bench.llm.tiny.prefix import Prefix, check_prompts, run_prefix


class TokenScores(NamedTuple):
    """What a model says of given tokens.

    Attributes:
        logprobs: log-probability of each token, [B, T]; of padding it means nothing, and must be masked.
        entropies: of the distribution that each token was drawn from, in nats, [B, T].
    """

    logprobs: Tensor
    entropies: Tensor


def token_logprobs(
    model: TinyLM,
    prompts: Sequence[Sequence[int]],
    completions: Tensor,
    *,
    prompt_of: Tensor | None = None,
    temperature: float = 1.0,
) -> TokenScores:
    """Return the log-probability of every token of completions, and the entropy there; both can be differentiated.

    Args:
        model: the model.
        prompts: tokens of each prompt, P of them, of one length or several.
        completions: [B, T], padded on the right with any token, such as `Samples.tokens`.
        prompt_of: which prompt each row continues, [B], in any order, so that rows without weight can be left out;
            None: B = P * n, and the rows of prompt p are p*n .. p*n + n - 1.
        temperature: what logits are divided by, > 0; no top-p.

    Returns:
        Log-probabilities and entropies, [B, T] each.

    Raises:
        ValueError: shapes do not fit, prompts are empty, or prompt and completion exceed the context.
    """
    if completions.dim() != 2:
        raise ValueError(f"completions must be [rows, tokens], got the shape {tuple(completions.shape)}")
    if not temperature > 0:
        raise ValueError(f"temperature must be above 0, got {temperature}")
    rows, length = completions.shape
    check_prompts(prompts, length, model)
    prompt_of = _prompt_of(prompt_of, len(prompts), rows)
    logits = _logits(model, prompts, completions, prompt_of)
    # The log-probabilities of all tokens are few here, and needed twice.
    logprobs = torch.log_softmax(logits if temperature == 1.0 else logits / temperature, -1)
    chosen = logprobs.gather(-1, completions[..., None]).squeeze(-1)
    return TokenScores(chosen, -(logprobs.exp() * logprobs).sum(-1))


def _prompt_of(given: Tensor | None, prompts: int, rows: int) -> Tensor:
    if given is None:
        if rows % prompts:
            raise ValueError(f"{rows} completions of {prompts} prompts: give prompt_of where their numbers differ")
        return torch.arange(prompts).repeat_interleave(rows // prompts)
    if given.shape != (rows,):
        raise ValueError(f"prompt_of must name a prompt for each of {rows} rows, got the shape {tuple(given.shape)}")
    return given


def _logits(model: TinyLM, prompts: Sequence[Sequence[int]], completions: Tensor, prompt_of: Tensor) -> Tensor:
    """Return the logits [B, T, V] that the completions' tokens are drawn by."""
    weights = model.fused()
    prefix = run_prefix(model, prompts, weights)
    first = model.head(prefix.last)[prompt_of, None]
    inputs = completions[:, :-1]
    if not inputs.shape[1]:
        return first
    attention = PrefixAttention(prefix.keys_values, prompt_of, prefix.lengths, inputs.shape[1])
    hidden = model.blocks(model.embed(inputs), _positions(prefix, prompt_of, inputs.shape[1]), attention, weights)
    return torch.cat((first, model.head(hidden)), 1)


def _positions(prefix: Prefix, prompt_of: Tensor, length: int) -> slice | Tensor:
    if prefix.lengths is None:
        return slice(prefix.longest, prefix.longest + length)
    return prefix.lengths[prompt_of, None] + torch.arange(length)
