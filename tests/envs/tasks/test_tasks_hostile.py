"""Answers made to fool or break the procedural tasks: none is right, none is executed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hostile_answers import hostile_answers
from hypothesis import given, settings
from hypothesis import strategies as st
from procedural_levels import CLASSES, procedural

from maxpo_bench.envs.tasks import Problem
from maxpo_bench.envs.tasks.answer_text import ANSWER_LIMIT

every_task = pytest.mark.parametrize("name", CLASSES)

MALFORMED = [
    "",
    " \n\t",
    "9**9**9",
    "9!",
    "__import__('os').system('true')",
    "lambda: 5",
    "\N{DEVANAGARI DIGIT ONE}\N{DEVANAGARI DIGIT TWO}",
    "\N{FULLWIDTH DIGIT ONE}",
    "\N{SUPERSCRIPT TWO}",
    "1\N{ZERO WIDTH SPACE}2",
    "1\0",
    "1\n2",
    "1; 2",
    "1 or 2",
    "1,2,3,4,5,6,7,8,9,10,11",
    "1e3",
    "0x10",
    "1_000",
    "--1",
    "+-1",
    "\\boxed{",
    "\\boxed{}",
    "\\boxed{1} or \\boxed{",
    "nan",
    "inf",
    "None",
    "1/0",
    "...",
    "$$",
    "$",
    "\\(\\)",
    "(1)",
    "()",
]


@every_task
@pytest.mark.parametrize("answer", MALFORMED)
def test_what_has_not_the_asked_form_is_malformed(name: str, answer: str) -> None:
    task = procedural(name)
    boxed_one = answer.startswith("\\boxed{1}")
    for problem in (task.problem(0), task.problem(1)):
        (grade,) = task.grade([problem], [answer])
        assert grade.status in (("malformed", "wrong") if boxed_one else ("malformed",))
        assert grade.reward == 0.0


@pytest.mark.parametrize(
    "filling", ["9", "1+", " 1", "1,", "(", "\\frac{", "{", "\\boxed{", "</think>", "<think>", "-"]
)
def test_megabytes_cost_little_and_earn_nothing(filling: str) -> None:
    task = procedural("countdown")  # length is checked before any task's own parser
    long = filling * (1_000_000 // len(filling))
    completions = [long, f"\\boxed{{{long}}}", f"{task.problem(0).answer}{long}", long + "\\boxed{"]
    for grade in task.grade([task.problem(0)] * len(completions), completions):
        assert grade.status in ("too_long", "malformed", "wrong")
        assert len(grade.extracted or "") <= ANSWER_LIMIT


@every_task
def test_length_is_limited_where_it_says(name: str) -> None:
    task = procedural(name)
    problem = task.problem(0)
    longest, longer = ("x" * length for length in (ANSWER_LIMIT, ANSWER_LIMIT + 1))
    assert [grade.status for grade in task.grade([problem] * 2, [longest, longer])] == ["malformed", "too_long"]
    assert task.grade([problem], ["x" * 10_000 + f"\\boxed{{{problem.answer}}}"])[0].correct


@every_task
def test_naming_the_answer_is_not_answering(name: str) -> None:
    task = procedural(name, difficulty=CLASSES[name].default_difficulty)
    for index in range(50):
        problem = task.problem(index)
        gold = problem.answer
        other = next(
            p.answer for p in map(task.problem, range(100, 200)) if not task.grade([problem], [p.answer])[0].correct
        )
        completions = [
            f"The answer is {gold}",
            f"{gold} or {other}",
            f"{other}, {gold}",
            f"{gold}\n{other}",
            f"\\boxed{{{gold}}} no, \\boxed{{{other}}}",
            f"<think>\\boxed{{{gold}}}</think>",
            f"<think>\\boxed{{{gold}}}",
            f"\\boxed{{{gold}}}</think>{other}",
            f"\\boxed{{{gold}",
            f"\\boxed{{{gold} or {other}}}",
            f'{{"answer": "{gold}"}}',
            f"{gold} {gold}",
            f"{gold} =",
            f"= {gold}",
        ]
        assert not any(grade.correct for grade in task.grade([problem] * len(completions), completions))


def test_the_hostile_corpus_earns_nothing(tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    corpus = hostile_answers(str(marker))
    for name in ("countdown", "chain_sum", "comparison"):  # one of each parser; length is checked before
        task = procedural(name)
        if name != "countdown":
            corpus = [hostile for hostile in corpus if len(hostile.completion) < 10_000]
        problems = [task.problem(index) for index in range(len(corpus))]
        grades = task.grade(problems, [hostile.completion for hostile in corpus])
        for problem, hostile, grade in zip(problems, corpus, grades, strict=True):
            plain = (grade.extracted or "").strip("+-.").replace(",", "")
            chance = plain.isdigit() and plain.lstrip("0") == problem.answer.lstrip("-")
            assert not grade.correct or chance, (hostile.category, hostile.completion[:80])
            assert grade.status in ("correct", "wrong", "malformed", "too_long")
    assert not marker.exists()


@every_task
@settings(max_examples=150, deadline=None)
@given(
    text=st.text(alphabet="0123456789+-*/.,=:{}\\$ boxedfrac</>thinkx\u00b2\u00bd\u2212\u00d7\uff11\u200b", max_size=40)
)
def test_any_text_gets_a_verdict(name: str, text: str) -> None:
    task = procedural(name)
    solved = Problem("x", "?", "9-9+2", {"digits": "299", "target": 2})
    problem = solved if name == "countdown" else Problem("x", "?", "1000003")
    for completion in (text, f"\\boxed{{{text}}}"):
        (grade,) = task.grade([problem], [completion])
        assert grade.status in ("correct", "wrong", "malformed")
        if grade.correct:
            assert name == "countdown" or "1000003" in "".join(filter(str.isdecimal, text))
