"""Every registered id: Gymnasium's and SB3's checkers, twin rollouts, pickling, making, seeds apart."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import warnings

import gymnasium as gym
import numpy as np
import pytest
from env_variants import env_class
from gymnasium.utils.env_checker import check_env, data_equivalence
from stable_baselines3.common.env_checker import check_env as sb3_check_env

from maxpo_bench.envs import (
    ENVIRONMENTS,
    NUMERIC_ENVIRONMENTS,
    TEXT_ENVIRONMENTS,
    BanditEnv,
    MazeEnv,
    register_environments,
)


def rollout(env, actions, seed=None):
    """Play one action list, resetting whenever an episode is over; return everything that was returned."""
    trace = [env.reset(seed=seed)]
    for action in actions:
        trace.append(env.step(action))
        if trace[-1][2]:
            trace.append(env.reset())
    return trace


@pytest.mark.parametrize("render_mode", [None, "ansi", "rgb_array"])
def test_gymnasium_checker_finds_nothing(variant, render_mode):
    env_id, kwargs = variant
    env = gym.make(env_id, render_mode=render_mode, **kwargs)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped)


def test_sb3_checker_finds_nothing(variant):
    env_id, kwargs = variant
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sb3_check_env(gym.make(env_id, **kwargs), warn=True)


def test_twins_live_the_same_life(variant, rng):
    env_id, kwargs = variant
    one, two = gym.make(env_id, **kwargs), gym.make(env_id, **kwargs)
    actions = rng.integers(one.action_space.n, size=40)
    assert data_equivalence(rollout(one, actions, seed=5), rollout(two, actions, seed=5), exact=True)


@pytest.mark.parametrize("clone", [lambda env: pickle.loads(pickle.dumps(env)), copy.deepcopy])
def test_pickled_and_copied_environments_go_on_identically(variant, rng, clone):
    env_id, kwargs = variant
    env = gym.make(env_id, **kwargs).unwrapped
    rollout(env, rng.integers(env.num_actions, size=7), seed=11)
    twin = clone(env)
    assert twin == env
    actions = rng.integers(env.num_actions, size=30)
    assert data_equivalence(rollout(env, actions), rollout(twin, actions), exact=True)


def test_equality_is_that_of_the_arguments(variant):
    env_id, kwargs = variant
    env = gym.make(env_id, **kwargs).unwrapped
    same, other = gym.make(env_id, **kwargs).unwrapped, gym.make(env_id, **{**kwargs, "instance": 77}).unwrapped
    assert env == same
    assert hash(env) == hash(same)
    assert env != other
    assert env != "a string"
    assert env != gym.make_vec(env_id, **kwargs)


def test_an_instance_changes_rewards_or_layout_and_a_seed_never_does():
    rewards = BanditEnv(instance=0).arm_rewards.copy()
    env = BanditEnv(instance=0)
    for seed in (None, 0, 1, 2**63 - 1):
        env.reset(seed=seed)
        np.testing.assert_array_equal(env.arm_rewards, rewards)
    assert not np.isin(BanditEnv(instance=1).arm_rewards, rewards).any()
    assert not np.isin(env.initial_logits, rewards).any()
    maze = MazeEnv(length=100)
    layout = maze.layout
    maze.reset(seed=9)
    assert maze.layout == layout == MazeEnv(length=100).layout
    assert (layout.correct_actions != MazeEnv(length=100, instance=1).layout.correct_actions).any()


@pytest.mark.parametrize("env_id", NUMERIC_ENVIRONMENTS)
def test_the_instance_decides_the_task_and_the_seed_never_does(env_id):
    def task(env):
        bandit = getattr(env, "bandit", None)
        return env.layout if bandit is None else bandit

    env, same, other = (gym.make(env_id, instance=instance).unwrapped for instance in (3, 3, 4))
    before = task(env)
    for seed in (None, 0, 2**63 - 1):
        env.reset(seed=seed)
    assert task(env) == before == task(same)
    assert task(other) != before


@pytest.mark.parametrize("env_id", NUMERIC_ENVIRONMENTS)
def test_the_module_prefix_makes_an_import_unnecessary(env_id):
    assert gym.make(f"maxpo_bench:{env_id}").spec.id == env_id
    assert len(gym.make_vec(f"maxpo_bench:{env_id}", num_envs=3).reset()[0]) == 3


def test_every_id_is_numeric_or_text():
    assert list(ENVIRONMENTS) == [*NUMERIC_ENVIRONMENTS, *TEXT_ENVIRONMENTS]
    assert {env_id for env_id in gym.registry if env_id.startswith("maxpo/")} == set(ENVIRONMENTS)


def test_registering_twice_changes_nothing():
    before = dict(gym.registry)
    register_environments()
    assert gym.registry == before


def test_a_time_limit_truncates_the_maze():
    env = gym.make("maxpo/Maze-v0", max_episode_steps=2, majority_share=1.0)
    env.reset(seed=0)
    assert env.step(1)[2:4] == (False, False)
    assert env.step(1)[2:4] == (False, True)


def test_the_environments_never_import_torch():
    code = (
        "import sys, maxpo_bench, gymnasium as gym, maxpo_bench.envs as envs\n"
        "light = [m for m in ('torch', 'scipy', 'PIL', 'stable_baselines3') if m in sys.modules]\n"
        "assert not light, light\n"
        "[getattr(envs, name) for name in envs.__all__]\n"
        "for env_id in envs.NUMERIC_ENVIRONMENTS:\n"
        "    env = gym.make(env_id, render_mode='rgb_array'); env.reset(); env.step(0); env.render()\n"
        "    gym.make_vec(env_id, num_envs=2).reset()\n"
        "assert 'torch' not in sys.modules and 'matplotlib' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_package_lists_what_it_has():
    import maxpo_bench.envs as envs

    assert set(envs.__all__) <= set(dir(envs))
    with pytest.raises(AttributeError, match="no attribute 'MazeEnvironment'"):
        envs.MazeEnvironment  # noqa: B018


@pytest.mark.parametrize("env_id", ENVIRONMENTS)
def test_the_class_docstring_is_the_card(env_id):
    card = env_class(env_id).__doc__
    first = card.splitlines()[0]
    assert first.startswith("A ")
    assert first.endswith(".")
    assert len(first) < 100
    for heading in ("Mission", "Observation", "Action", "Reward", "Episode", "Seeds", "Ids"):
        assert f"**{heading}" in card
    assert "arXiv 2606.06080" in card
    assert env_id in card
