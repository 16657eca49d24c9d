"""What all procedural tasks promise: references right, twins equal, splits disjoint, no answer that pays everywhere."""

from __future__ import annotations

import hashlib
import inspect
import os
import pickle
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from procedural_levels import CLASSES, LEVELS, SHARES, procedural

from maxpo_bench.envs.tasks import MAX_QUESTION_LENGTH, make_task
from maxpo_bench.envs.tasks.splits import SPLITS, TEST_SHARE, split_of

every_level = pytest.mark.parametrize(("name", "difficulty"), LEVELS)
every_task = pytest.mark.parametrize("name", CLASSES)


@every_level
@pytest.mark.parametrize("split", SPLITS)
def test_the_reference_is_right_and_another_problems_is_not(name: str, difficulty: int, split: str) -> None:
    task = procedural(name, split, difficulty=difficulty)
    problems = [task.problem(index) for index in range(100)]
    answers = [problem.answer for problem in problems]
    for form in ("{}", " {}\n", r"So it is $\boxed{{{}}}$.", "<think>\nperhaps 1</think>\n{}", "${}$", "{}."):
        assert {grade.status for grade in task.grade(problems, [form.format(answer) for answer in answers])} == {
            "correct"
        }
    shifted = task.grade(problems, answers[1:] + answers[:1])
    for index, grade in enumerate(shifted):
        same = name != "countdown" and answers[index] == answers[(index + 1) % len(answers)]
        if name == "countdown":
            same = problems[index].question == problems[(index + 1) % len(answers)].question
        assert grade.status == ("correct" if same else "wrong")
    assert sum(grade.status == "wrong" for grade in shifted) > 50


@every_level
def test_questions_and_answers_are_plain_text_of_bounded_length(name: str, difficulty: int) -> None:
    for split in SPLITS:
        task = procedural(name, split, difficulty=difficulty)
        for index in range(200):
            problem = task.problem(index)
            assert 0 < len(problem.question) <= MAX_QUESTION_LENGTH
            assert (problem.question + problem.answer).isascii()
            assert (problem.question + problem.answer).isprintable()
            assert problem.metadata["difficulty"] == difficulty
            assert problem.answer not in problem.metadata.values()


@every_level
def test_twins_are_equal_in_any_order(name: str, difficulty: int) -> None:
    task = procedural(name, "test", difficulty=difficulty, size=40)
    problems = [task.problem(index) for index in range(40)]
    larger = procedural(name, "test", difficulty=difficulty, size=50)
    assert [larger.problem(index) for index in reversed(range(40))] == problems[::-1]
    copy = pickle.loads(pickle.dumps(task))
    assert [copy.problem(index) for index in range(40)] == problems
    other = procedural(name, "test", difficulty=difficulty, instance=1)
    assert sum(other.problem(index).question == problems[index].question for index in range(40)) < 5


def _digest() -> str:
    problems = [
        make_task(name, split, difficulty=difficulty, instance=7).problem(index)
        for name, difficulty in LEVELS
        for split in SPLITS
        for index in range(10)
    ]
    return hashlib.sha256(repr(problems).encode()).hexdigest()


def test_another_process_with_another_hash_seed_makes_the_same_problems() -> None:
    code = "import test_tasks_procedural as tests; print(tests._digest())"
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    expected = _digest()
    for seed in ("0", "4321"):
        found = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=True,
        )
        assert found.stdout.strip() == expected


FROZEN = [
    ("countdown", "1178=003:", "1-7+8+1"),
    ("chain_sum", "What is 8 - 43? Give the answer as one integer.", "-35"),
    (
        "counting",
        'How many times does the letter "d" appear in "nrrirsidddsd"? Give the answer as one integer.',
        "4",
    ),
    (
        "comparison",
        "Which is the largest of these numbers: 523, 559, 517? Give the answer as one of the numbers only.",
        "559",
    ),
    (
        "modular",
        "What is the remainder of 64 + 37 when divided by 23? Give the answer as one integer from 0 to 22.",
        "9",
    ),
]


@pytest.mark.parametrize(("name", "question", "answer"), FROZEN)
def test_problems_never_change(name: str, question: str, answer: str) -> None:
    problem = make_task(name, "test").problem(17)
    assert (problem.id, problem.question, problem.answer) == (f"{name}/test/17", question, answer)


@every_task
def test_train_and_test_are_disjoint(name: str) -> None:
    # Where there are few problems, other rules than the hash would be caught; elsewhere chance alone keeps them apart.
    counts = {"train": 4_000 if name in ("counting", "comparison") else 20_000, "test": 1_200}
    tasks = {split: procedural(name, split, size=counts[split], instance=len(split)) for split in SPLITS}
    keys = {split: {task.key(index) for index in range(counts[split])} for split, task in tasks.items()}
    assert not keys["train"] & keys["test"]
    for split in SPLITS:
        assert {split_of(name, key) for key in keys[split]} == {split}
        assert len(keys[split]) > 1000


@every_level
@pytest.mark.parametrize("instance", [0, -3])
def test_every_key_hashes_to_its_split(name: str, difficulty: int, instance: int) -> None:
    for split in SPLITS:
        task = procedural(name, split, difficulty=difficulty, instance=instance)
        assert {split_of(name, task.key(index)) for index in range(100)} == {split}


