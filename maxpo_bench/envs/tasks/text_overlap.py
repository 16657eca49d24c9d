r"""When two questions are the same, and how similar they are otherwise.

A picture in Asymptote code counts as nothing in both. Two questions are the *same* where nothing differs but white
space, capitals, braces, dollar signs and the punctuation ``. , ; : ! ?``; so 22.5 is the same as 225, which errs
towards finding too much. They are *candidates* for being near where they have `RUN` consecutive words in common,
words being runs of letters and digits; and their *similarity* is the Jaccard index of their sets of `GRAM`
consecutive words.

Either alone would find too much: a common run of eight words is found for 198 of the 500 problems of MATH-500 in MATH's
train split ("what is the smallest positive integer such that"), and the Jaccard index is large for every pair of short
questions that differ in a number only ("what is the largest prime factor of").
"""

from __future__ import annotations

import re
from collections.abc import Sequence

RUN = 8
GRAM = 3

_PICTURE = re.compile(r"\[asy\].*?\[/asy\]", re.DOTALL)
_IGNORED = re.compile(r"[\s{}$.,;:!?]+")
_WORD = re.compile(r"[^\W_]+")

Gram = tuple[str, ...]


def same_form(question: str) -> str:
    """Return what two questions have in common if and only if they are the same.

    A question of which nothing is left, such as a picture alone, is the same as itself only.
    """
    form = _IGNORED.sub("", _PICTURE.sub(" ", question).lower())
    return form or " ".join(question.split())


def words(question: str) -> list[str]:
    """Return the words of a question, in lower case and without pictures."""
    return _WORD.findall(_PICTURE.sub(" ", question).lower())


def grams(sequence: Sequence[str], length: int) -> set[Gram]:
    """Return all runs of ``length`` consecutive words; empty where there are fewer words."""
    return set(zip(*(sequence[start:] for start in range(length)), strict=False))


def jaccard(one: set[Gram], other: set[Gram]) -> float:
    """Return the size of the intersection over that of the union, 0 where both are empty."""
    common = len(one & other)
    union = len(one) + len(other) - common
    return common / union if union else 0.0
