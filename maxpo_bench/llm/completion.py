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
    """

    text: str
    tokens: tuple[int, ...]
    logprobs: NDArray[Any]


def shared_prompts(prompts: Sequence[Sequence[int]]) -> tuple[list[Sequence[int]], int]:
    """Return prompts and a number n such that the rows are each of them n times, with n as large as possible.

    Args:
        prompts: of all rows; those of one group are equal and stand side by side.
    """
    runs = [(prompt, len(list(rows))) for prompt, rows in groupby(prompts)]
    repeats = math.gcd(*(length for _, length in runs))
    return [prompt for prompt, length in runs for _ in range(length // repeats)], repeats
