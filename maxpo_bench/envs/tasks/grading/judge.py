r"""The slow comparison of two answers; it belongs in a process that can be killed.

Our own rules take answers apart (lists, tuples, intervals, unions, matrices, relations, assignments, ratios) and
compare the parts; math-verify compares what remains, one expression or equation with another. So its leniencies (units
that are variables, sets that drop repeated elements, any equation whose right side fits) have no say.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import chain

from maxpo_bench.envs.tasks.grading.fast import fast_verdict
from maxpo_bench.envs.tasks.grading.normalise import normalise
from maxpo_bench.envs.tasks.grading.relations import (
    Bounds,
    equality_sides,
    is_assignment,
    is_constant_chain,
    is_inequality,
    is_name,
    member_of,
    read_interval,
    values_of,
)
from maxpo_bench.envs.tasks.grading.structure import read_brackets, read_matrix, split_list, split_top
from maxpo_bench.envs.tasks.grading.symbolic import same_equation, same_value, silence
from maxpo_bench.envs.tasks.grading.units import split_unit

_MAX_ELEMENTS = 100
_HALF_DAY = re.compile(r"(?<=[0-9])\\text\{([AaPp][Mm])\}$")
_OUTSIDE_INDEX_TEXT = re.compile(r"(?<!_\{)\\text")
_LONG_WORD = re.compile(r"[A-Za-z]{4,}")


def judge(gold: str, answer: str) -> bool:
    r"""Return whether two answers are equal in value; an answer that cannot be read is not.

    Lists and sets are equal where their elements are, in any order and each as often; tuples, intervals and matrices in
    order and with the same brackets. ``x = 5`` answers 5, and a chain ``n = 1 + 2 = 3`` answers 3 where all its values
    do. An inequality equals the interval it describes. It is not symmetric: a gold answer "x = 5" and "5" are each
    answered by the other, but the gold answer's form decides whether an equation is an assignment or the answer itself.

    May run long, use much memory, or exhaust the stack on hostile text; raises nothing on ordinary text.

    Args:
        gold: the reference answer, normalised or not.
        answer: the answer to judge, normalised or not.
    """
    try:
        return _equal(normalise(gold), normalise(answer))
    except RecursionError:
        return False


def warm_up() -> None:
    """Import and exercise what `judge` needs, so that a worker's first judgement is as quick as its others."""
    silence()
    judge("\\frac{x+1}{2}", "\\frac{1}{2}+\\frac{x}{2}")
    judge("2x+y=3", "y=3-2x")
    judge("\\sqrt{12}", "2\\sqrt{3}")


def _equal(gold: str, answer: str) -> bool:
    """Compare two whole answers."""
    verdict = fast_verdict(gold, answer)
    if verdict is not None:
        return verdict
    gold, answer = member_of(gold), member_of(answer)
    golds, answers = split_list(gold), split_list(answer)
    if _same_digits(golds, answers):
        return True
    unions = split_top(gold, "\\cup")[0], split_top(answer, "\\cup")[0]
    if max(map(len, unions)) > 1:
        parts = [
            union if len(union) > 1 else elements for union, elements in zip(unions, (golds, answers), strict=True)
        ]
        return _match(parts[0], parts[1], _element_equal) or same_value(gold, answer)
    if len(golds) != len(answers):
        return False
    if len(golds) > 1:
        return _match(golds, answers, _element_equal)
    return _element_equal(golds[0], answers[0]) if golds else False


def _match(golds: list[str], answers: list[str], equal: Callable[[str, str], bool]) -> bool:
    """Whether the elements can be paired; greedy, which finds a pairing wherever equality is transitive."""
    if len(golds) != len(answers) or len(golds) > _MAX_ELEMENTS:
        return False
    left = list(answers)
    for element in golds:
        found = next((i for i, other in enumerate(left) if equal(element, other)), None)
        if found is None:
            return False
        del left[found]
    return True


def _same_digits(golds: list[str], answers: list[str]) -> bool:
    """Whether one answer is an integer and the other its digits in groups of three, read as a list."""
    number, groups = sorted(([split_unit(part)[0] for part in parts] for parts in (golds, answers)), key=len)
    if len(number) != 1 or len(groups) < 2 or not all(map(str.isdigit, (*number, *groups))):
        return False
    return len(groups[0]) <= 3 and all(len(group) == 3 for group in groups[1:]) and "".join(groups) == number[0]


def _element_equal(gold: str, answer: str) -> bool:
    """Compare two answers that are no lists, by the first rule that knows their form."""
    gold, answer = split_unit(gold)[0], split_unit(answer)[0]
    for rule in _RULES:
        verdict = rule(gold, answer)
        if verdict is not None:
            return verdict
    return same_value(gold, answer)


