"""Countdown: the value from left to right, all solutions, and the pairs a tiny model is trained on."""

from __future__ import annotations

from collections import Counter
from itertools import combinations_with_replacement, permutations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from maxpo_bench.envs.tasks import Problem
from maxpo_bench.envs.tasks.countdown import COUNTDOWN_ALPHABET, MAX_TARGET, Countdown, evaluate_left_to_right
from maxpo_bench.envs.tasks.splits import SPLITS, split_of
from maxpo_bench.registry import UnknownNameError

expressions = st.from_regex(r"[0-9]([+*-][0-9]){0,7}", fullmatch=True, alphabet="0123456789+-*")


def value_by_parentheses(expression: str) -> int:
    """The value by Python's own arithmetic, with the order of evaluation made explicit."""
    steps = [expression[0], *(expression[i : i + 2] for i in range(1, len(expression), 2))]
    text = "(" * len(steps) + ")".join(steps) + ")"
    return eval(text)


def brute_force(digits: str, target: int) -> set[str]:
    return {
        text
        for order in permutations(digits)
        for operators in product("+-*", repeat=len(digits) - 1)
        for text in ["".join(a + b for a, b in zip(order, (*operators, ""), strict=True))]
        if value_by_parentheses(text) == target
    }


@given(expressions)
def test_expressions_are_evaluated_from_left_to_right(expression: str) -> None:
    assert evaluate_left_to_right(expression) == value_by_parentheses(expression)


def test_precedence_plays_no_part() -> None:
    assert evaluate_left_to_right("1+2*3") == 9
    assert evaluate_left_to_right("9*3-5+2") == 24
    for text in ("", "+", "1+", "+1", "12", "1++2", "1+2*", "1/2", "(1)", "1 + 2", "1**2", "1+2=3", "1+x", "1+\u0662"):
        assert evaluate_left_to_right(text) is None


@pytest.mark.parametrize("difficulty", Countdown.difficulties)
@pytest.mark.parametrize("split", SPLITS)
def test_every_problem_is_of_the_stated_form_and_solvable(difficulty: int, split: str) -> None:
    task = Countdown(split, difficulty=difficulty)
    for index in range(min(300, len(task))):
        problem = task.problem(index)
        digits, target = problem.metadata["digits"], problem.metadata["target"]
        assert problem.question == f"{digits}={target:03d}:"
        assert len(problem.question) + len(problem.answer) == 3 * difficulty + 4
        assert set(problem.question + problem.answer) <= set(COUNTDOWN_ALPHABET)
        assert "".join(sorted(problem.answer[::2])) == digits
        assert "0" not in digits
        assert value_by_parentheses(problem.answer) == target
        assert 1 <= target <= MAX_TARGET
        assert task.key(index) == problem.question[:-1]


@pytest.mark.parametrize("difficulty", [3, 4, 5])
def test_solutions_are_those_of_brute_force_and_all_right(difficulty: int) -> None:
    task = Countdown("test", difficulty=difficulty)
    for index in range(6 if difficulty < 5 else 1):
        problem = task.problem(index)
        found = task.solutions(problem)
        assert len(found) == len(set(found))
        assert set(found) == brute_force(problem.metadata["digits"], problem.metadata["target"])
        assert problem.answer in found
        assert all(grade.correct for grade in task.grade([problem] * len(found), found))


def test_problems_are_as_many_as_stated() -> None:
    stated = {2: (125, 17), 3: (1969, 211), 4: (26491, 2639)}
    for difficulty, (total, in_test) in stated.items():
        keys: set[str] = set()
        for digits in combinations_with_replacement(range(1, 10), difficulty):
            values = {(value, digits[:i] + digits[i + 1 :]) for i, value in enumerate(digits)}
            for _ in range(difficulty - 1):
                values = {
                    (after, left[:i] + left[i + 1 :])
                    for value, left in values
                    for i, digit in enumerate(left)
                    for after in (value + digit, value - digit, value * digit)
                }
            text = "".join(map(str, digits))
            keys |= {f"{text}={value:03d}" for value, _ in values if 1 <= value <= MAX_TARGET}
        assert (len(keys), sum(split_of("countdown", key) == "test" for key in keys)) == (total, in_test)


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ("9+7+5+3", "correct"),
        ("3+5+7+9", "correct"),
        (" 9 + 7 + 5 + 3 ", "correct"),
        (r"\boxed{9 + 7 + 5 + 3}", "correct"),
        ("9*7-3*5", "wrong"),
        ("9+7+5", "wrong"),
        ("9+7+5+3+0", "wrong"),
        ("9+7+8", "wrong"),
        ("3*8", "wrong"),
        ("24", "malformed"),
        ("9+7+5+3=24", "malformed"),
        ("(9+7)+5+3", "malformed"),
        ("97-5-3", "malformed"),
        ("9+7+5+ 3 and 3+5+7+9", "malformed"),
    ],
)
def test_answers_are_judged_by_digits_and_value(answer: str, status: str) -> None:
    problem = Problem("x", "3579=024:", "9+7+5+3", {"digits": "3579", "target": 24})
    assert Countdown().grade([problem], [answer])[0].status == status


