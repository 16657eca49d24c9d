"""What a text environment refuses, and that each message says what, where and how to mend it."""

from __future__ import annotations

import re
import reprlib

import gymnasium as gym
import pytest
from gymnasium.error import ClosedEnvironmentError, ResetNeeded
from text_variants import GOLD, SIZE, Riddles, scalar, vector

from maxpo_bench.envs import MathEnv, TextReasoningEnv
from maxpo_bench.envs.tasks import MAX_ANSWER_LENGTH, MAX_QUESTION_LENGTH, Grade, Problem
from maxpo_bench.registry import UnknownNameError


def test_a_finished_environment_refuses_to_step():
    env = scalar()
    with pytest.raises(ResetNeeded, match=r"maxpo/TextReasoning-v0: no episode has begun: call reset\(\)"):
        env.step("a")
    env.reset()
    env.step("a")
    with pytest.raises(ResetNeeded, match=r"the episode is over: call reset\(\)"):
        env.step("a")


@pytest.mark.parametrize(
    ("action", "error", "message"),
    [
        (b"abc", TypeError, "action must be a str, the text of the answer, got bytes: decode it"),
        (3, TypeError, "action must be a str, the text of the answer, got int"),
        (None, TypeError, "got NoneType"),
        (["a"], TypeError, "got list"),
        ("a" * (MAX_ANSWER_LENGTH + 1), ValueError, "action has 262145 characters, at most 262144 are allowed: cut it"),
    ],
)
def test_wrong_actions_are_refused_and_change_nothing(action, error, message):
    env = scalar()
    env.reset(options={"index": 2})
    with pytest.raises(error, match=message):
        env.step(action)
    assert env.task.batches == []
    assert env.step(GOLD.format(2))[1] == 1.0


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"index": SIZE}, ValueError, r'options\["index"\] must be in 0 \.\. 49, got 50'),
        ({"index": -1}, ValueError, r"must be in 0 \.\. 49, got -1"),
        ({"index": 1.0}, TypeError, r'options\["index"\] must be an integer, got 1.0'),
        ({"index": True}, TypeError, "must be an integer, got True"),
        ({"index": [1]}, TypeError, r"must be an integer, got \[1\]"),
        ({"indx": 1}, ValueError, r"unknown reset option 'indx' for maxpo/TextReasoning-v0\. Did you mean 'index'"),
    ],
)
def test_wrong_options_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        scalar().reset(options=options)


@pytest.mark.parametrize(("seed", "error"), [(-1, ValueError), (2**63, ValueError), (1.0, TypeError), ("1", TypeError)])
def test_wrong_seeds_are_refused(seed, error):
    with pytest.raises(error, match=r"reset\(seed=...\) must be"):
        scalar().reset(seed=seed)


class Empty(Riddles):
    def __init__(self):
        super().__init__(0)


class Long(Riddles):
    def __init__(self):
        super().__init__(question="x" * (MAX_QUESTION_LENGTH + 1))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: TextReasoningEnv("countdwn"), ValueError, r"unknown task 'countdwn'\. Did you mean 'countdown'"),
        (lambda: TextReasoningEnv(3), TypeError, "task must be the name of a task or a Task, got int"),
        (lambda: TextReasoningEnv(Riddles), TypeError, "the name of a task or a Task, got ABCMeta"),
        (lambda: TextReasoningEnv(Riddles(), size=3), TypeError, "size: options are for a task given by name"),
        (lambda: TextReasoningEnv(Riddles(), split="test"), ValueError, "split='test' contradicts the Task's 'train'"),
        (lambda: TextReasoningEnv(Empty()), ValueError, "task 'riddles' has no problems in split 'train'"),
        (lambda: TextReasoningEnv(sise=3), TypeError, r"no option 'sise'\. Did you mean 'size'"),
        (lambda: TextReasoningEnv(split="valid"), ValueError, "no split 'valid'"),
        (lambda: TextReasoningEnv(render_mode="ansii"), ValueError, r"unknown render_mode 'ansii'\. Did you mean"),
        (lambda: TextReasoningEnv(size=0), ValueError, "size must be at least 1, got 0"),
        (lambda: MathEnv(3), TypeError, "dataset must be a name or a path, got int"),
        (lambda: MathEnv("gsm9k"), ValueError, r"Did you mean 'gsm8k'"),
        (lambda: MathEnv(datset="gsm8k"), TypeError, r"MathEnv has no argument 'datset'\. Did you mean 'dataset'"),
        (lambda: gym.make("maxpo/TextReasoning-v0", sise=3), TypeError, r"Did you mean 'size'"),
        (lambda: gym.make_vec("maxpo/TextReasoning-v0", sise=3), TypeError, r"Did you mean 'size'"),
        (lambda: gym.make("maxpo/Math-v0", level=3), TypeError, r"Did you mean 'levels'"),
        (lambda: gym.make("maxpo/TextReasoning-v0", group_size=4), TypeError, "group_size belongs to gymnasium.make_v"),
        (lambda: TextReasoningEnv(num_envs=4), TypeError, "num_envs belongs to gymnasium.make_vec"),
        (
            lambda: TextReasoningEnv(autoreset_mode="SameStep"),
            TypeError,
            "autoreset_mode belongs to gymnasium.make_vec",
        ),
    ],
)
def test_wrong_arguments_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_question_outside_the_space_is_refused():
    for env in (TextReasoningEnv(Long()), vector(2, Long())):
        with pytest.raises(
            ValueError, match=r"question of 'riddles/train/\d+' has 16385 characters, more than the 16384"
        ):
            env.reset()