def _percent_equal(gold: str, answer: str) -> bool | None:
    """A percentage stands for its number or for its hundredth."""
    first, second = gold.removesuffix("\\%"), answer.removesuffix("\\%")
    if first == gold and second == answer:
        return None
    if first.endswith("\\%") or second.endswith("\\%"):
        return False
    if _element_equal(first, second):
        return True
    if (first == gold) == (second == answer):
        return False
    hundredth = f"\\frac{{{first if first != gold else second}}}{{100}}"
    return _element_equal(hundredth, second) if first != gold else _element_equal(first, hundredth)


def _equality_equal(gold: str, answer: str) -> bool | None:
    """Equations: names give way to their values, true equations are compared as such."""
    golds, answers = equality_sides(gold), equality_sides(answer)
    if golds is None and answers is None:
        return None
    if golds is not None and is_constant_chain(golds):
        gold, golds = golds[0], None
    if golds is None and answers is None:
        return _equal(gold, answer)
    if golds is None:
        return all(_equal(gold, value) for value in values_of(answers or [])) if answers else False
    if answers is None:
        return is_assignment(golds) and _equal(golds[-1], answer)
    if is_name(golds[0]) and is_name(answers[0]) and _same_name(golds[0], answers[0]):
        return all(_equal(golds[-1], value) for value in values_of(answers))
    return len(golds) == len(answers) == 2 and same_equation((golds[0], golds[1]), (answers[0], answers[1]))


def _inequality_equal(gold: str, answer: str) -> bool | None:
    """An inequality equals the interval it describes, and an inequality that says the same."""
    both = is_inequality(gold), is_inequality(answer)
    if not any(both):
        return None
    first, second = read_interval(gold), read_interval(answer)
    if first is not None and second is not None and _same_bounds(first, second):
        return True
    return all(both) and same_value(gold, answer)


def _same_bounds(first: Bounds, second: Bounds) -> bool:
    if first.name and second.name and not _same_name(first.name, second.name):
        return False
    if (first.lower_closed, first.upper_closed) != (second.lower_closed, second.upper_closed):
        return False
    return _element_equal(first.lower, second.lower) and _element_equal(first.upper, second.upper)


def _same_name(first: str, second: str) -> bool:
    return first.replace(" ", "").casefold() == second.replace(" ", "").casefold()


def _matrix_equal(gold: str, answer: str) -> bool | None:
    """Matrices by entries; a matrix of one row or one column also equals the tuple of its entries."""
    golds, answers = read_matrix(gold), read_matrix(answer)
    if golds is not None and answers is not None:
        same_shape = list(map(len, golds)) == list(map(len, answers))
        return same_shape and _all_equal(list(chain(*golds)), list(chain(*answers)))
    matrix, other = (golds, answer) if golds is not None else (answers, gold)
    brackets = read_brackets(other)
    if matrix is None or brackets is None or min(len(matrix), max(map(len, matrix))) != 1:
        return None
    entries = list(chain(*matrix))
    return _all_equal(entries, brackets.elements) if golds is not None else _all_equal(brackets.elements, entries)


def _bracket_equal(gold: str, answer: str) -> bool | None:
    """Tuples and intervals: the same brackets around equal elements in order."""
    first, second = read_brackets(gold), read_brackets(answer)
    lengths = [len(brackets.elements) if brackets else 1 for brackets in (first, second)]
    if max(lengths) < 2:
        return None
    if first is None or second is None or first[:2] != second[:2]:
        return False
    return _all_equal(first.elements, second.elements)


def _all_equal(golds: list[str], answers: list[str]) -> bool:
    return len(golds) == len(answers) and all(map(_element_equal, golds, answers))


def _clock_equal(gold: str, answer: str) -> bool | None:
    """Ratios and times of day: part by part; a time without "am" or "pm" may be either."""
    first, second = _HALF_DAY.search(gold), _HALF_DAY.search(answer)
    if first is None and second is None and not (":" in gold and ":" in answer):
        return None
    if first and second and first.group(1).lower() != second.group(1).lower():
        return False
    parts = [split_top(_HALF_DAY.sub("", text), ":")[0] for text in (gold, answer)]
    return _all_equal(*parts)


def _words_equal(gold: str, answer: str) -> bool | None:
    """Words are no products of variables: they equal the same words only, which `fast_verdict` has seen."""
    if _OUTSIDE_INDEX_TEXT.search(gold) or _OUTSIDE_INDEX_TEXT.search(answer):
        return False
    if _LONG_WORD.fullmatch(gold) and _LONG_WORD.fullmatch(answer):
        return gold.casefold() == answer.casefold()
    return None


_RULES: tuple[Callable[[str, str], bool | None], ...] = (
    fast_verdict,
    _percent_equal,
    _equality_equal,
    _inequality_equal,
    _matrix_equal,
    _bracket_equal,
    _clock_equal,
    _words_equal,
)
