"""One text environment: Gymnasium's checker, seeds, twins, pickling, rewards, what info and renderings tell."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
import warnings
from importlib.util import find_spec

import gymnasium as gym
import numpy as np
import pytest
from env_variants import env_class
from gymnasium.utils.env_checker import check_env, data_equivalence
from text_variants import GOLD, SIZE, Riddles, all_values, math_file, scalar, vector

from maxpo_bench.commands.lists import env_rows
from maxpo_bench.envs import ENVIRONMENTS, MathEnv, TextReasoningEnv, UnicodeText
from maxpo_bench.envs.tasks import MAX_ANSWER_LENGTH, MAX_QUESTION_LENGTH, Problem, Task, list_tasks
from maxpo_bench.envs.tasks.dataset_table import DATASETS

PROCEDURAL = [row["name"] for row in list_tasks() if row["kind"] == "procedural"]
ADAPTED = [row["name"] for row in list_tasks() if row["kind"] == "reasoning_gym"]
SAMPLED = ["reasoning_gym/chain_sum", "reasoning_gym/leg_counting", "reasoning_gym/largest_island"]
SPLITS = ["train", "test"]
needs_reasoning_gym = pytest.mark.skipif(find_spec("reasoning_gym") is None, reason="reasoning-gym is not installed")
NAMES = [*PROCEDURAL, *(pytest.param(name, marks=needs_reasoning_gym) for name in SAMPLED)]
ANSWERS = ["", "1+2*3", "so \\boxed{7}", "no\u2028\ud800", "12"]


@pytest.fixture
def sums(tmp_path):
    return {"dataset": math_file(tmp_path)}


def rollout(env, texts, seed=None):
    """Answer one text after the other, and return everything that was returned."""
    trace = []
    for number, text in enumerate(texts):
        trace += [env.reset(seed=seed if number == 0 else None), env.step(text)]
    return trace


def check(env):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped)


@pytest.mark.parametrize("render_mode", [None, "ansi"])
def test_gymnasium_checker_finds_nothing(render_mode, sums):
    check(gym.make("maxpo/TextReasoning-v0", task=Riddles(), render_mode=render_mode))
    check(gym.make("maxpo/TextReasoning-v0", render_mode=render_mode))
    check(gym.make("maxpo/Math-v0", render_mode=render_mode, **sums))


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("name", NAMES)
def test_gymnasium_checker_finds_nothing_in_a_task(name, split):
    check(gym.make("maxpo/TextReasoning-v0", task=name, split=split))


@pytest.mark.paper
@needs_reasoning_gym
@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("name", ADAPTED)
def test_gymnasium_checker_finds_nothing_in_any_adapted_task(name, split):
    """Some generators take seconds for a question, which is why these are not among the fast tests."""
    check(gym.make("maxpo/TextReasoning-v0", task=name, split=split))


@pytest.mark.parametrize("name", NAMES)
def test_twins_of_any_task_live_the_same_life(name):
    one, two = (gym.make("maxpo/TextReasoning-v0", task=name) for _ in range(2))
    assert data_equivalence(rollout(one, ANSWERS, seed=5), rollout(two, ANSWERS, seed=5), exact=True)


def test_every_task_of_the_registry_is_checked_somewhere():
    datasets = [row["name"] for row in list_tasks() if row["kind"] == "dataset"]
    assert {row["name"] for row in list_tasks()} == {*PROCEDURAL, *ADAPTED, *datasets}
    assert {*datasets} == {*DATASETS}
    assert {*SAMPLED} <= {*ADAPTED}
    assert len(PROCEDURAL) >= 5


def test_every_known_problem_is_asked_as_it_is():
    env = scalar()
    for index in (0, 17, SIZE - 1, np.int64(3)):
        question, info = env.reset(options={"index": index})
        problem = env.task.problem(int(index))
        assert question == problem.question
        assert question in env.observation_space
        assert info == {"problem_id": problem.id, "index": index}
        assert type(info["index"]) is int


def test_the_spaces_are_those_of_the_contract():
    env = scalar()
    assert env.observation_space == UnicodeText(MAX_QUESTION_LENGTH)
    assert env.action_space == UnicodeText(MAX_ANSWER_LENGTH)
    assert "\ud800" * MAX_ANSWER_LENGTH in env.action_space


@pytest.mark.parametrize(
    ("answer", "reward", "status", "extracted"),
    [
        (GOLD.format(3), 1.0, "correct", GOLD.format(3)),
        (f" {GOLD.format(3)}\n", 1.0, "correct", GOLD.format(3)),
        (GOLD.format(4), 0.0, "wrong", GOLD.format(4)),
        ("", 0.0, "no_box", None),
    ],
)
def test_the_reward_is_the_verifiers(answer, reward, status, extracted):
    env = scalar()
    question, asked = env.reset(options={"index": 3})
    seen, earned, terminated, truncated, info = env.step(answer)
    assert (seen, earned, terminated, truncated) == (question, reward, True, False)
    assert type(earned) is float
    assert info == {**asked, "status": status, "extracted": extracted}


def test_math_pays_boxed_answers_of_the_right_value_only(sums):
    env = gym.make("maxpo/Math-v0", **sums)
    for text, status in [
        (r"So \boxed{1009}.", "correct"),
        (r"\boxed{ 1{,}009.0 }", "correct"),
        (r"\boxed{1010}", "wrong"),
        ("1009", "no_box"),
    ]:
        assert env.reset(options={"index": 3})[0] == "What is 1003 + 6?"
        _, reward, terminated, truncated, info = env.step(text)
        assert (info["status"], terminated, truncated) == (status, True, False)
        assert reward == (status == "correct")


def test_an_answer_with_a_lone_surrogate_is_graded_too(sums):
    env = MathEnv(**sums)
    env.reset(options={"index": 0})
    assert env.step("\\boxed{\ud800}")[1] == 0.0
    env.reset()
    assert env.step("\ud800")[4]["status"] == "no_box"


def test_the_drawn_index_is_uniform_and_follows_the_seed():
    env = scalar(Riddles(8))
    env.reset(seed=3)
    drawn = [env.reset()[1]["index"] for _ in range(4000)]
    # a binomial(4000, 1/8) count is off its mean, 500, by 130 with probability below 1e-8 (Chernoff), in 8 cells 1e-7
    assert (np.abs(np.bincount(drawn, minlength=8) - 500) < 130).all()
    twin = scalar(Riddles(8))
    twin.reset(seed=3)
    assert [twin.reset()[1]["index"] for _ in range(50)] == drawn[:50]
    # of 8**20 sequences two seeds draw the same one with probability 1e-18
    twin.reset(seed=4)
    assert [twin.reset()[1]["index"] for _ in range(20)] != drawn[:20]


def test_unseeded_environments_differ():
    firsts = [[env.reset()[1]["index"] for _ in range(20)] for env in (scalar(), scalar())]
    assert firsts[0] != firsts[1]


def test_a_chosen_question_draws_no_random_number():
    env, twin = scalar(), scalar()
    env.reset(seed=1)
    twin.reset(seed=1)
    env.reset(options={"index": 0})
    env.reset(options={"index": 5})
    assert env.reset() == twin.reset()
    assert env.reset(seed=2, options={"index": 5})[1]["index"] == 5
    assert env.reset() == scalar().reset(seed=2)


def test_the_task_never_changes_with_the_seed():
    env = gym.make("maxpo/TextReasoning-v0", size=20).unwrapped
    before = [env.task.problem(i) for i in range(20)]
    for seed in (None, 0, 2**63 - 1):
        env.reset(seed=seed)
    assert [env.task.problem(i) for i in range(20)] == before


CODE = """
import json, gymnasium as gym, maxpo_bench
trace = []
for name in {names!r}:
    env = gym.make("maxpo/TextReasoning-v0", task=name)
    trace += [env.reset(seed=7)] + [env.reset() for _ in range(3)]
    envs = gym.make_vec("maxpo/TextReasoning-v0", num_envs=4, task=name, group_size=2)
    trace += [envs.reset(seed=11)[0], envs.reset()[0]]
