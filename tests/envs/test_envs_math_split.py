"""Math-v0 without a split: train where the data set has it, else its only one."""

import json

import gymnasium as gym
import pytest

from maxpo_bench.envs import MathEnv, MathVectorEnv


@pytest.fixture
def folder(tmp_path):
    """A data folder with a set of one split and a set of two, by names of the table, and one of its own."""
    rows = [
        {"problem": f"What is {n} + 1?", "answer": n + 1, "level": 1 + n % 2, "subject": "Algebra"} for n in range(4)
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    for path in ("aime24/test", "math/train", "math/test", "parts/dev", "parts/test"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / f"{path}.jsonl").write_text(text)
    return tmp_path


def splits(dataset, **options):
    """Return the split that the environment and its vector version ask from."""
    vector_options = {"vectorization_mode": "vector_entry_point", "num_envs": 2}
    env = gym.make("maxpo/Math-v0", dataset=dataset, check=False, **options).unwrapped
    envs = gym.make_vec("maxpo/Math-v0", dataset=dataset, check=False, **vector_options, **options).unwrapped
    assert isinstance(env, MathEnv)
    assert isinstance(envs, MathVectorEnv)
    return env.task.split, envs.task.split


def test_the_split_is_train_where_there_is_one_else_the_only_one(folder):
    assert splits("aime24", data_dir=folder) == ("test", "test")
    assert splits("math", data_dir=folder) == ("train", "train")
    assert splits("math", split="test", data_dir=folder) == ("test", "test")
    assert splits(str(folder / "aime24")) == ("test", "test")
    assert splits(str(folder / "math" / "test.jsonl")) == ("train", "train")
    with pytest.raises(ValueError, match=r"aime24 has the split\(s\) test, got 'train'"):
        splits("aime24", split="train", data_dir=folder)
    with pytest.raises(ValueError, match=r"parts has the splits dev, test and no train: say which"):
        splits(str(folder / "parts"))


def test_no_split_is_equal_to_the_one_it_stands_for(folder):
    options = {"dataset": str(folder / "aime24"), "check": False}
    assert MathEnv(**options) == MathEnv(split="test", **options)


def test_one_level_and_one_subject_need_no_collection(folder):
    env = MathEnv("math", data_dir=folder, levels=2, subjects="algebra", check=False)
    assert [env.task.problem(i).id for i in range(len(env.task))] == ["math/train/1", "math/train/3"]
