r"""What counts as the answer of a procedural task, and the forms in which it may be written.

The answer is the content of the last balanced ``\boxed{}`` after ``</think>`` where there is one, else the whole text
after ``</think>``, stripped. Nothing is searched for in running text: "it might be 5" is malformed.

Accepted beside the plain form: one pair of ``$...$`` or ``\(...\)`` around it, one full stop after it, and the minus
sign U+2212. Everything else is read as it stands: other scripts' digits and zero-width characters are malformed.
No answer is ever evaluated, and none longer than `ANSWER_LIMIT` is read.
"""

from __future__ import annotations

import re

from maxpo_bench.envs.tasks.grading.extract import extract_boxed

ANSWER_LIMIT = 200

_THINK_END = "</think>"
_INTEGER = re.compile(r"([+-]?)([0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)")
_MARKS = (("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]"))


def read_answer(completion: str) -> str:
    r"""Return the text that counts as the answer, stripped, of any length; it may be empty.

    Args:
        completion: the whole text that was answered. ``<think>...</think>`` before the answer is not part of it.
    """
    boxed = extract_boxed(completion)
    if boxed is not None:
        return boxed
    return completion.rpartition(_THINK_END)[2].strip()


def plain_text(answer: str) -> str:
    r"""Remove what may stand around an answer: mathematics marks and one full stop; U+2212 becomes ``-``."""
    text = answer.strip().removesuffix(".").rstrip()
    for opening, closing in _MARKS:
        if len(text) >= len(opening) + len(closing) and text.startswith(opening) and text.endswith(closing):
            text = text[len(opening) : -len(closing)].strip().removesuffix(".").rstrip()
            break
    return text.replace("\N{MINUS SIGN}", "-")


def canonical_integer(answer: str) -> str | None:
    r"""Return an integer's shortest spelling ("-7", "0", "1234"), or None if the answer is no integer.

    A sign, leading zeros and thousands in groups of three (``1,234``, ``1{,}234``, ``1\,234``) are accepted; a decimal
    point is not, nor more than one number. The digits are compared as text, never converted.
    """
    text = plain_text(answer).replace("{,}", ",").replace(r"\,", ",").replace(r"\!", "")
    found = _INTEGER.fullmatch(text)
    if found is None:
        return None
    digits = found[2].replace(",", "").lstrip("0")
    if not digits:
        return "0"
    return f"-{digits}" if found[1] == "-" else digits
