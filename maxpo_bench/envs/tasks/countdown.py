"""Countdown: join given digits by operators so that they make a target."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from maxpo_bench.envs.checks import check_integer
from maxpo_bench.envs.tasks.answer_text import plain_text
from maxpo_bench.envs.tasks.procedural import ProceduralTask, integer_rows
from maxpo_bench.envs.tasks.splits import split_of
from maxpo_bench.envs.tasks.task import Problem
from maxpo_bench.registry import UnknownNameError, suggest

COUNTDOWN_ALPHABET = "0123456789+-*=:"
OPERATORS = "+-*"
MAX_TARGET = 999

Style = Literal["compact", "text"]
STYLES: tuple[Style, ...] = get_args(Style)

_EXPRESSION = re.compile(r"[0-9](?:[+\-*][0-9])*")
_STEPS = [(f"{operator}{digit}", operator, digit) for operator in OPERATORS for digit in range(1, 10)]
_SPELLINGS = str.maketrans({" ": "", "×": "*"})
_TEXT = (
    "Make {target} from the digits {digits}: use each of them exactly once, joined by + - and *. The expression is "
    "evaluated strictly from left to right, without precedence, so that 1+2*3 is 9. Do not use parentheses and do not "
    "join digits into longer numbers. Answer with the expression only, in the form 1+2*3."
)


def evaluate_left_to_right(expression: str) -> int | None:
    """Return the value of digits joined by operators, from left to right without precedence ("1+2*3" is 9).

    None where the text is anything else. Nothing is executed; the text must be short, as products grow with it.
    """
    if _EXPRESSION.fullmatch(expression) is None:
        return None
    value = int(expression[0])
    for operator, digit in zip(expression[1::2], expression[2::2], strict=True):
        value = _apply(value, operator, int(digit))
    return value


def _apply(value: int, operator: str, digit: int) -> int:
    return value + digit if operator == "+" else value - digit if operator == "-" else value * digit


class Countdown(ProceduralTask[tuple[str, int, str]]):
    """Use all digits once with + - *, evaluated LEFT TO RIGHT, to make the target.

    The compact question is the digits in ascending order, the target in three digits and a colon, such as
    ``3579=024:``; one of its answers is ``9+7+5+3``. It needs `COUNTDOWN_ALPHABET` only, and question and
    answer of difficulty d have 3d + 4 characters (16 for the default), so that a tiny model can be trained on it.

    Digits are 1 to 9 and may repeat; the target is 1 to 999. A random expression is drawn and its value is the
    target, so that every problem has a solution, and problems with many solutions are drawn more often. An answer may
    hold spaces and the multiplication signs of mathematics; its value must be exact; any solution is right.

    Difficulty is the number of digits. Problems with the same digits and target share a key, and are drawn more than
    once where there are few; "share" bounds the most frequent problem's share of 10,000 problems of either split, and
    so what a constant answer gets:

    ========== ========= =========== =====
    difficulty problems  in the test share
    ========== ========= =========== =====
    3          1,969     211         0.02
    4          26,491    2,639       0.005
    5          257,787   25,843      0.002
    6          1,597,980 159,675     0.001
    ========== ========= =========== =====

    Args:
        split: "train" or "test".
        size: number of problems; None: 10,000 for train, 1,000 different ones for test, or all there are.
        difficulty: number of digits.
        instance: any integer; other instances draw other problems.
        style: "compact", or "text" for the same problems with the rules in plain words.
    """

    name = "countdown"
    difficulties: ClassVar[range] = range(3, 7)
    default_difficulty: ClassVar[int] = 4
    test_problems: ClassVar[Mapping[int, int]] = {3: 211, 4: 2_639, 5: 25_843, 6: 159_675}
    difficulty_note: ClassVar[str] = ": two digits make 125 problems only, 17 of them in the test split"

    def __init__(
        self,
        split: str = "train",
        *,
        size: int | None = None,
        difficulty: int = 4,
        instance: int = 0,
        style: str = "compact",
    ) -> None:
        if style not in STYLES:
            raise UnknownNameError(f"unknown style {style!r} of countdown.{suggest(str(style), STYLES)}")
        self.style = style
        super().__init__(split, size=size, difficulty=difficulty, instance=instance)

    def solutions(self, problem: Problem) -> list[str]:
        """Return every expression that solves a problem, each once and in a fixed order."""
        return list(_solutions(problem.metadata["digits"], problem.metadata["target"]))

    def random_solution(self, problem: Problem, generator: np.random.Generator) -> str:
        """Return one solution, each with the same probability."""
        found = self.solutions(problem)
        return found[generator.integers(len(found))]

    def examples(self, count: int, generator: np.random.Generator) -> list[tuple[str, str]]:
        """Return random pairs of question and solution of this split, fast and in any number, to train a model on.

        They have the distribution of the task's problems; the solution is the expression that the problem was made
        of. They are not among the indexed problems, but may equal some of the same split.

        Args:
            count: number of pairs, at least 0.
            generator: where they are drawn from.
        """
        wanted = check_integer("count", count, 0)
        own = ((key, content) for key, content in self._draws(generator) if split_of(self.name, key) == self.split)
        return [(self._question(digits, target), expression) for _, (digits, target, expression) in islice(own, wanted)]

    def _draws(self, generator: np.random.Generator) -> Iterator[tuple[str, tuple[str, int, str]]]:
        for first, *others in integer_rows(generator, [len(_STEPS)] * self.difficulty):
            value = _STEPS[first][2]
            for choice in others:
                _, operator, digit = _STEPS[choice]
                value = value + digit if operator == "+" else value - digit if operator == "-" else value * digit
            if 0 < value <= MAX_TARGET:
                expression = "".join([_STEPS[choice][0] for choice in (first, *others)])[1:]
                digits = "".join(sorted(expression[::2]))
                yield f"{digits}={value:03d}", (digits, value, expression)

    def _question(self, digits: str, target: int) -> str:
        if self.style == "compact":
            return f"{digits}={target:03d}:"
        return _TEXT.format(target=target, digits=", ".join(digits))

    def _write(self, content: tuple[str, int, str], generator: np.random.Generator) -> tuple[str, str, dict[str, Any]]:
        digits, target, expression = content
        return self._question(digits, target), expression, {"digits": digits, "target": target}

    def _settings(self) -> dict[str, Any]:
        style = {} if self.style == "compact" else {"style": self.style}
        return {**super()._settings(), **style}

    def _is_correct(self, problem: Problem, answer: str) -> bool | None:
        text = plain_text(answer).replace(r"\times", "*").replace(r"\cdot", "*").translate(_SPELLINGS)
        value = evaluate_left_to_right(text)
        if value is None:
            return None
        return value == problem.metadata["target"] and "".join(sorted(text[::2])) == problem.metadata["digits"]


def _solutions(digits: str, target: int) -> Iterator[str]:
    """Yield the expressions that use ``digits``, sorted, and make ``target``."""

    def extend(expression: str, value: int, left: str) -> Iterator[str]:
        if not left:
            if value == target:
                yield expression
            return
        for position, digit in enumerate(left):
            if position == 0 or left[position - 1] != digit:
                rest = left[:position] + left[position + 1 :]
                for operator in OPERATORS:
                    yield from extend(f"{expression}{operator}{digit}", _apply(value, operator, int(digit)), rest)

    for first in sorted(set(digits)):
        yield from extend(first, int(first), digits.replace(first, "", 1))
