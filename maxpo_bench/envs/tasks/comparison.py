"""Comparison: the largest, the smallest, or the order of numbers written in different ways."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from maxpo_bench.envs.tasks.answer_text import plain_text
from maxpo_bench.envs.tasks.procedural import ProceduralTask, integer_rows
from maxpo_bench.envs.tasks.task import Problem


class _Level(NamedTuple):
    """How many numbers, of which kinds, and what may be asked of them."""

    size: int
    kinds: str
    asks: tuple[str, ...]


Number = tuple[str, int, int]  # as it is written, numerator, denominator


_PICKS = ("largest", "smallest")
_ORDERS = ("ascending", "descending")
LEVELS = {
    1: _Level(3, "integers", _PICKS),
    2: _Level(3, "decimals", _PICKS),
    3: _Level(4, "mixed", (*_PICKS, "second largest", "second smallest")),
    4: _Level(4, "mixed", _ORDERS),
    5: _Level(7, "mixed", _ORDERS),
}

_PLAIN = re.compile(r"([+-]?)([0-9]+(?:\.[0-9]+)?|[0-9]+/[0-9]+)")
_LATEX_FRACTION = re.compile(r"\\[dt]?frac\{([0-9]+)\}\{([0-9]+)\}")


class _Numbers(NamedTuple):
    """What is asked, and the numbers as they are shown."""

    ask: str
    shown: list[str]
    answer: str


class Comparison(ProceduralTask[_Numbers]):
    r"""Compare integers, decimals and fractions, such as 9.11 and 9.9.

    ========== ======= =============================================== ================================ ====== =====
    difficulty numbers kinds                                           asked                            guess  share
    ========== ======= =============================================== ================================ ====== =====
    1          3       integers, -999 to 999                           largest, smallest                1/3    0.003
    2          3       decimals with one integer part, 0 to 99         largest, smallest                1/3    0.003
    3          4       decimals and fractions between -1 and 1         largest, smallest, second        1/4    0.015
    4          4       the same                                        ascending or descending order    1/24   0.001
    5          7       the same                                        ascending or descending order    1/5040 0.001
    ========== ======= =============================================== ================================ ====== =====

    "Guess" is what a policy gets that answers with the numbers shown, at random; "share" bounds the most frequent
    answer's share of 10,000 problems of either split, all that a constant answer gets. Values are distinct. Decimals
    have 1 to 3 places, fractions denominators 2 to 19.

    An answer counts by its exact value: ``0.5``, ``1/2``, ``\frac{1}{2}`` and ``0.50`` are the same, 0.333 is not 1/3.
    An order is a list with commas; any other number of entries is malformed. Problems with the same question about
    the same values, in any order, share a key.
    """

    name = "comparison"

    def _draws(self, generator: np.random.Generator) -> Iterator[tuple[str, _Numbers]]:
        level = LEVELS[self.difficulty]
        read, bounds = _KINDS[level.kinds]
        for which, whole, *drawn in integer_rows(generator, [len(level.asks), 100, *bounds * level.size]):
            ask = level.asks[which]
            parts = zip(*[iter(drawn)] * len(bounds), strict=True)
            # Division of integers is rounded correctly, and different values are at least 1e-6 apart: floats suffice.
            values = {text: top / bottom for text, top, bottom in (read(whole, *part) for part in parts)}
            if len(set(values.values())) == level.size:
                order = sorted(values, key=values.__getitem__)
                yield f"{ask}|{sorted(values.values())}", _Numbers(ask, list(values), _answer(ask, order))

    def _write(self, content: _Numbers, generator: np.random.Generator) -> tuple[str, str, dict[str, Any]]:
        numbers = ", ".join(content.shown)
        if content.ask in _ORDERS:
            question = (
                f"Put these numbers in {content.ask} order: {numbers}. "
                "Give the answer as a list of the numbers, separated by commas."
            )
        else:
            question = (
                f"Which is the {content.ask} of these numbers: {numbers}? Give the answer as one of the numbers only."
            )
        return question, content.answer, {"ask": content.ask, "numbers": tuple(content.shown)}

    def _is_correct(self, problem: Problem, answer: str) -> bool | None:
        right = problem.answer.split(",")
        given = plain_text(answer).split(",")
        values = [_value(text) for text in given]
        if len(given) != len(right) or None in values:
            return None
        return values == [_value(text) for text in right]


def _answer(ask: str, order: list[str]) -> str:
    """Return the answer, given the numbers in ascending order."""
    if ask in _ORDERS:
        return ", ".join(order if ask == "ascending" else order[::-1])
    return order[{"largest": -1, "second largest": -2, "smallest": 0, "second smallest": 1}[ask]]


def _value(text: str) -> Fraction | None:
    """Return the exact value of a short number, None if it is none."""
    found = _PLAIN.fullmatch(_LATEX_FRACTION.sub(r"\1/\2", text.strip(), count=1))
    if found is None:
        return None
    try:
        value = Fraction(found[2])
    except ZeroDivisionError:
        return None
    return -value if found[1] == "-" else value


def _integer(whole: int, number: int) -> Number:
    """Read a draw as an integer from -999 to 999."""
    return str(number - 999), number - 999, 1


def _decimal(whole: int, head: int, last: int, places: int) -> Number:
    """Read a draw as a decimal of 1 to 3 places; the last digit is not 0, the digits before it may be."""
    scale = 10**places
    digits = 10 * (head % scale) + last + 1
    return f"{whole}.{digits:0{places + 1}d}", whole * scale * 10 + digits, scale * 10


def _mixed(whole: int, head: int, last: int, places: int, fraction: int, form: int) -> Number:
    """Read a draw as a decimal or fraction between -1 and 1, all four forms alike."""
    top, bottom = _FRACTIONS[fraction]
    text, top, bottom = _decimal(0, head, last, places) if form % 2 else (f"{top}/{bottom}", top, bottom)
    return (f"-{text}", -top, bottom) if form >= 2 else (text, top, bottom)


_FRACTIONS = [(top, bottom) for bottom in range(2, 20) for top in range(1, bottom)]
# For each kind: how a number is read, with the bounds of the integers it is read from.
_KINDS: dict[str, tuple[Callable[..., Number], list[int]]] = {
    "integers": (_integer, [1999]),
    "decimals": (_decimal, [100, 9, 3]),
    "mixed": (_mixed, [100, 9, 3, len(_FRACTIONS), 4]),
}