class Faulty(Riddles):
    """A task of one's own with a mistake: what it returns is given."""

    name = "faulty"

    def __init__(self, grades=None, problem=None):
        super().__init__()
        self.grades, self.wrong = grades, problem

    def grade(self, problems, completions):
        return super().grade(problems, completions) if self.grades is None else self.grades

    def problem(self, index):
        return super().problem(index) if self.wrong is None else self.wrong


@pytest.mark.parametrize("grades", [[True], [], [Grade("wrong")] * 3, Grade("wrong"), "correct", [1.0, 0.0], {}])
def test_a_task_that_returns_no_grades_is_named(grades):
    env, envs = scalar(Faulty(grades)), vector(2, Faulty(grades))
    env.reset()
    envs.reset()
    got = re.escape(reprlib.repr(grades))
    with pytest.raises(
        TypeError, match=rf"task 'faulty': grade\(\) must return a list of 1 Grade in order, got {got}$"
    ):
        env.step("a")
    with pytest.raises(TypeError, match=rf"must return a list of 2 Grades, one per answer, in order, got {got}$"):
        envs.step(["a", "b"])


def test_grades_may_come_as_a_tuple():
    env = scalar(Faulty((Grade("correct", "a"),)))
    env.reset()
    assert env.step("a")[1] == 1.0


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        ("what?", r"task 'faulty': problem\(\d+\) must return a Problem, got str"),
        (Problem("a", 3, "3"), r"must be str, got 'a' and a question of type int"),  # pyright: ignore[reportArgumentType]
        (Problem(7, "q", "3"), r"must be str, got 7 and a question of type str"),  # pyright: ignore[reportArgumentType]
    ],
)
def test_a_task_that_returns_no_problem_is_named(problem, message):
    for env in (scalar(Faulty(problem=problem)), vector(2, Faulty(problem=problem))):
        with pytest.raises(TypeError, match=message):
            env.reset()


def test_a_task_without_name_or_split_is_refused():
    for attribute in ("name", "split"):
        task = Riddles()
        setattr(task, attribute, None)
        with pytest.raises(TypeError, match=f"needs the attribute '{attribute}', a str: set it"):
            scalar(task)


def test_a_grade_has_a_known_status():
    with pytest.raises(
        UnknownNameError, match="unknown status 'right' of a Grade: choose one of correct, wrong, no_box"
    ):
        Grade("right", "x")  # pyright: ignore[reportArgumentType]
    with pytest.raises(UnknownNameError, match=r"unknown status \[\]"):
        Grade([])  # pyright: ignore[reportArgumentType]


def test_a_closed_environment_says_so():
    env, envs = scalar(), vector(2)
    for each, action in ((env, "a"), (envs, ["a", "b"])):
        each.reset()
        each.close()
        each.close()
        for call in (lambda each=each, action=action: each.step(action), each.reset):
            with pytest.raises(ClosedEnvironmentError, match=r"maxpo/TextReasoning-v0: the environment is closed"):
                call()
    assert scalar().reset()
