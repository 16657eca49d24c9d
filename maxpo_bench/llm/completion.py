"""What a language model did in an episode: the completion it drew, and which prompts stand side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

from numpy.typing import NDArray


class Completion(NamedTuple):
    """An action of a language model.

    Attributes:
        text: what the environment gets, without special tokens.
        tokens: what was drawn, the end of sequence included if it was.
        logprobs: of each token under the model that drew it, at its temperature, `[tokens]`.
        entropies: of the distributions that the tokens were drawn from, in nats, `[tokens]`.
    """

    text: str
    tokens: tuple[int, ...]
    logprobs: NDArray[Any]
    entropies: NDArray[Any]


def shared_prompts(prompts: Sequence[Sequence[int]]) -> list[Sequence[int]]:
    """Return as few prompts as possible of which each stands for the same number of rows.

    Args:
        prompts: of all rows; those of one group are equal and stand side by side.

    Returns:
        Prompts, such that the rows are each of them n times, with n = rows / prompts.
    """
    runs = [(prompt, len(list(rows))) for prompt, rows in groupby(prompts)]
    repeats = math.gcd(*(length for _, length in runs))
    return [prompt for prompt, length in runs for _ in range(length // repeats)]
