"""Sampling with transformers' generate, each sample by a generator of its own.

transformers samples from torch's global generator. Here a logits processor draws each token itself, and leaves no
other to choose to the greedy search that generate then does: so a sample depends on its own seed, nobody's global
state is read or written, and stopping, cache and padding remain generate's.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from transformers import AutoModelForCausalLM, GenerationConfig, LogitsProcessor, LogitsProcessorList
from transformers.utils import logging

from maxpo_bench.llm.sampling.choice import choose_tokens
from maxpo_bench.llm.sampling.settings import Completion, Request


class TransformersEngine:
    """A model of transformers.

    Requests are drawn in batches of fixed size in their order; prompts of different length are padded on the left.

    Args:
        model: folder or hub name.
        dtype: "float32", "bfloat16" or "float16".
        device: such as "cpu" or "cuda:1".
        batch_size: completions that are drawn at once.
        stop_ids: the model's end-of-sequence tokens.
    """

    def __init__(self, model: str, *, dtype: str, device: str, batch_size: int, stop_ids: Sequence[int]) -> None:
        with _no_bars():
            loaded: Any = AutoModelForCausalLM.from_pretrained(model, dtype=getattr(torch, dtype))
        self._model = loaded.to(device).eval()
        # generate fills what a call leaves open from the model's own, such as a repetition penalty
        self._model.generation_config = GenerationConfig()
        self._batch_size = batch_size
        self._stop_ids = list(stop_ids)

    def generate(self, requests: Sequence[Request], *, temperature: float, top_p: float) -> list[Completion]:
        """Draw one completion per request, in their order.

        Raises:
            FloatingPointError: the model's logits are not numbers.
        """
        done: list[Completion] = []
        for start in range(0, len(requests), self._batch_size):
            done += self._generate_batch(requests[start : start + self._batch_size], temperature, top_p)
        return done

    def _generate_batch(self, requests: Sequence[Request], temperature: float, top_p: float) -> list[Completion]:
        tokens, mask = _padded([request.prompt for request in requests], self._pad_id)
        longest = max(request.max_new_tokens for request in requests)
        choice = _TokenChoice(_uniforms(requests, longest), tokens.shape[1], temperature, top_p)
        config = GenerationConfig(
            do_sample=False,
            max_new_tokens=longest,
            eos_token_id=self._stop_ids or None,
            pad_token_id=self._pad_id,
            use_cache=True,
        )
        device = self._model.device
        with torch.inference_mode():
            found = self._model.generate(
                input_ids=tokens.to(device),
                attention_mask=mask.to(device),
                generation_config=config,
                logits_processor=LogitsProcessorList([choice]),
            )
        drawn, logprobs = found[:, tokens.shape[1] :].tolist(), torch.stack(choice.logprobs, dim=1).tolist()
        return [self._completion(*parts) for parts in zip(requests, drawn, logprobs, strict=True)]

    @property
    def _pad_id(self) -> int:
        """Any token: what it stands for is masked, or comes after the end."""
        return self._stop_ids[0] if self._stop_ids else 0

    def _completion(self, request: Request, tokens: list[int], logprobs: list[float]) -> Completion:
        """Return a row up to its first end-of-sequence token, or its limit."""
        limit = min(request.max_new_tokens, len(tokens))
        end = next((at for at in range(limit) if tokens[at] in self._stop_ids), None)
        length = limit if end is None else end + 1
        return Completion(tuple(tokens[:length]), tuple(logprobs[:length]), "length" if end is None else "stop")


class _TokenChoice(LogitsProcessor):
    """Draws a token per row and gives it logit 0, all others minus infinity; remembers its log-probability."""

    def __init__(self, uniforms: torch.Tensor, prompt_length: int, temperature: float, top_p: float) -> None:
        self.logprobs: list[torch.Tensor] = []
        self._uniforms, self._prompt_length = uniforms, prompt_length
        self._temperature, self._top_p = temperature, top_p

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return the logits [B, V] of the next token with one choice left in each row."""
        uniforms = self._uniforms[:, input_ids.shape[1] - self._prompt_length].to(scores.device)
        logprobs = torch.log_softmax(scores, dim=-1)
        if bool(logprobs.isnan().any()):
            raise FloatingPointError("the model's logits are not numbers: try dtype float32, or check its weights")
        chosen = choose_tokens(scores, uniforms, temperature=self._temperature, top_p=self._top_p)[:, None]
        self.logprobs.append(logprobs.gather(1, chosen)[:, 0].cpu())
        return torch.full_like(scores, -torch.inf).scatter_(1, chosen, 0.0)


@contextmanager
def _no_bars() -> Iterator[None]:
    """Keep transformers' own progress bars out of pipes."""
    was_enabled = logging.is_progress_bar_enabled()
    if was_enabled and not sys.stderr.isatty():
        logging.disable_progress_bar()
    try:
        yield
    finally:
        if was_enabled:
            logging.enable_progress_bar()


def _uniforms(requests: Sequence[Request], count: int) -> torch.Tensor:
    """Return each sample's uniforms, [B, count] float64, made on the CPU so that devices do not differ in them."""
    rows = [
        torch.rand(count, generator=torch.Generator().manual_seed(request.seed), dtype=torch.float64)
        for request in requests
    ]
    return torch.stack(rows)


def _padded(prompts: Sequence[tuple[int, ...]], pad_id: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return tokens and mask, [B, T], padded on the left."""
    width = max(map(len, prompts))
    tokens = torch.full((len(prompts), width), pad_id)
    mask = torch.zeros_like(tokens)
    for row, prompt in enumerate(prompts):
        tokens[row, width - len(prompt) :] = torch.tensor(prompt)
        mask[row, width - len(prompt) :] = 1
    return tokens, mask
