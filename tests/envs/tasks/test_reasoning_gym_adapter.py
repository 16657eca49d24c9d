"""reasoning-gym's data sets as tasks: who is admitted, what is drawn, what is paid."""

from __future__ import annotations

import decimal
import functools
import hashlib
import json
import os
import pickle
import random
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maxpo_bench.envs.tasks import reasoning_gym as adapter
from maxpo_bench.envs.tasks.reasoning_gym import (
    MAX_FAILURES,
    PREFIX,
    ReasoningGymTask,
    excluded_reasoning_gym,
    make_reasoning_gym_task,
    reasoning_gym_names,
)
from maxpo_bench.envs.tasks.reasoning_gym_admission import ADMITTED, EXCLUDED
from maxpo_bench.envs.tasks.registry import list_tasks, make_task
from maxpo_bench.envs.tasks.splits import split_of
from maxpo_bench.envs.tasks.task import MAX_QUESTION_LENGTH, Problem
from maxpo_bench.registry import UnknownNameError

# Their generators take 20 to 250 ms per draw, and a test problem costs ten draws.
SLOW = {"futoshiki", "rearc", "sudoku", "zebra_puzzles", "jugs", "simple_equations"}
NAMES = sorted(ADMITTED)

HOSTILE = (
    "",
    "zzz",
    "I do not know, a cab backed up.",
    "None",
    "null",
    "[]",
    "{}",
    "nan",
    "[NaN, NaN, NaN]",
    "inf",
    "-Infinity",
    "sNaN",
    "\u200b",
    "\N{VULGAR FRACTION ONE HALF}",
    "\ud800",
    "\x00",
    "9**9**9**9",
    "factorial(10**9)",
    "1e999999999",
    "1e-999999999",
    "9" * 999,
    "0x" + "f" * 900,
    "R999999999",
    "A+999999999",
    "(" * 400 + ")" * 400,
    "[" * 900,
    "[" * 450 + "]" * 450,
    '{"a":' * 120 + "1" + "}" * 120,
    "\N{NOT SIGN}" * 900,
    "A=1," * 240,
    "Shape: 3x3\n" * 80,
    "\\frac{1}{2}" * 80,
    "1 " * 450,
    "7\n" * 450,
    " and is a knight" * 60,
)


@functools.cache
def task_of(name: str, split: str = "train") -> ReasoningGymTask:
    return make_reasoning_gym_task(name, split, size=50)


def problems_of(name: str, split: str = "train") -> list[Problem]:
    task = task_of(name, split)
    return [task.problem(index) for index in range(1 if name in SLOW else 5)]


def global_states() -> tuple[Any, ...]:
    numpy_state = pickle.dumps(np.random.get_state(legacy=False))  # noqa: NPY002 - it is looked at, not used
    return random.getstate(), numpy_state, repr(decimal.getcontext())


def fingerprint(names: list[str]) -> str:
    """Hash problems of all data sets: executed here and in a process of another PYTHONHASHSEED."""
    content = [
        [problem.id, problem.question, problem.answer, repr(problem.metadata)]
        for name in names
        for problem in problems_of(name)
    ]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


