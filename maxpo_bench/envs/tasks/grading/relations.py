r"""Equations that only name their value, and inequalities that describe an interval."""

from __future__ import annotations

import re
from typing import NamedTuple

from maxpo_bench.envs.tasks.grading.structure import read_brackets, read_relation

_EQUALITIES = frozenset({"=", "\\in", "\\approx"})
_ORDERS = {"<": (1, False), "\\le": (1, True), ">": (-1, False), "\\ge": (-1, True)}
_INDICES = re.compile(r"_\{[^{}]*\}|\\text\{[^{}]*\}|(?<=[A-Za-z])\([^()]*\)")
_LENGTH = re.compile(r"\|([A-Z]{2,})\|")
_NAME = re.compile(r"[A-Za-z\\(){}+ ][A-Za-z\\(){}^+\- ]*")
_CONSTANT = re.compile(r"[(){}+\- ]*(?:\\(?:pi|infty|frac|sqrt)[(){}+\- ]*)*")
_ACRONYM = re.compile(r"[A-Za-z]{2,}")
_COMMAND = re.compile(r"\\(?:frac|sqrt|pi|cdot|infty|%|binom)")
_VARIABLE = re.compile(r"[A-Za-z\\]")


class Bounds(NamedTuple):
    """An interval: whether each end belongs to it, the texts of the ends, and what is said to lie in it."""

    lower: str
    lower_closed: bool
    upper: str
    upper_closed: bool
    name: str = ""


def is_name(text: str) -> bool:
    r"""Whether a side of an equation names a quantity: ``x``, ``f(2)``, ``a+b``, ``\angle ABC``, ``P(\text{red})``.

    A side with a digit (outside an index or an argument), a leading minus or an absolute value is no name: neither
    2x = 10 nor |x| = 10 answers 10. The length ``|AB|`` is one.
    """
    if "\\text{" in text and _INDICES.sub("", text).strip() == "":
        return True
    rest = _LENGTH.sub(r"\1", _INDICES.sub("", text))
    return _NAME.fullmatch(rest) is not None and _CONSTANT.fullmatch(rest) is None


def equality_sides(text: str) -> list[str] | None:
    r"""Return the sides of a chain of =, \in and \approx; None where there is no such sign, or another sign as well.

    What stands after \approx is dropped, unless only a name stands before it.
    """
    sides, signs = read_relation(text)
    if not signs or not _EQUALITIES.issuperset(signs):
        return None
    if "\\approx" in signs:
        first = signs.index("\\approx")
        if not (first == 0 and is_name(sides[0])):
            sides = sides[: first + 1]
    return sides


def is_constant_chain(sides: list[str]) -> bool:
    r"""Whether all sides of a chain are numbers, as in 0.56 = 56\%: one value, written several times."""
    return all(_VARIABLE.search(_COMMAND.sub("", side)) is None and side for side in sides)


def is_assignment(sides: list[str]) -> bool:
    """Whether an equation only names a value; one between two quantities in words (MR = SRMC) is a statement."""
    return is_name(sides[0]) and not (_ACRONYM.fullmatch(sides[0]) and _ACRONYM.fullmatch(sides[-1]))


def member_of(text: str) -> str:
    r"""Return the set of an answer that says "x is in it" or "x is it"; any other answer unchanged."""
    sides, signs = read_relation(text)
    if len(sides) == 2 and is_name(sides[0]) and (signs == ["\\in"] or sides[1].startswith("\\{")):
        return sides[1]
    return text


def values_of(sides: list[str]) -> list[str]:
    """Return the sides of a chain that are values: all but the names it begins with, and always the last."""
    first = 0
    while first < len(sides) - 1 and is_name(sides[first]):
        first += 1
    return sides[first:]


def is_inequality(text: str) -> bool:
    """Whether an answer has an order sign outside brackets."""
    return not _ORDERS.keys().isdisjoint(read_relation(text).signs)


def read_interval(text: str) -> Bounds | None:
    r"""Return the interval that ``(a, b]``, ``x < b`` or ``a < x \le b`` describes; None for anything else."""
    brackets = read_brackets(text)
    if brackets is not None and brackets.opening != "\\{" and len(brackets.elements) == 2:
        lower, upper = brackets.elements
        return Bounds(lower, brackets.opening == "[", upper, brackets.closing == "]")
    sides, signs = read_relation(text)
    if not signs or any(sign not in _ORDERS for sign in signs) or len({_ORDERS[sign][0] for sign in signs}) != 1:
        return None
    closed = [_ORDERS[sign][1] for sign in signs]
    if _ORDERS[signs[0]][0] < 0:
        sides, closed = sides[::-1], closed[::-1]
    if len(sides) == 3 and is_name(sides[1]):
        return Bounds(sides[0], closed[0], sides[2], closed[1], sides[1])
    if len(sides) == 2 and is_name(sides[0]):
        return Bounds("-\\infty", False, sides[1], closed[0], sides[0])
    if len(sides) == 2 and is_name(sides[1]):
        return Bounds(sides[0], closed[0], "\\infty", False, sides[1])
    return None