def test_a_tenth_of_all_keys_is_test() -> None:
    count = 100_000
    found = sum(split_of("countdown", str(number)) == "test" for number in range(count))
    # Six standard deviations of a binomial: a false alarm has probability 2e-9.
    assert abs(found - TEST_SHARE * count) < 6 * (count * TEST_SHARE * (1 - TEST_SHARE)) ** 0.5
    assert split_of("a", "x\0y") in SPLITS
    assert {split_of(task, "5") for task in "abcdefghijklmnopqrstuvwxyz"} == set(SPLITS)


@every_level
def test_no_constant_answer_pays(name: str, difficulty: int) -> None:
    task = procedural(name, difficulty=difficulty)
    start = time.perf_counter()
    problems = [task.problem(index) for index in range(10_000)]
    print(f"{name} {difficulty}: {(time.perf_counter() - start) * 100:.0f} us a problem")
    # Any one expression solves the countdown problem with its digits and its value, and no other.
    answers = Counter(problem.question if name == "countdown" else problem.answer for problem in problems)
    assert answers.most_common(1)[0][1] / len(problems) <= SHARES[name][difficulty]
    assert len({problem.id for problem in problems}) == len(problems)


@every_task
def test_the_docstring_states_the_shares(name: str) -> None:
    rows = [line.split() for line in (inspect.getdoc(CLASSES[name]) or "").splitlines() if line[:1].isdigit()]
    assert {int(row[0]): float(row[-1]) for row in rows} == SHARES[name]


def test_ids_tell_the_variants_apart() -> None:
    variants = [
        {},
        {"difficulty": 5},
        {"instance": 3},
        {"difficulty": 5, "instance": 3},
    ]
    ids = [make_task("modular", split, **options).problem(0).id for options in variants for split in SPLITS]
    ids += [make_task("countdown", style=style).problem(0).id for style in ("compact", "text")]
    assert len(set(ids)) == len(ids)
    assert ids[:2] == ["modular/train/0", "modular/test/0"]
    assert "modular[difficulty=5,instance=3]/test/0" in ids
    assert make_task("modular", difficulty=1, instance=0, size=3).problem(0).id == "modular/train/0"
    assert "[difficulty=5]" in repr(make_task("modular", difficulty=5))


@every_task
def test_arguments_are_checked(name: str) -> None:
    cls = CLASSES[name]
    with pytest.raises(ValueError, match=rf"unknown split 'tset' of {name}\. Did you mean 'test'"):
        cls("tset")
    with pytest.raises(ValueError, match="size must be at least 1"):
        cls(size=0)
    for difficulty in (cls.difficulties[0] - 1, cls.difficulties[-1] + 1):
        with pytest.raises(ValueError, match=f"difficulty of {name} must be {cls.difficulties[0]} to "):
            cls(difficulty=difficulty)
    with pytest.raises(TypeError, match="difficulty must be an integer"):
        cls(difficulty=1.5)  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match=r"no argument 'dificulty'\. Did you mean 'difficulty'"):
        cls(dificulty=3)  # pyright: ignore[reportCallIssue]
    task = cls(size=3)
    assert len(task) == 3
    for index in (-1, 3):
        with pytest.raises(IndexError, match="problems 0 to 2"):
            task.problem(index)
    with pytest.raises(TypeError, match="index must be an integer"):
        task.problem("0")  # pyright: ignore[reportArgumentType]


@every_task
def test_a_batch_has_one_completion_per_problem(name: str) -> None:
    task = procedural(name)
    problem = task.problem(0)
    assert task.grade([], []) == []
    with pytest.raises(ValueError, match="got 1 problems and 2 completions"):
        task.grade([problem], ["1", "2"])
    with pytest.raises(TypeError, match="must be strings, got int"):
        task.grade([problem], [1])  # pyright: ignore[reportArgumentType]


def test_a_split_that_never_comes_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maxpo_bench.envs.tasks.procedural.split_of", lambda task, key: "train")
    monkeypatch.setattr("maxpo_bench.envs.tasks.procedural.MAX_DRAWS", 50)
    with pytest.raises(RuntimeError, match="drew 50 times and found no test problem"):
        make_task("modular", "test").problem(0)


@pytest.mark.parametrize("name", ["countdown", "chain_sum", "counting", "comparison", "modular"])
def test_test_problems_are_all_different_and_train_problems_need_not_be(name: str) -> None:
    task = make_task(name, "test", size=300)
    assert len({task.key(index) for index in range(300)}) == 300
    assert make_task(name, "test", size=300).problem(299) == task.problem(299)
    assert len(make_task(name, "test")) == 1000
    assert len(make_task(name)) == 10_000


def test_a_split_cannot_have_more_problems_than_there_are() -> None:
    task = make_task("countdown", "test", difficulty=3)
    assert len({task.key(index) for index in range(len(task))}) == len(task) == 211
    with pytest.raises(ValueError, match="has 211 problems of difficulty 3 in its test split: lower size=212"):
        make_task("countdown", "test", difficulty=3, size=212)
