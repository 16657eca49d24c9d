"""Gradients of weighted log-probabilities of completions, in passes of bounded size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from maxpo_bench.llm.tiny.model import TinyLM
from maxpo_bench.llm.tiny.scoring import token_logprobs

TOKENS_PER_PASS = 16_384
"""Default bound on rows times tokens, prompts included; about half a gigabyte for a model of the default size."""


@dataclass(frozen=True)
class TokenBatch:
    """Completions of prompts; `B` rows, `L` tokens of the longest completion.

    Attributes:
        prompts: tokens of each prompt, each once.
        prompt_of: `[B]` which prompt a row continues.
        tokens: `[B, L]` completions, padded on the right.
        mask: `[B, L]` where there is a token.
    """

    prompts: list[list[int]]
    prompt_of: Tensor
    tokens: Tensor
    mask: Tensor

    @classmethod
    def of(cls, prompts: Sequence[list[int]], completions: Sequence[Sequence[int]], pad_id: int) -> TokenBatch:
        """Return the batch of B prompts and their completions.

        Args:
            prompts: of each row.
            completions: of each row, at least one token.
            pad_id: what is put behind them.
        """
        places: dict[tuple[int, ...], int] = {}
        prompt_of = [places.setdefault(tuple(prompt), len(places)) for prompt in prompts]
        longest = max(map(len, completions))
        tokens = torch.tensor([[*row, *[pad_id] * (longest - len(row))] for row in completions])
        lengths = torch.tensor([len(row) for row in completions])
        mask = torch.arange(longest) < lengths[:, None]
        return cls([list(prompt) for prompt in places], torch.tensor(prompt_of), tokens, mask)

    @property
    def num_tokens(self) -> int:
        """Number of tokens of all completions."""
        return int(self.mask.sum())

    def shares(self, aggregation: str) -> Tensor:
        """Return what a token counts in its row, `[B, L]` float32: 1 for "sum", 1/|o| for "sequence", 0 at padding."""
        counts = self.mask.float()
        return counts / counts.sum(1, keepdim=True) if aggregation == "sequence" else counts

    def rows(self, chosen: Tensor) -> TokenBatch:
        """Return the batch of some rows `[b]`, with the prompts that they continue."""
        used, prompt_of = self.prompt_of[chosen].unique(return_inverse=True)
        mask = self.mask[chosen]
        longest = int(mask.sum(1).max()) if len(chosen) else 0
        prompts = [self.prompts[number] for number in used.tolist()]
        return TokenBatch(prompts, prompt_of, self.tokens[chosen, :longest], mask[:, :longest])


def gradient_of(
    model: TinyLM,
    batch: TokenBatch,
    factors: Tensor,
    bonus: Tensor | None,
    temperature: float,
    tokens_per_pass: int = TOKENS_PER_PASS,
) -> list[Tensor]:
    """Return the gradient of sum_bt factors_bt log p_bt + bonus_bt H_bt, with H the entropy where a token is drawn.

    Rows without any weight take no part.

    Args:
        model: whose parameters.
        batch: the completions.
        factors: `[B, L]`, 0 at padding.
        bonus: `[B, L]`, 0 at padding; None for none.
        temperature: what logits are divided by.
        tokens_per_pass: bound on rows times tokens of one pass.

    Returns:
        One tensor per parameter.
    """
    parameters = list(model.parameters())
    has_weight = factors.any(1) if bonus is None else (factors.any(1) | bonus.any(1))
    kept = torch.nonzero(has_weight).squeeze(1)
    parts = [torch.zeros_like(parameter) for parameter in parameters]
    for chosen, part in _passes(batch, kept, tokens_per_pass):
        scores = token_logprobs(model, part.prompts, part.tokens, prompt_of=part.prompt_of, temperature=temperature)
        length = part.tokens.shape[1]
        objective = (factors[chosen, :length] * scores.logprobs).sum()
        if bonus is not None:
            objective = objective + (bonus[chosen, :length] * scores.entropies).sum()
        for total, piece in zip(parts, torch.autograd.grad(objective, parameters), strict=True):
            total += piece
    return parts


def _passes(batch: TokenBatch, kept: Tensor, tokens_per_pass: int) -> Iterator[tuple[Tensor, TokenBatch]]:
    """Yield the rows ``kept`` in batches of at most so many tokens, at least one row each."""
    length = batch.tokens.shape[1] + max(map(len, batch.prompts), default=0)
    for chosen in kept.split(max(1, tokens_per_pass // max(1, length))):
        if len(chosen):
            yield chosen, batch.rows(chosen)
