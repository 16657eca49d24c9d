"""Where a block's attention takes its keys and values from: the tokens themselves, a prefix, or a cache.

All tensors are `[rows, heads, tokens, head size]`, queries and keys already rotated to their positions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

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
        keys = torch.cat((past_keys[self.prefix_of], keys), 2)
        values = torch.cat((past_values[self.prefix_of], values), 2)
        return scaled_dot_product_attention(queries, keys, values, attn_mask=self.mask)


class CachedAttention(Attention):
    """One token a row at a time, which attends to all that came before; keys and values are kept in place.

    Args:
        prefix: keys and values of the prefixes, [P, heads, L, head size] in each layer.
        repeats: n, rows of each prefix: those of prefix p are p*n .. p*n + n - 1.
        lengths: number of real tokens of each prefix, [P]; None where all have L.
        num_tokens: the most tokens that follow.
    """

    def __init__(self, prefix: KeysValues, repeats: int, lengths: Tensor | None, num_tokens: int) -> None:
        prefixes, heads, self.used, size = prefix[0][0].shape
        total = self.used + num_tokens
        self.cache: KeysValues = []
        for pair in prefix:
            rooms = [part.new_empty(prefixes, repeats, heads, total, size) for part in pair]
            for room, part in zip(rooms, pair, strict=True):
                room[:, :, :, : self.used] = part[:, None]
            keys, values = (room.view(prefixes * repeats, heads, total, size) for room in rooms)
            self.cache.append((keys, values))
        self.mask: Tensor | None = None
        if lengths is not None:
            mask = torch.arange(total) < lengths[:, None]
            mask[:, self.used :] = True
            self.mask = mask.repeat_interleave(repeats, 0)[:, None, None, :]

    def advance(self) -> None:
        """Go on to the next token; called after each pass through all layers."""
        self.used += 1

    def __call__(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Keep the token's key and value and attend to all so far."""
        all_keys, all_values = self.cache[layer]
        now = self.used
        all_keys[:, :, now : now + 1] = keys
        all_values[:, :, now : now + 1] = values
        mask = None if self.mask is None else self.mask[..., : now + 1]
        return scaled_dot_product_attention(
            queries, all_keys[:, :, : now + 1], all_values[:, :, : now + 1], attn_mask=mask
        )
