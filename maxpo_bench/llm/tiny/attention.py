"""Where a block's attention takes its keys and values from: the tokens themselves, a prefix, or a cache.

All tensors are `[rows, heads, tokens, head size]`, queries and keys already rotated to their positions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from maxpo_bench.llm.tiny.operations import spread

KeysValues = list[tuple[Tensor, Tensor]]
"""Keys and values of every layer, each [rows, heads, tokens, head size]."""


class Attention(ABC):
    """What the tokens of one pass attend to."""

    @abstractmethod
    def __call__(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Return the attended values [rows, heads, tokens, head size] of one layer."""


class CausalAttention(Attention):
    """Every token attends to itself and those before it in its row.

    Attributes:
        kept: keys and values of the layers that have been passed, if ``keep``.
    """

    def __init__(self, *, keep: bool = False) -> None:
        self.keep = keep
        self.kept: KeysValues = []

    def __call__(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Attend, and keep keys and values if asked to."""
        if self.keep:
            self.kept.append((keys, values))
        return scaled_dot_product_attention(queries, keys, values, is_causal=True)


class PrefixAttention(Attention):
    """Every token attends to a prefix of its row, to itself and to those before it; differentiable in all.

    Args:
        prefix: keys and values of the prefixes, [P, heads, L, head size] in each layer.
        prefix_of: which prefix each row continues, [B].
        lengths: number of real tokens of each prefix, [P]; None where all have L.
        num_tokens: T, the tokens of each row after the prefix.
    """

    def __init__(self, prefix: KeysValues, prefix_of: Tensor, lengths: Tensor | None, num_tokens: int) -> None:
        self.prefix = prefix
        self.prefix_of = prefix_of
        past = prefix[0][0].shape[2]
        self.mask = torch.ones(num_tokens, past + num_tokens, dtype=torch.bool).tril(past)
        if lengths is not None:
            real = torch.arange(past + num_tokens) < lengths[prefix_of, None]
            real[:, past:] = True
            self.mask = self.mask & real[:, None, None, :]

    def __call__(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Attend to the layer's prefixes and the tokens."""
        past_keys, past_values = self.prefix[layer]
        keys = torch.cat((spread(past_keys, self.prefix_of), keys), 2)
        values = torch.cat((spread(past_values, self.prefix_of), values), 2)
        return scaled_dot_product_attention(queries, keys, values, attn_mask=self.mask)


class CachedAttention(Attention):
    """One token a row at a time, which attends to all that came before; rows of one prefix share its keys and values.

    Args:
        prefix: keys and values of the prefixes, [P, heads, L, head size] in each layer.
        repeats: n, rows of each prefix: those of prefix p are p*n .. p*n + n - 1.
        lengths: number of real tokens of each prefix, [P]; None where all have L.
        num_tokens: the most tokens that follow.
    """

    def __init__(self, prefix: KeysValues, repeats: int, lengths: Tensor | None, num_tokens: int) -> None:
        keys = prefix[0][0]
        prefixes, heads, self.past, size = keys.shape
        self.used = 0
        scale = size**-0.5
        self.prefix = [((key * scale).transpose(2, 3).contiguous(), value.contiguous()) for key, value in prefix]
        # Time first, so that the tokens so far lie side by side.
        shape = (num_tokens, prefixes, repeats, heads, size)
        self.own = [(keys.new_empty(shape), keys.new_empty(shape)) for _ in prefix]
        self.is_padding = None if lengths is None else torch.arange(self.past) >= lengths[:, None, None, None]
        self.scale = scale

    def advance(self) -> None:
        """Go on to the next token; called after each pass through all layers."""
        self.used += 1

    def __call__(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Keep the token's key and value and attend to all so far."""
        (past_keys, past_values), (own_keys, own_values) = self.prefix[layer], self.own[layer]
        now, shape = self.used + 1, own_keys.shape[1:]
        own_keys[self.used] = keys.view(shape)
        own_values[self.used] = values.view(shape)
        asking = queries.view(shape)
        to_own = (own_keys[:now] * asking).sum(-1).mul_(self.scale)
        to_past = asking.transpose(1, 2) @ past_keys
        if self.is_padding is not None:
            to_past = to_past.masked_fill(self.is_padding, -torch.inf)
        shares = torch.cat((to_past, to_own.permute(1, 3, 2, 0)), -1).softmax(-1)
        from_past = shares[..., : self.past] @ past_values
        from_own = (shares[..., self.past :].permute(3, 0, 2, 1)[..., None] * own_values[:now]).sum(0)
        return (from_past.transpose(1, 2) + from_own).reshape(queries.shape)
