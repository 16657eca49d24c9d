"""The entropy at each token that is sampled, read off the logits that are computed anyway."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from maxpo_bench.llm.tiny.model import TinyLM


class EntropyRecorder:
    """A model that keeps the entropy of every distribution that `maxpo_bench.llm.tiny.sample` draws from.

    It is handed over in the model's place. Logits come from `TinyLM.head`: once for the prompts, then for all rows at
    each further token.

    Args:
        model: the model.
        temperature: what the logits are divided by before a token is drawn.
        repeats: rows of each prompt.
    """

    def __init__(self, model: TinyLM, temperature: float, repeats: int) -> None:
        self._model, self._temperature, self._repeats = model, temperature, repeats
        self._found: list[Tensor] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def head(self, hidden: Tensor) -> Tensor:
        """Return the model's logits, and keep their entropies."""
        logits = self._model.head(hidden)
        logprobs = torch.log_softmax(logits / self._temperature, -1)
        entropies = -(logprobs.exp() * logprobs).sum(-1)
        self._found.append(entropies if self._found else entropies.repeat_interleave(self._repeats))
        return logits

    def entropies(self) -> Tensor:
        """Return the entropy in nats at each row's tokens, `[rows, tokens of the longest]`."""
        return torch.stack(self._found, 1)
