"""Chain sums, counting, comparison and modular arithmetic, recomputed from the question at every difficulty."""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import islice

import numpy as np
import pytest
from procedural_levels import procedural

from maxpo_bench.envs.tasks import Problem
from maxpo_bench.envs.tasks.splits import SPLITS

LEVELS = range(1, 6)
COUNT = 150


def problems(name: str, difficulty: int) -> list[Problem]:
    tasks = [procedural(name, split, difficulty=difficulty) for split in SPLITS]
    return [task.problem(index) for task in tasks for index in range(COUNT)]


def calculate(expression: str) -> int:
    """Python's value of an expression that our own generator wrote."""
    assert re.fullmatch(r"[0-9+*^ -]+", expression)
    return eval(expression.replace("^", "**"))


@pytest.mark.parametrize("difficulty", LEVELS)
def test_chain_sums(difficulty: int) -> None:
    terms = {1: 2, 2: 3, 3: 5, 4: 4, 5: 7}[difficulty]
    products = {4: 1, 5: 3}.get(difficulty, 0)
    seen_signs: set[str] = set()
    for problem in problems("chain_sum", difficulty):
        found = re.fullmatch(r"What is ([0-9+* -]+)\? Give the answer as one integer\.", problem.question)
        assert found is not None
        assert str(calculate(found[1])) == problem.answer
        assert found[1].count(" * ") == products
        signs = re.findall(r" ([+-]) ", found[1])
        assert len(signs) == terms - 1 == problem.metadata["num_terms"] - 1
        assert problem.metadata["expression"] == found[1]
        seen_signs |= set(signs)
    assert seen_signs == {"+", "-"}


class Rows:
    """Stands for a generator that draws the given rows."""

    def __init__(self, *rows: list[int]) -> None:
        self.rows = np.array(rows)

    def integers(self, *arguments: object, **named: object) -> np.ndarray:
        return self.rows


@pytest.mark.parametrize(
    ("name", "difficulty", "same", "other"),
    [
        # place of the product, three terms, two factors, three signs
        ("chain_sum", 4, ([0, 4, 5, 6, 7, 8, 1, 1, 1], [2, 6, 4, 5, 8, 7, 1, 1, 1]), [0, 4, 5, 6, 7, 8, 1, 1, 0]),
        ("modular", 1, ([3, 8, 2], [8, 3, 2]), [3, 8, 3]),
        ("modular", 2, ([3, 8, 2], [8, 3, 2]), [3, 7, 2]),
        ("modular", 3, ([3, 8, 5, 2], [8, 3, 5, 2]), [3, 5, 8, 2]),
        ("modular", 5, ([1, 5, 6, 7, 0], [1, 6, 5, 7, 0]), [5, 1, 6, 7, 0]),
        # what is asked, integer part, three numbers
        ("comparison", 1, ([0, 0, 5, 900, 77], [0, 9, 900, 77, 5]), [1, 0, 5, 900, 77]),
    ],
)
def test_what_asks_the_same_shares_a_key(
    name: str, difficulty: int, same: tuple[list[int], list[int]], other: list[int]
) -> None:
    draws = procedural(name, difficulty=difficulty)._draws(Rows(*same, other))  # pyright: ignore[reportArgumentType]
    (first, one), (second, two), (third, _) = islice(draws, 3)
    assert first == second != third
    assert one != two


def test_chains_in_another_order_share_a_key() -> None:
    task = procedural("chain_sum", difficulty=1, size=20_000)
    spelled: dict[str, set[str]] = {}
    for index in range(3000):
        spelled.setdefault(task.key(index), set()).add(task.problem(index).metadata["expression"])
    doubles = [texts for texts in spelled.values() if len(texts) > 1]
    assert doubles
    for texts in doubles:
        assert len({tuple(sorted(re.findall(r"[+-] \d+", f"+ {text}"))) for text in texts}) == 1


@pytest.mark.parametrize("difficulty", LEVELS)
def test_counting(difficulty: int) -> None:
    items, largest = {1: (12, 11), 2: (25, 19), 3: (50, 39), 4: (100, 79), 5: (200, 159)}[difficulty]
    kinds: set[str] = set()
    for problem in problems("counting", difficulty):
        letter = re.match(r'How many times does the letter "([a-z])" appear in "([a-z]+)"\?', problem.question)
        word = re.match(r'How many times does the word "([a-z]+)" appear in this list: ([a-z, ]+)\?', problem.question)
        colour = re.match(r"How many of these things are ([a-z]+): ([a-z, ]+)\?", problem.question)
        found = letter or word or colour
        assert found is not None
        shown = list(found[2]) if letter else found[2].split(", ")
        assert len(shown) == items == problem.metadata["num_items"]
        matches = [item for item in shown if (item.split()[0] if colour else item) == found[1]]
        assert str(len(matches)) == problem.answer
        assert len(matches) <= largest
        kinds.add(problem.metadata["kind"])
    assert kinds == {"letter", "word", "colour"}