print(json.dumps(trace))
"""


def test_the_same_seed_gives_the_same_questions_in_another_process():
    names = PROCEDURAL + (SAMPLED if find_spec("reasoning_gym") else [])

    def questions(hash_seed):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        command = [sys.executable, "-W", "error", "-c", CODE.format(names=names)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    first = questions("1")
    assert len(first) > 1000
    assert first == questions("2")


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_copies_go_on_identically(clone, sums):
    for env in (
        TextReasoningEnv(),
        TextReasoningEnv("countdown", "test", size=30, difficulty=3),
        MathEnv(**sums),
        MathEnv(levels=[1, 2], **sums),
        scalar(render_mode="ansi"),
        *([TextReasoningEnv(SAMPLED[0])] if find_spec("reasoning_gym") else []),
    ):
        rollout(env, ANSWERS, seed=11)
        env.reset()
        twin = clone(env)
        assert data_equivalence(env.step("12"), twin.step("12"), exact=True)
        assert data_equivalence(rollout(env, ANSWERS), rollout(twin, ANSWERS), exact=True)
        if not isinstance(env.task, Riddles):
            assert twin == env


def test_equality_is_that_of_the_arguments(sums):
    env = TextReasoningEnv(size=30)
    assert env == TextReasoningEnv("countdown", size=30)
    assert hash(env) == hash(TextReasoningEnv("countdown", size=30))
    others = [
        TextReasoningEnv(),
        TextReasoningEnv(split="test", size=30),
        TextReasoningEnv(size=30, render_mode="ansi"),
    ]
    assert env not in [*others, "a string"]
    task = Riddles()
    assert scalar(task) == scalar(task)
    assert scalar(task) != scalar(Riddles())
    assert vector(2, task) == vector(2, task)
    assert vector(2, task) not in (vector(4, task), vector(2, task, group_size=2), scalar(task))
    assert MathEnv(**sums) == MathEnv(**sums)
    assert MathEnv(**sums) != MathEnv(levels=[1], **sums)


def test_options_of_the_task_and_of_the_data_set_reach_them(sums):
    assert len(gym.make("maxpo/TextReasoning-v0", task="countdown", size=7).unwrapped.task) == 7
    env = gym.make("maxpo/Math-v0", levels=[2], **sums).unwrapped
    assert {env.task.problem(i).metadata["level"] for i in range(len(env.task))} == {2}
    folder = sums["dataset"].parent
    assert len(MathEnv(str(folder / "sums.jsonl"), split="test").task) == 12


def test_the_gold_answer_is_told_nowhere():
    """Neither before the step nor after a wrong answer is it in anything that an agent gets to see."""
    env, envs = scalar(render_mode="ansi"), vector(4, render_mode="ansi", autoreset_mode="SameStep", group_size=2)
    for index in range(SIZE):
        gold = GOLD.format(index)
        seen = [env.reset(options={"index": index}), env.render()]
        seen += [env.step("wrong"), env.render(), repr(env), str(env)]
        seen += [envs.reset(options={"index": index}), envs.render(), envs.step(["wrong"] * 4), envs.render()]
        for one in (env, envs):
            seen += [repr(one), repr(one.observation_space), repr(one.action_space), one.metadata, repr(one.spec)]
        texts = [str(value) for value in all_values(seen)]
        assert len(texts) > 40
        assert not [text for text in texts if gold in text]


def test_the_specification_tells_no_gold_answer(sums):
    for env in (gym.make("maxpo/TextReasoning-v0", task=Riddles()), gym.make("maxpo/Math-v0", **sums)):
        problem = env.unwrapped.task.problem(3)
        assert problem.answer not in repr(env.spec) + repr(env) + repr(env.unwrapped)


def test_rendering_shows_question_answer_and_status():
    env = scalar(render_mode="ansi")
    assert env.render() == "no question yet"
    env.reset(options={"index": 3})
    assert env.render() == f"[riddles/train/3]\nQuestion: {env.task.problem(3).question}"
    env.step("  green ")
    assert env.render().endswith("\nAnswer:   green \nExtracted: green\nStatus: wrong (reward 0)")
    env.reset(options={"index": 3})
    env.step(GOLD.format(3))
    assert env.render().endswith("Status: correct (reward 1)")
    env.reset()
    env.step("")
    assert env.render().endswith("Extracted: -\nStatus: no_box (reward 0)")
    env.reset()
    assert "Status" not in env.render()


def test_rendering_without_a_mode_warns():
    for env in (scalar(), vector(2)):
        env.reset()
        with pytest.warns(UserWarning, match='made without a render_mode: pass render_mode="ansi"'):
            assert env.render() is None


def test_texts_of_other_types_become_plain_texts():
    class Watching(Riddles):
        def grade(self, problems, completions):
            assert [type(text) for text in completions] == [str] * len(completions)
            return super().grade(problems, completions)

    for texts in (
        [np.str_("blue"), "red"],
        np.array(["blue", "red"]),
        np.array([np.str_("blue"), "red"], dtype=object),
    ):
        envs = vector(2, Watching())
        envs.reset()
        assert envs.step(texts)[4]["extracted"].tolist() == ["blue", "red"]
    env = scalar(Watching())
    env.reset()
    assert env.step(np.str_("blue"))[4]["extracted"] == "blue"


def test_the_list_of_environments_has_the_first_lines_of_their_cards():
    rows = env_rows()
    assert [row["name"] for row in rows] == list(ENVIRONMENTS)
    for row in rows:
        assert env_class(row["name"]).__doc__.startswith(row["summary"])


def test_a_task_of_ones_own_keeps_its_split():
    assert scalar(Riddles(split="test")).reset(options={"index": 1})[1]["problem_id"] == "riddles/test/1"
    assert scalar(Riddles(split="test"), split="test").task.split == "test"
    env = gym.make("maxpo/TextReasoning-v0", task=Riddles())
    assert isinstance(env.unwrapped.task, Task)
    assert isinstance(env.unwrapped.task.problem(0), Problem)
    assert env.reset(options={"index": 1})[0] == Riddles().problem(1).question