def test_repeated_digits_count_as_often_as_they_are_given() -> None:
    problem = Problem("x", "1122=006:", "1+2*1*2", {"digits": "1122", "target": 6})
    answers = ["1+2*1*2", "2+2+1+1", "1+2*2", "1+1*2+2", "2*2+1+1*1", "2*2+2"]
    grades = Countdown().grade([problem] * len(answers), answers)
    assert [grade.status for grade in grades] == ["correct"] * 2 + ["wrong", "correct", "wrong", "wrong"]


@pytest.mark.parametrize("spelling", ["7*2-5", r"7 \times 2 - 5", r"7\cdot2-5", "7 × 2 \N{MINUS SIGN} 5", "$7*2-5$."])
def test_the_signs_of_mathematics_are_read(spelling: str) -> None:
    problem = Problem("x", "257=009:", "7*2-5", {"digits": "257", "target": 9})
    assert Countdown().grade([problem], [spelling])[0].correct


def test_the_plain_words_ask_the_same() -> None:
    compact, text = Countdown("test"), Countdown("test", style="text")
    for index in range(50):
        short, long = compact.problem(index), text.problem(index)
        assert (short.answer, short.metadata) == (long.answer, long.metadata)
        assert short.id != long.id
        assert f"Make {long.metadata['target']} from the digits {', '.join(long.metadata['digits'])}:" in long.question
        assert "from left to right" in long.question
    with pytest.raises(UnknownNameError, match="unknown style 'words' of countdown"):
        Countdown(style="words")


def test_random_solutions_are_uniform() -> None:
    task = Countdown()
    problem = Problem("x", "299=002:", "9-9+2", {"digits": "299", "target": 2})
    found = task.solutions(problem)
    generator = np.random.default_rng(0)
    counts = Counter(task.random_solution(problem, generator) for _ in range(4000))
    assert set(counts) == set(found)
    assert len(found) > 2
    assert chisquare([counts[solution] for solution in found]).pvalue > 1e-7


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("style", ["compact", "text"])
def test_examples_are_solved_problems_of_the_split(split: str, style: str) -> None:
    task = Countdown(split, style=style)
    pairs = task.examples(500, np.random.default_rng(1))
    assert len(pairs) == 500
    assert pairs == task.examples(500, np.random.default_rng(1))
    assert len(set(pairs)) > 300
    for _, solution in pairs:
        key = f"{''.join(sorted(solution[::2]))}={value_by_parentheses(solution):03d}"
        assert split_of("countdown", key) == split
    if style == "compact":
        assert all(
            question == f"{''.join(sorted(solution[::2]))}={value_by_parentheses(solution):03d}:"
            for question, solution in pairs
        )
    assert task.examples(0, np.random.default_rng(1)) == []
    with pytest.raises(ValueError, match="count must be at least 0"):
        task.examples(-1, np.random.default_rng(1))


def test_examples_have_the_distribution_of_the_problems() -> None:
    task = Countdown(difficulty=3)
    pairs = task.examples(10_000, np.random.default_rng(2))
    problems = [task.problem(index) for index in range(10_000)]
    first = Counter(solution[1] for _, solution in pairs)
    second = Counter(problem.answer[1] for problem in problems)
    # Differences of two binomial shares, six standard deviations: a false alarm has probability below 1e-8.
    assert all(abs(first[sign] - second[sign]) < 6 * (2 * 10_000 * 0.25) ** 0.5 for sign in "+-*")


def test_two_digits_are_refused_with_the_reason() -> None:
    with pytest.raises(ValueError, match="must be 3 to 6, got 2: two digits make 125 problems only"):
        Countdown(difficulty=2)
