"""The verdicts that need no computer algebra."""

from __future__ import annotations

import re
from fractions import Fraction

_NUMBER = re.compile(r"[+-]?[0-9]{1,100}(\.[0-9]{1,100})?")


def fast_verdict(gold: str, answer: str) -> bool | None:
    """Compare two normalised answers where plain text or plain numbers decide, else return None.

    Args:
        gold: the normalised reference answer.
        answer: the normalised answer to judge.
    """
    if not answer or not gold:
        return False
    if gold == answer:
        return True
    if _NUMBER.fullmatch(gold) and _NUMBER.fullmatch(answer):
        return Fraction(gold) == Fraction(answer)
    return None