class TestAdmission:
    def test_every_data_set_of_the_audited_version_is_in_one_table(self):
        from reasoning_gym.factory import DATASETS

        assert len(DATASETS) == 106
        assert set(DATASETS) == set(ADMITTED) | set(EXCLUDED)
        assert not set(ADMITTED) & set(EXCLUDED)

    def test_names_carry_the_prefix_and_reasons_are_sentences(self):
        assert reasoning_gym_names() == [PREFIX + name for name in ADMITTED]
        assert list(ADMITTED) == NAMES
        assert list(EXCLUDED) == sorted(EXCLUDED)
        reasons = excluded_reasoning_gym()
        assert set(reasons) == {PREFIX + name for name in EXCLUDED}
        assert all(15 < len(reason) < 200 and not reason.endswith(".") for reason in reasons.values())

    @pytest.mark.parametrize("name", ["n_queens", "spiral_matrix", "string_insertion", "binary_matrix"])
    def test_scorers_that_evaluate_the_answer_are_excluded(self, name: str, tmp_path: Path):
        from reasoning_gym.factory import create_dataset

        marker = tmp_path / "marker"
        dataset = create_dataset(name, seed=0, size=1)
        dataset.score_answer(f"[open({str(marker)!r}, 'w').close()]", dataset[0])
        assert marker.exists()
        with pytest.raises(ValueError, match=f"{name} is excluded: .* evaluates the answer"):
            make_reasoning_gym_task(name)

    @pytest.mark.parametrize("name", NAMES)
    def test_admitted_scorers_neither_create_files_nor_pay_code(self, name: str, tmp_path: Path):
        marker = tmp_path / "marker"
        calls = (f"open({str(marker)!r}, 'w')", f"__import__('os').system('touch {marker}')")
        answers = [text for call in calls for text in (call, f"[{call}]", f'["{call}"]', f"({call}, {call})")]
        (problem, *_) = problems_of(name)
        grades = task_of(name).grade([problem] * len(answers), answers)
        assert not any(grade.correct for grade in grades)
        assert not marker.exists()

    def test_a_data_set_of_another_version_is_not_audited(self, monkeypatch: pytest.MonkeyPatch):
        from reasoning_gym.factory import DATASETS

        monkeypatch.setitem(DATASETS, "brand_new", DATASETS["gcd"])
        assert excluded_reasoning_gym()[PREFIX + "brand_new"].startswith("not audited")
        with pytest.raises(ValueError, match="brand_new is excluded: not audited"):
            make_reasoning_gym_task("brand_new")

    def test_another_version_warns(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(adapter, "AUDITED_VERSION", "0.1.24")
        with pytest.warns(UserWarning, match=r"0\.1\.25 is installed, but its scorers were audited in 0\.1\.24"):
            adapter._library.__wrapped__()

    def test_without_the_package_the_message_says_how_to_install_it(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(adapter, "_library", adapter._library.__wrapped__)
        monkeypatch.setitem(sys.modules, "reasoning_gym", None)
        with pytest.raises(ModuleNotFoundError, match=r"pip install 'maxpo-bench\[text\]'"):
            make_task("reasoning_gym/gcd")
        assert len(reasoning_gym_names()) == len(ADMITTED)
        assert excluded_reasoning_gym() == {PREFIX + name: reason for name, reason in EXCLUDED.items()}


class TestProblems:
    @pytest.mark.parametrize("name", NAMES)
    def test_references_are_right_in_a_box_after_a_thought_and_bare(self, name: str):
        task, problems = task_of(name), problems_of(name)
        boxed = [rf"<think>\boxed{{zzz}}</think> So: $\boxed{{{problem.answer}}}$." for problem in problems]
        bare = [f"<think>Let me see.</think>\n{problem.answer}\n" for problem in problems]
        assert [grade.status for grade in task.grade(problems, boxed)] == ["correct"] * len(problems)
        assert [grade.status for grade in task.grade(problems, bare)] == ["correct"] * len(problems)

    @pytest.mark.parametrize("name", NAMES)
    def test_hostile_answers_are_not_paid_and_leave_the_problem_as_it_is(self, name: str):
        task, (problem, *_) = task_of(name), problems_of(name)
        before = pickle.dumps(problem)
        for answers in (list(HOSTILE), [rf"\boxed{{{text}}}" for text in HOSTILE]):
            grades = task.grade([problem] * len(answers), answers)
            assert [answer for answer, grade in zip(answers, grades, strict=True) if grade.correct] == []
        assert pickle.dumps(problem) == before

    @pytest.mark.parametrize("name", NAMES)
    def test_every_problem_fits_the_contract(self, name: str):
        for problem in problems_of(name):
            assert 0 < len(problem.question) <= MAX_QUESTION_LENGTH
            assert problem.answer.strip()
            assert problem.id.startswith(f"reasoning_gym/{name}/train/")
            assert problem.metadata["source_dataset"] == name

    @pytest.mark.parametrize("name", NAMES)
    def test_splits_share_no_question(self, name: str):
        train, test = ({problem.question for problem in problems_of(name, split)} for split in ("train", "test"))
        assert not train & test
        assert {split_of(PREFIX + name, question) for question in train} == {"train"}
        assert {split_of(PREFIX + name, question) for question in test} == {"test"}

    def test_splits_are_disjoint_where_questions_repeat(self):
        """prime_factorization has 999 questions: 1000 draws of one split hold hundreds of repetitions."""
        drawn = {
            (split, instance): {task.problem(index).question for index in range(1000)}
            for split in ("train", "test")
            for instance in (0, 1)
            for task in [make_reasoning_gym_task("prime_factorization", split, size=1000, instance=instance)]
        }
        train = drawn["train", 0] | drawn["train", 1]
        test = drawn["test", 0] | drawn["test", 1]
        assert len(drawn["train", 0]) < 900
        assert len(drawn["train", 0] & drawn["train", 1]) > 100
        assert not train & test
        assert len(train | test) > 850

    def test_neighbouring_instances_share_few_questions(self):
        """The data set's own seeds 42 and 43 would share all but one."""
        first, second = (
            {task.problem(index).question for index in range(300)}
            for instance in (42, 43)
            for task in [make_reasoning_gym_task("count_bits", size=300, instance=instance)]
        )
        assert len(first) == 300
        assert len(first & second) < 5

    def test_problems_are_equal_in_a_process_of_another_hash_seed(self):
        code = "import test_reasoning_gym_adapter as tests, sys; print(tests.fingerprint(sys.argv[1:]))"
        environment = {**os.environ, "PYTHONHASHSEED": "4242", "PYTHONPATH": str(Path(__file__).parent)}
        done = subprocess.run(
            [sys.executable, "-c", code, *NAMES], env=environment, capture_output=True, text=True, check=True
        )
        assert done.stdout.split() == [fingerprint(NAMES)]

    @pytest.mark.parametrize("name", sorted(set(NAMES) - SLOW))
    def test_problems_do_not_depend_on_the_order_of_access(self, name: str):
        other = make_reasoning_gym_task(name, size=7)
        backwards = [other.problem(index) for index in reversed(range(5))]
        assert backwards[::-1] == problems_of(name)

    def test_threads_get_the_same_problems(self):
        task = make_reasoning_gym_task("maze", size=200)
        found: dict[int, list[Problem]] = {}

        def read(thread: int) -> None:
            found[thread] = [task.problem(index) for index in range(60)]

        threads = [threading.Thread(target=read, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        alone = make_reasoning_gym_task("maze", size=60)
        assert all(problems == [alone.problem(index) for index in range(60)] for problems in found.values())

    def test_global_generators_and_standard_output_are_left_alone(self, capfd: pytest.CaptureFixture[str]):
        random.seed(5)
        np.random.seed(5)  # noqa: NPY002 - the global state must stay as it is
        before = global_states()
        for name in NAMES:
            task = make_reasoning_gym_task(name, size=3, instance=1)
            problem = task.problem(2)
            task.grade([problem] * 3, [problem.answer, "zzz", "1 2 3"])
        assert global_states() == before
        assert capfd.readouterr() == ("", "")

    def test_importing_the_package_reseeds_nothing(self):
        code = (
            "import random; random.seed(1); state = random.getstate()\n"
            "from test_reasoning_gym_adapter import global_states; before = global_states()\n"
            "from maxpo_bench.envs.tasks import make_task\n"
            "make_task('reasoning_gym/gcd').problem(0)\n"
            "assert global_states() == before and random.getstate() == state\n"
        )
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    def test_the_callers_decimal_context_changes_nothing(self):
        with decimal.localcontext(decimal.Context(prec=2, rounding=decimal.ROUND_UP)):
            for name in ("decimal_chain_sum", "power_function"):
                task = make_reasoning_gym_task(name, size=5)
                problems = [task.problem(index) for index in range(5)]
                assert problems == problems_of(name)
                assert all(grade.correct for grade in task.grade(problems, [p.answer for p in problems]))

    def test_pickling_keeps_the_problems(self):
        task = make_reasoning_gym_task("gcd", "test", size=9, instance=4, max_value=50)
        copy = pickle.loads(pickle.dumps(task))
        assert (len(copy), copy.problem(8), repr(copy)) == (9, task.problem(8), repr(task))
        assert pickle.loads(pickle.dumps(task.problem(3))) == task.problem(3)


class TestGrading:
    def test_statuses(self):
        task = make_reasoning_gym_task("prime_factorization", size=1)
        problem = task.problem(0)
        cases = {
            problem.answer: "correct",
            rf"no box needed \boxed{{{problem.answer}}}": "correct",
            rf"\boxed{{{problem.answer}}} or rather \boxed{{4}}": "wrong",
            f"<think>{problem.answer}</think>": "malformed",
            "2 times 3": "malformed",
            "1 × 1": "wrong",
            "7" * 1001: "too_long",
            "x" * 1_000_000: "too_long",
        }
        grades = task.grade([problem] * len(cases), list(cases))
        assert [grade.status for grade in grades] == list(cases.values())
        assert grades[1].extracted == problem.answer

    def test_long_references_may_be_answered(self):
        task = make_reasoning_gym_task("palindrome_partitioning", size=200)
        problem = max(map(task.problem, range(200)), key=lambda problem: len(problem.answer))
        assert len(problem.answer) > 1000
        spaced = json.dumps(json.loads(problem.answer)[::-1])
        texts = [problem.answer, spaced, problem.answer + " " * 10, "z" * (2 * len(problem.answer) + 1)]
        statuses = [grade.status for grade in task.grade([problem] * 4, texts)]
        assert statuses == ["correct", "correct", "correct", "too_long"]

    @pytest.mark.parametrize(
        ("score", "status"),
        [(1.0, "correct"), (1, "correct"), (1 - 1e-12, "wrong"), (0.05, "wrong"), (float("nan"), "wrong")],
    )
    def test_only_the_full_score_is_right(self, score: float, status: str, monkeypatch: pytest.MonkeyPatch):
        task = make_reasoning_gym_task("gcd", size=1)
        problem = task.problem(0)
        monkeypatch.setattr(task._source, "score_answer", lambda answer, entry: score)
        assert task.grade([problem], ["5"])[0].status == status

    @pytest.mark.parametrize("error", [ValueError, RecursionError, MemoryError, KeyError])
    def test_a_scorer_that_raises_loses_only_its_own_answer(
        self, error: type[Exception], monkeypatch: pytest.MonkeyPatch
    ):
        task = make_reasoning_gym_task("gcd", size=1)
        problem = task.problem(0)
        score = task._source.score_answer

        def raise_once(answer: str, entry: dict[str, Any]) -> float:
            if answer == "bad":
                raise error
            return score(answer, entry)

        monkeypatch.setattr(task._source, "score_answer", raise_once)
        grades = task.grade([problem] * 3, [problem.answer, "bad", problem.answer])
        assert [grade.status for grade in grades] == ["correct", "malformed", "correct"]

    def test_another_tasks_problem_is_refused(self):
        problem = make_reasoning_gym_task("lcm", size=1).problem(0)
        with pytest.raises(ValueError, match="is not of reasoning_gym/gcd"):
            make_reasoning_gym_task("gcd", size=1).grade([problem], ["5"])

    def test_lengths_and_types_are_checked(self):
        task = make_reasoning_gym_task("gcd", size=1)
        with pytest.raises(ValueError, match="got 1 problems and 2 completions"):
            task.grade([task.problem(0)], ["1", "2"])
        with pytest.raises(TypeError, match="completions must be strings, got int"):
            task.grade([task.problem(0)], [5])  # pyright: ignore[reportArgumentType]


class TestArguments:
    def test_the_registry_makes_and_lists_them(self):
        task = make_task("reasoning_gym/gcd", "test", size=4, instance=2, max_value=30)
        assert (task.name, task.split, len(task)) == ("reasoning_gym/gcd", "test", 4)
        assert task.problem(3).id == "reasoning_gym/gcd[instance=2,max_value=30]/test/3"
        assert max(task.problem(0).metadata["numbers"]) <= 30
        assert set(reasoning_gym_names()) <= {row["name"] for row in list_tasks()}

    def test_unknown_names_and_options_suggest_the_nearest(self):
        with pytest.raises(UnknownNameError, match="Did you mean 'rotate_matrix'"):
            make_reasoning_gym_task("rotat_matrix")
        with pytest.raises(TypeError, match=r"has no option 'max_valu'\. Did you mean 'max_value'"):
            make_reasoning_gym_task("gcd", max_valu=3)
        with pytest.raises(TypeError, match=r"has no option 'seed'\. Use size and instance"):
            make_reasoning_gym_task("gcd", seed=3)
        with pytest.raises(ValueError, match=r"unknown split 'tets' of reasoning_gym/gcd\. Did you mean 'test'"):
            make_reasoning_gym_task("gcd", "tets")

    def test_values_out_of_range_are_refused(self):
        with pytest.raises(ValueError, match="reasoning_gym/gcd refuses the options"):
            make_reasoning_gym_task("gcd", min_value=9, max_value=3)
        with pytest.raises(ValueError, match="size must be at least 1"):
            make_reasoning_gym_task("gcd", size=0)
        task = make_reasoning_gym_task("gcd", size=2)
        for index in (-1, 2):
            with pytest.raises(IndexError, match="has problems 0 to 1"):
                task.problem(index)
        with pytest.raises(TypeError, match="index must be an integer"):
            task.problem(0.5)  # pyright: ignore[reportArgumentType]

    def test_a_split_that_cannot_be_filled_is_said(self):
        """With one number there is one question, which is in one split only."""
        task = _one_question("train")
        assert task.problem(0).question == task.problem(1).question
        with pytest.raises(RuntimeError, match="made no question for problem 0 of the test split"):
            _one_question("test").problem(0)

    def test_a_generator_that_only_raises_is_given_up(self, monkeypatch: pytest.MonkeyPatch):
        task = make_reasoning_gym_task("gcd", size=1)
        calls: list[int] = []

        class Broken:
            def __getitem__(self, index: int) -> dict[str, Any]:
                calls.append(index)
                raise ZeroDivisionError("no such number")

        monkeypatch.setattr(task, "_source", Broken())
        with pytest.raises(RuntimeError, match=f"{MAX_FAILURES} draws failed") as caught:
            task.problem(0)
        assert isinstance(caught.value.__cause__, ZeroDivisionError)
        assert len(calls) == len(set(calls)) == MAX_FAILURES

    def test_draws_without_an_answer_that_is_paid_are_passed_over(self, monkeypatch: pytest.MonkeyPatch):
        """base_conversion writes 0 as the empty text, which its scorer does not pay."""
        task = make_reasoning_gym_task("base_conversion", size=20, max_value=3, min_value=0)
        answers = [task.problem(index).answer for index in range(20)]
        assert all(answers)
        drawn = [task._source[index]["answer"] for index in range(40)]
        assert "" in drawn


def _one_question(split: str) -> ReasoningGymTask:
    return make_reasoning_gym_task("prime_factorization", split, size=2, min_value=7, max_value=7)
