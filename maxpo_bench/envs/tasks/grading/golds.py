r"""Checks of reference answers: one that no completion can match would be a silent 0 for every answer."""

from __future__ import annotations

from collections.abc import Sequence

MAX_GOLD_LENGTH = 10_000

_REMEDY = (
    "give the reference answer alone; maxpo_bench.envs.tasks.load_problems reads it from the data set, "
    "or text.split('####')[-1]"
)


def check_gold(gold: str, name: str) -> None:
    r"""Refuse a reference answer that is none.

    Args:
        gold: the reference answer.
        name: what the caller calls it, such as "golds[3]".

    Raises:
        ValueError: it is empty, holds "####" or a ``\boxed``, or has more than 10,000 characters.
    """
    if len(gold) > MAX_GOLD_LENGTH:
        raise ValueError(f"{name} has {len(gold)} characters, more than {MAX_GOLD_LENGTH}: is it an answer?")
    if not gold or gold.isspace():
        raise ValueError(f"{name} is empty, so that every answer to it would be wrong: {_REMEDY}")
    for marker in ("####", "\\boxed"):
        if marker in gold:
            raise ValueError(f"{name} holds {marker!r}: {_shorten(gold)}; {_REMEDY}".replace("\\\\boxed", "\\boxed"))


def check_texts(golds: Sequence[str], completions: Sequence[str]) -> None:
    """Refuse what cannot be graded.

    Raises:
        TypeError: a gold or a completion is not a string.
        ValueError: the two have different lengths, or a gold is none.
    """
    for name, texts in (("golds", golds), ("completions", completions)):
        if isinstance(texts, str):
            raise TypeError(f"{name} is one string: give a list of strings")
        for index, text in enumerate(texts):
            if not isinstance(text, str):
                raise TypeError(f"{name}[{index}] must be a string, got {text!r} of type {type(text).__name__}")
    for index, gold in enumerate(golds):
        check_gold(gold, f"golds[{index}]")
    if len(golds) != len(completions):
        raise ValueError(f"{len(golds)} golds and {len(completions)} completions: give one gold per completion")


def _shorten(text: str) -> str:
    """Return the end of a text, where the answer is."""
    return repr(text if len(text) <= 60 else "..." + text[-57:])