def numbers_of(text: str) -> list[Fraction]:
    return [Fraction(part) for part in text.split(", ")]


@pytest.mark.parametrize("difficulty", LEVELS)
def test_comparison(difficulty: int) -> None:
    size = {1: 3, 2: 3, 3: 4, 4: 4, 5: 7}[difficulty]
    asked: set[str] = set()
    forms: set[str] = set()
    for problem in problems("comparison", difficulty):
        pick = re.match(r"Which is the ([a-z ]+) of these numbers: ([^?]+)\? Give", problem.question)
        order = re.match(r"Put these numbers in ([a-z]+) order: (.+)\. Give", problem.question)
        found = pick or order
        assert found is not None
        values = numbers_of(found[2])
        assert len(set(values)) == size == len(problem.metadata["numbers"])
        ranked = sorted(values)
        expected = {
            "largest": [ranked[-1]],
            "second largest": [ranked[-2]],
            "smallest": [ranked[0]],
            "second smallest": [ranked[1]],
            "ascending": ranked,
            "descending": ranked[::-1],
        }[found[1]]
        assert numbers_of(problem.answer) == expected
        asked.add(found[1])
        forms |= {form for form in ("-", "/", ".") if form in found[2]}
        if difficulty == 2:
            assert len({int(value) for value in values}) == 1
        if difficulty >= 3:
            assert all(-1 < value < 1 for value in values)
    assert len(asked) == (4 if difficulty == 3 else 2)
    assert forms == {1: {"-"}, 2: {"."}}.get(difficulty, {"-", "/", "."})


@pytest.mark.parametrize(
    ("gold", "answer", "status"),
    [
        ("9.9", "9.90", "correct"),
        ("9.9", r"\frac{99}{10}", "correct"),
        ("9.9", "9.11", "wrong"),
        ("9.9", "9.9, 9.11", "malformed"),
        ("9.9", "9.9 is larger", "malformed"),
        ("1/2", "0.5", "correct"),
        ("1/2", r"\dfrac{2}{4}", "correct"),
        ("1/2", "-1/2", "wrong"),
        ("-1/2", r"-\frac{1}{2}", "correct"),
        ("1/3", "0.333", "wrong"),
        ("1/3", "1/0", "malformed"),
        ("1/3", "1/3/1", "malformed"),
        ("-7", "\N{MINUS SIGN}7", "correct"),
        ("0.5, 1, -2", "1/2,1,-2.0", "correct"),
        ("0.5, 1, -2", "1, 0.5, -2", "wrong"),
        ("0.5, 1, -2", "0.5, 1", "malformed"),
        ("0.5, 1, -2", "0.5 1 -2", "malformed"),
        ("0.5, 1, -2", "0.5 < 1 < -2", "malformed"),
        ("0.5, 1, -2", "0.5, 1, -2,", "malformed"),
    ],
)
def test_numbers_are_compared_by_exact_value(gold: str, answer: str, status: str) -> None:
    assert procedural("comparison").grade([Problem("x", "?", gold)], [answer])[0].status == status


@pytest.mark.parametrize("difficulty", LEVELS)
def test_modular(difficulty: int) -> None:
    low, high = {1: (11, 30), 2: (21, 99), 3: (51, 99), 4: (101, 499), 5: (503, 997)}[difficulty]
    shape = {
        1: r"\d\d \+ \d\d",
        2: r"\d\d \* \d\d",
        3: r"\d{3} \* \d{3} - \d{3}",
        4: r"\d+\^\d\d",
        5: r"\d+\^\d{3} \+ \d+ \* \d+",
    }[difficulty]
    for problem in problems("modular", difficulty):
        found = re.match(
            r"What is the remainder of (.+?) when divided by (\d+).*? Give .* from 0 to (\d+)\.", problem.question
        )
        assert found is not None
        modulus = int(found[2])
        assert low <= modulus <= high
        assert int(found[3]) == modulus - 1
        assert re.fullmatch(shape, found[1])
        assert str(calculate(found[1]) % modulus) == problem.answer
        if difficulty >= 4:
            assert all(modulus % divisor for divisor in range(2, modulus))
            assert 2 <= int(found[1].split("^")[0]) <= modulus - 2
        grades = procedural("modular").grade([problem] * 2, [str(int(problem.answer) - modulus), found[1]])
        assert [grade.status for grade in grades] == ["wrong", "malformed"]
