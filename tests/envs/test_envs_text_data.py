"""The environments over real data sets, where those lie beside the checkout, and over files in another process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import gymnasium as gym
import pytest
from gymnasium.utils.env_checker import check_env
from text_variants import math_file

from maxpo_bench.envs import MathEnv, TextReasoningVectorEnv
from maxpo_bench.envs.tasks.dataset_table import DATASETS

DATA = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"
SETS = [
    pytest.param((known.name, split), id=f"{known.name}-{split}") for known in DATASETS.values() for split in known.rows
]


@pytest.fixture(scope="module", params=SETS)
def env(request):
    """One environment per split of a data set, which is loaded once."""
    if not DATA.is_dir():
        pytest.skip("the real data sets are not beside the checkout")
    name, split = request.param
    return gym.make("maxpo/Math-v0", dataset=name, split=split, data_dir=DATA).unwrapped


def test_every_question_is_inside_the_observation_space_and_is_asked_as_it_is(env):
    count = len(env.task)
    assert count == DATASETS[env.task.name].rows[env.task.split]
    for index in range(count):
        question, info = env.reset(options={"index": index})
        problem = env.task.problem(index)
        assert question in env.observation_space
        assert question == problem.question
        assert info == {"problem_id": problem.id, "index": index}


def test_a_boxed_gold_answer_earns_the_reward(env):
    envs = TextReasoningVectorEnv(32, env.task)
    golds = [env.task.problem(index).answer for index in envs.reset(seed=1)[1]["index"].tolist()]
    _, rewards, _, _, info = envs.step([f"So it is \\boxed{{{gold}}}." for gold in golds])
    assert rewards.all(), [gold for gold, status in zip(golds, info["status"], strict=True) if status != "correct"]
    envs.reset(options={"group_size": 8})
    assert envs.step(["no box"] * 32)[4]["status"].tolist() == ["no_box"] * 32


def test_gymnasium_checker_finds_nothing_in_any_data_set(env):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env)


@pytest.mark.skipif(not DATA.is_dir(), reason="the real data sets are not beside the checkout")
def test_a_data_set_is_a_task_by_name_too():
    env = gym.make("maxpo/TextReasoning-v0", task="aime24", split="test", data_dir=DATA)
    twin = gym.make("maxpo/Math-v0", dataset="aime24", split="test", data_dir=DATA)
    assert [env.reset(seed=3), env.reset()] == [twin.reset(seed=3), twin.reset()]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped)


CODE = """
import json, sys, gymnasium as gym, maxpo_bench
env = gym.make("maxpo/Math-v0", dataset=sys.argv[1])
envs = gym.make_vec("maxpo/Math-v0", num_envs=6, dataset=sys.argv[1], group_size=3)
trace = [env.reset(seed=7), env.reset(), env.reset(), envs.reset(seed=9)[0], envs.reset()[0]]
heavy = [name for name in ("torch", "sympy", "math_verify", "pandas", "datasets") if name in sys.modules]
print(json.dumps([trace, heavy]))
"""


def test_the_same_seed_gives_the_same_problems_in_another_process(tmp_path):
    path = math_file(tmp_path)
    outputs = []
    for hash_seed in ("1", "2"):
        command = [sys.executable, "-W", "error", "-c", CODE, str(path)]
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        outputs.append(json.loads(done.stdout))
    assert outputs[0] == outputs[1]
    trace, heavy = outputs[0]
    assert heavy == []
    env = MathEnv(path)
    assert [list(env.reset(seed=7)), list(env.reset()), list(env.reset())] == trace[:3]
