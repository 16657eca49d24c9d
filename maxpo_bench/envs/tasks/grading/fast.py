"""The verdicts that need no computer algebra: equal texts, plain numbers, words, numbers in a base."""

from __future__ import annotations

import re

from maxpo_bench.envs.tasks.grading.exact import equal_numbers, read_number
from maxpo_bench.envs.tasks.grading.units import split_unit

_INTEGER = re.compile(r"-?[1-9][0-9]*|0")
_BASED = re.compile(r"(-?)\(?(?=[0-9A-Z]*[0-9])([0-9A-Z]+)\)?_\{([0-9]+)\}")
_TEXT = re.compile(r"\\text\{([^{}]*)\}")
_BARE_WORDS = re.compile(r"[A-Za-z][A-Za-z0-9 ]*")
_NO_LETTERS = re.compile(r"[^A-Za-z]*")
_NO_VALUE = re.compile(r"[\s{}()\[\].,;:\\]*")


def fast_verdict(gold: str, answer: str) -> bool | None:
    r"""Compare two normalised answers where their texts decide; symmetric, exact, and never slow.

    Equal texts are equal answers. Two plain numbers (integer, decimal, fraction, mixed number, power of ten, each with
    an optional percent sign) are compared exactly; `maxpo_bench.envs.tasks.grading.exact.equal_numbers` says what a
    decimal and a percentage stand for. Two numbers in a stated base are equal where digits and base are. Words equal
    the same words only, up to case and punctuation. Known units must agree where both answers name one.

    Args:
        gold: the normalised reference answer.
        answer: the normalised answer to judge.

    Returns:
        The verdict; None where the texts do not decide. An empty answer equals nothing.
    """
    if gold == answer:
        return _NO_VALUE.fullmatch(gold) is None
    if _INTEGER.fullmatch(gold) and _INTEGER.fullmatch(answer):
        return False
    if not gold or not answer:
        return False
    gold, gold_unit = split_unit(gold)
    answer, answer_unit = split_unit(answer)
    if gold_unit and answer_unit and gold_unit != answer_unit:
        return False
    if gold == answer:
        return True
    first, second = read_number(gold), read_number(answer)
    if first is not None and second is not None:
        return equal_numbers(first, second)
    if "_" in gold or "_" in answer:
        return _based_verdict(gold, answer)
    return _word_verdict(gold, answer)


def _based_verdict(gold: str, answer: str) -> bool | None:
    """Compare two numbers of which at least one has its base as a subscript; a number without one is in base 10."""
    first, second = _read_based(gold), _read_based(answer)
    return None if first is None or second is None else first == second


def _read_based(text: str) -> tuple[str, int] | None:
    if based := _BASED.fullmatch(text):
        return based.group(1) + based.group(2).lstrip("0"), int(based.group(3))
    return (text.lstrip("0"), 10) if _INTEGER.fullmatch(text) else None


def _word_verdict(gold: str, answer: str) -> bool | None:
    r"""Compare two answers of which at least one is words in \text and the other words or without any letter."""
    first, second = _TEXT.fullmatch(gold), _TEXT.fullmatch(answer)
    if first is None and second is None:
        return None
    words = []
    for text, found in ((gold, first), (answer, second)):
        if found is None and _NO_LETTERS.fullmatch(text):
            return False
        if found is None and _BARE_WORDS.fullmatch(text) is None:
            return None
        words.append("".join(filter(str.isalnum, (found.group(1) if found else text).casefold())))
    return words[0] == words[1] != ""
