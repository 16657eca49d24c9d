"""The first half of sampling and of scoring: prompts, of one length or several, gone through once each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from maxpo_bench.llm.tiny.attention import CausalAttention, KeysValues
from maxpo_bench.llm.tiny.model import BlockWeights, TinyLM


class Prefix(NamedTuple):
    """What the prompts leave behind for their completions.

    Attributes:
        keys_values: of every layer, [P, heads, L, head size]; what lies behind a shorter prompt is to be masked.
        last: the hidden states at each prompt's last token, [P, width].
        lengths: number of tokens of each prompt, [P]; None where all have L.
        longest: L.
    """

    keys_values: KeysValues
    last: Tensor
    lengths: Tensor | None
    longest: int


def check_prompts(prompts: Sequence[Sequence[int]], new_tokens: int, model: TinyLM) -> None:
    """Check that prompts can be continued.

    Raises:
        ValueError: there is none, one is empty, a token is not in the vocabulary, or prompt and completion together are
            longer than the context.
    """
    if not prompts:
        raise ValueError("there are no prompts: give at least one")
    if new_tokens < 1:
        raise ValueError(f"a completion has at least 1 token, got {new_tokens}")
    shortest, longest = min(map(len, prompts)), max(map(len, prompts))
    if shortest == 0:
        raise ValueError(f"prompt {[len(prompt) for prompt in prompts].index(0)} is empty: give at least one token")
    context, size = model.architecture.context, model.architecture.vocab_size
    if longest + new_tokens > context:
        raise ValueError(
            f"a prompt of {longest} tokens and {new_tokens} new ones exceed the model's context of {context}: "
            "shorten them, or make the model with a larger context"
        )
    low, high = min(map(min, prompts)), max(map(max, prompts))
    if low < 0 or high >= size:
        raise ValueError(f"tokens must be in 0 to {size - 1}, got {low if low < 0 else high}")


def run_prefix(model: TinyLM, prompts: Sequence[Sequence[int]], weights: list[BlockWeights]) -> Prefix:
    """Go through the prompts, padded on the right where they have different lengths.

    Args:
        model: the model.
        prompts: tokens of each, at least one, as `check_prompts` wants them.
        weights: what ``model.fused()`` returned.
    """
    sizes = [len(prompt) for prompt in prompts]
    longest = max(sizes)
    tokens = torch.tensor([[*prompt, *[0] * (longest - len(prompt))] for prompt in prompts])
    attention = CausalAttention(keep=True)
    hidden = model.blocks(model.embed(tokens), slice(0, longest), attention, weights)
    if min(sizes) == longest:
        return Prefix(attention.kept, hidden[:, -1], None, longest)
    lengths = torch.tensor(sizes)
    return Prefix(attention.kept, hidden[torch.arange(len(sizes)), lengths - 1], lengths, longest)
