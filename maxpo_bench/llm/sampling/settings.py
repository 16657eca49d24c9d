"""What is sampled: the distribution, and what goes into an engine and comes out of it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

from maxpo_bench.seeding import derive_seed

MAX_N = 1024
"""Samples per problem of the paper's largest evaluations (AIME24, AIME25, AMC23)."""
LEAST_TEMPERATURE = 0.01
"""vLLM raises smaller ones to this."""

FinishReason = Literal["stop", "length"]


@dataclass(frozen=True, slots=True)
class SamplingSettings:
    """How completions are drawn; the defaults are the paper's evaluation (App. C).

    Attributes:
        n: samples per problem, 1 to `MAX_N`.
        temperature: what the logits are divided by, at least `LEAST_TEMPERATURE`; 0 takes the likeliest token, with
            n = 1 only, since further samples would be the same.
        top_p: nucleus: the fewest likeliest tokens whose probability reaches this are kept, in (0, 1].
        max_new_tokens: a completion ends after so many tokens, its end-of-sequence token included.
        seed: root of all samples' seeds.

    Raises:
        TypeError: a value is not of its type.
        ValueError: a value is out of its range.
    """

    n: int = 256
    temperature: float = 0.6
    top_p: float = 0.95
    max_new_tokens: int = 3072
    seed: int = 0

    def __post_init__(self) -> None:
        """Check types and ranges."""
        for name in ("n", "max_new_tokens", "seed"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int):
                raise TypeError(f"{name} must be an integer, got {value!r}")
        if not 1 <= self.n <= MAX_N:
            raise ValueError(f"n must be 1 to {MAX_N} samples per problem, got {self.n}")
        if self.max_new_tokens < 1:
            raise ValueError(f"max_new_tokens must be at least 1, got {self.max_new_tokens}")
        if not 0.0 < self.top_p <= 1.0:
            raise ValueError(f"top_p must be in (0, 1], got {self.top_p}")
        if self.temperature == 0:
            if self.n > 1:
                raise ValueError(f"temperature 0 gives {self.n} equal samples: take n = 1, or a temperature above 0")
        elif not LEAST_TEMPERATURE <= self.temperature < math.inf:
            raise ValueError(f"temperature must be 0 or at least {LEAST_TEMPERATURE}, got {self.temperature}")

    def sample_seed(self, problem_id: str, sample: int) -> int:
        """Return the seed of one sample, a hash of the root seed, the problem's id and the sample's number.

        It depends neither on the order of problems, nor on n, nor on what was sampled before.
        """
        return derive_seed(self.seed, "llm sample", problem_id, sample)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Request:
    """One completion that is asked for.

    Attributes:
        prompt: tokens, at least one.
        seed: of the sample's own generator.
        max_new_tokens: at least 1; prompt and completion fit into the model's context.
    """

    prompt: tuple[int, ...]
    seed: int
    max_new_tokens: int


@dataclass(frozen=True, slots=True)
class Completion:
    """One completion.

    Attributes:
        tokens: T >= 1 tokens, the end-of-sequence token included.
        logprobs: natural logarithm of each token's probability under the model itself, at temperature 1 and without
            the nucleus, [T].
        finish_reason: "stop" where the last token is an end-of-sequence token, else "length".
    """

    tokens: tuple[int, ...]
    logprobs: tuple[float, ...]
    finish_reason: FinishReason
