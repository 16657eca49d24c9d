"""Drawing completions, many for each prompt at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from maxpo_bench.llm.tiny.attention import CachedAttention
from maxpo_bench.llm.tiny.model import TinyLM
from maxpo_bench.llm.tiny.prefix import check_prompts, run_prefix


@dataclass(frozen=True, slots=True)
class Samples:
    """Completions of P prompts, n each; the rows of prompt p are p*n .. p*n + n - 1.

    Attributes:
        tokens: [P*n, T], padded on the right after the end-of-sequence token; T is the length of the longest.
        mask: True at tokens that were drawn, the end-of-sequence token included, [P*n, T].
        logprobs: log-probability of each drawn token under the model at the temperature, before top-p, [P*n, T]; 0 at
            padding. What `token_logprobs` gives for these tokens.
        entropies: of the distribution at each drawn token, in nats, of the same distribution, [P*n, T]; 0 at padding.
    """

    tokens: Tensor
    mask: Tensor
    logprobs: Tensor
    entropies: Tensor

    @property
    def lengths(self) -> Tensor:
        """Number of drawn tokens of each row, [P*n]."""
        return self.mask.sum(1)

    def completions(self) -> list[list[int]]:
        """Return the drawn tokens of each row."""
        return [row[:length] for row, length in zip(self.tokens.tolist(), self.lengths.tolist(), strict=True)]


def sample(
    model: TinyLM,
    prompts: Sequence[Sequence[int]],
    n: int,
    *,
    max_new_tokens: int,
    generator: torch.Generator,
    eos_id: int,
    pad_id: int | None = None,
    temperature: float = 1.0,
    top_p: float = 1.0,
) -> Samples:
    """Draw n completions of each prompt; the same call with the generator in the same state gives the same, bitwise.

    A row ends with the end-of-sequence token, or after ``max_new_tokens``. One uniform number per row and token decides
    by the inverse cumulative distribution: P*n * max_new_tokens of them are taken from the generator, row by row,
    whatever is drawn.

    Args:
        model: the model.
        prompts: tokens of each prompt, of one length or several.
        n: completions of each, at least 1.
        max_new_tokens: the most tokens of a completion, the end-of-sequence token included.
        generator: where the randomness comes from.
        eos_id: the token that ends a completion.
        pad_id: what stands behind it; None: ``eos_id``.
        temperature: what logits are divided by, > 0.
        top_p: in (0, 1]: only the most probable tokens that together have at least this probability are drawn, as in
            transformers (Holtzman et al., arXiv 1904.09751).

    Raises:
        ValueError: an argument is out of range, or prompt and completion exceed the model's context.
    """
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    check_prompts(prompts, max_new_tokens, model)
    uniforms = torch.rand(len(prompts) * n, max_new_tokens, generator=generator, dtype=torch.float64)
    return sample_by(model, prompts, uniforms, eos_id=eos_id, pad_id=pad_id, temperature=temperature, top_p=top_p)


def sample_by(
    model: TinyLM,
    prompts: Sequence[Sequence[int]],
    uniforms: Tensor,
    *,
    eos_id: int,
    pad_id: int | None = None,
    temperature: float = 1.0,
    top_p: float = 1.0,
) -> Samples:
    """Draw as `sample` does, by given uniform numbers.

    Args:
        model: the model.
        prompts: tokens of each prompt, P of them.
        uniforms: in [0, 1), float64, [P*n, max_new_tokens].
        eos_id: see `sample`, as for the other arguments.
        pad_id: what stands behind it.
        temperature: what logits are divided by.
        top_p: probability of the tokens that may be drawn.

    Raises:
        ValueError: an argument is out of range, or prompt and completion exceed the model's context.
    """
    rows, most = uniforms.shape
    check_prompts(prompts, most, model)
    if rows == 0 or rows % len(prompts):
        raise ValueError(f"uniforms has {rows} rows for {len(prompts)} prompts: give as many for each, at least one")
    if not temperature > 0:
        raise ValueError(f"temperature must be above 0, got {temperature}")
    if not 0 < top_p <= 1:
        raise ValueError(f"top_p must be above 0 and at most 1, got {top_p}")
    if not 0 <= eos_id < model.architecture.vocab_size:
        raise ValueError(f"eos_id must be in 0 to {model.architecture.vocab_size - 1}, got {eos_id}")
    tokens = torch.full((rows, most), eos_id if pad_id is None else pad_id)
    mask = torch.zeros((rows, most), dtype=torch.bool)
    logprobs, entropies = torch.zeros(2, rows, most)
    # What is written to was made outside, so that autograd may use it later.
    with torch.inference_mode():
        length = _draw(model, prompts, uniforms, (tokens, mask, logprobs, entropies), eos_id, temperature, top_p)
    return Samples(*(found[:, :length].contiguous() for found in (tokens, mask, logprobs, entropies)))


def _draw(
    model: TinyLM,
    prompts: Sequence[Sequence[int]],
    uniforms: Tensor,
    found: tuple[Tensor, Tensor, Tensor, Tensor],
    eos_id: int,
    temperature: float,
    top_p: float,
) -> int:
    """Fill tokens, mask, log-probabilities and entropies; return the length of the longest row."""
    tokens, mask, logprobs, entropies = found
    rows, most = uniforms.shape
    repeats = rows // len(prompts)
    weights = model.fused()
    prefix = run_prefix(model, prompts, weights)
    logits = model.head(prefix.last).repeat_interleave(repeats, 0)
    lengths = None if prefix.lengths is None else prefix.lengths.repeat_interleave(repeats)[:, None]
    attention = CachedAttention(prefix.keys_values, repeats, prefix.lengths, most - 1)
    is_open = torch.ones(rows, dtype=torch.bool)
    for step in range(most):
        drawn, scores, entropy = choose(logits, uniforms[:, step], temperature, top_p)
        mask[:, step] = is_open
        tokens[:, step] = torch.where(is_open, drawn, tokens[:, step])
        logprobs[:, step] = torch.where(is_open, scores, 0.0)
        entropies[:, step] = torch.where(is_open, entropy, 0.0)
        is_open &= drawn != eos_id
        if step + 1 == most or not is_open.any():
            return step + 1
        now = prefix.longest + step
        positions = slice(now, now + 1) if lengths is None else lengths + step
        hidden = model.blocks(model.embed(drawn[:, None]), positions, attention, weights)
        attention.advance()
        logits = model.head(hidden[:, 0])
    raise AssertionError("unreachable: the last step returns")


class Choice(NamedTuple):
    """One token of each row.

    Attributes:
        tokens: integers [B].
        logprobs: log-probability of each, before top-p, [B].
        entropies: of the distribution before top-p, in nats, [B].
    """

    tokens: Tensor
    logprobs: Tensor
    entropies: Tensor


def choose(logits: Tensor, uniforms: Tensor, temperature: float = 1.0, top_p: float = 1.0) -> Choice:
    """Return a token of each row, drawn by uniform numbers.

    Args:
        logits: [B, V].
        uniforms: in [0, 1), float64, [B].
        temperature: what logits are divided by, > 0.
        top_p: in (0, 1].
    """
    # float64: 24 bits of a uniform number would never draw tokens of probability below 6e-8.
    scores = torch.log_softmax(logits.double() / temperature, -1)
    probabilities = scores.exp()
    entropies = torch.special.entr(probabilities).sum(-1)
    if top_p < 1.0:
        probabilities = _nucleus(probabilities, top_p)
    cumulative = probabilities.cumsum(-1)
    below = uniforms[:, None] * cumulative[:, -1:]
    tokens = (cumulative <= below).sum(-1).clamp_(max=logits.shape[-1] - 1)
    logprobs = scores.gather(-1, tokens[:, None]).squeeze(-1)
    return Choice(tokens, logprobs.to(logits.dtype), entropies.to(logits.dtype))


def _nucleus(probabilities: Tensor, top_p: float) -> Tensor:
    """Set the probabilities to 0 of tokens that are outside the smallest set of probability ``top_p``.

    Transformers' rule: in ascending order, those whose cumulative probability is at most 1 - top_p; never the last.
    """
    ascending, order = torch.sort(probabilities, dim=-1, stable=True)
    is_out = ascending.cumsum(-1) <= 1.0 - top_p
    is_out[:, -1] = False
    return probabilities.masked_fill(is_out.scatter(-1, order, is_out), 0.0)
