"""Gymnasium vector environments as Stable-Baselines3 sees them."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.spaces import Discrete
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import TimeLimit
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor

from maxpo_bench.agents import EIL2O, GymVectorToSB3
from maxpo_bench.agents.vector_envs import IdlingVectorEnv


class Walk(gym.Env):
    """Counts its steps; a step with action 1 ends the episode. Every other episode starts at 10."""

    observation_space, action_space = Discrete(100), Discrete(2)
    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012
    color = 5

    def __init__(self, render_mode="rgb_array"):
        self.render_mode, self.episodes, self.seeds = render_mode, 0, []

    def reset(self, *, seed=None, options=None):
        self.seeds.append((seed, options))
        self.state = 10 * (self.episodes % 2)
        self.episodes += 1
        return self.state, {"episode_number": self.episodes}

    def step(self, action):
        self.state += 1
        return self.state, float(self.state), bool(action), False, {"state": self.state, "half": self.state / 2}

    def double(self, number):
        return 2 * number + self.color

    def render(self):
        return np.full((4, 4, 3), self.color, np.uint8)


def adapters(num_envs=3, limit=None):
    def make():
        return Walk() if limit is None else TimeLimit(Walk(), limit)

    yield GymVectorToSB3(IdlingVectorEnv([make] * num_envs))
    for mode in (AutoresetMode.DISABLED, AutoresetMode.SAME_STEP):
        yield GymVectorToSB3(SyncVectorEnv([make] * num_envs, autoreset_mode=mode))


ADAPTERS = [0, 1, 2]


@pytest.mark.parametrize("which", ADAPTERS)
def test_steps_equal_those_of_stable_baselines3(which):
    """Against DummyVecEnv, with random ends and time limits."""
    env = list(adapters(limit=4))[which]
    reference = DummyVecEnv([lambda: TimeLimit(Walk(), 4)] * 3)
    np.testing.assert_array_equal(env.reset(), reference.reset())
    rng = np.random.default_rng(0)
    ends = 0
    for _ in range(60):
        actions = (rng.random(3) < 0.3).astype(int)
        observations, rewards, dones, infos = env.step(actions)
        expected = reference.step(actions)
        np.testing.assert_array_equal(observations, expected[0])
        np.testing.assert_array_equal(rewards, expected[1])
        np.testing.assert_array_equal(dones, expected[2])
        for i in range(3):
            for key in ("terminal_observation", "state", "half"):
                assert infos[i].get(key) == expected[3][i].get(key), key
            if dones[i]:
                ends += 1
                assert infos[i]["TimeLimit.truncated"] == expected[3][i]["TimeLimit.truncated"]
    assert ends > 20


def test_next_step_mode_is_refused_with_the_remedy():
    env = GymVectorToSB3(SyncVectorEnv([Walk] * 2, autoreset_mode=AutoresetMode.NEXT_STEP))
    env.reset()
    with pytest.raises(ValueError, match=r"make it with autoreset_mode=AutoresetMode.SAME_STEP or DISABLED"):
        env.step(np.zeros(2, int))


@pytest.mark.parametrize("mode", [AutoresetMode.DISABLED, AutoresetMode.SAME_STEP])
def test_own_vector_environments(mode):
    vector = gym.make_vec(
        "maxpo/Maze-v0", 2, vectorization_mode="vector_entry_point", length=3, instance=1, autoreset_mode=mode
    )
    env = GymVectorToSB3(vector)
    assert env.reset().tolist() == [0, 0]
    right = vector.unwrapped.layout.correct_actions
    observations, rewards, dones, infos = env.step(np.array([right[0], 1 - right[0]]))
    assert observations.tolist() == [1, 0]
    assert rewards.tolist() == [1.0, 0.0]
    assert dones.tolist() == [False, True]
    assert infos[1]["terminal_observation"] == 4
    assert infos[1]["TimeLimit.truncated"] is False
    assert "terminal_observation" not in infos[0]


def test_seeds_are_derived_not_counted_and_used_once():
    first, second = next(adapters()), next(adapters())
    seeds = first.seed(1)
    assert len(set(seeds)) == 3
    assert not set(seeds) & set(second.seed(2))
    first.reset()
    first.reset()
    walks = first.vector_env.envs
    assert [walk.seeds[0][0] for walk in walks] == list(seeds)
    assert [walk.seeds[1][0] for walk in walks] == [None] * 3
    assert first.seed(None) == [None] * 3


def test_options_reach_the_environments_once():
    env = next(adapters())
    env.set_options({"level": 3})
    env.reset()
    env.reset()
    assert env.vector_env.envs[0].seeds == [(None, {"level": 3}), (None, None)]
    env.set_options([{"level": 1}, {"level": 2}, {}])
    with pytest.raises(ValueError, match="one set of options for all environments"):
        env.reset()


def test_reset_infos():
    env = next(adapters())
    env.reset()
    assert env.reset_infos == [{"episode_number": 1}] * 3
    env.step(np.array([0, 1, 0]))
    assert [info["episode_number"] for info in env.reset_infos] == [1, 2, 1]


def test_attributes_and_methods_of_separate_environments():
    env = next(adapters())
    env.set_attr("color", 9, indices=[1])
    assert env.get_attr("color") == [5, 9, 5]
    assert env.get_attr("color", indices=1) == [9]
    assert env.env_method("double", 4, indices=[0, 1]) == [13, 17]
    assert env.has_attr("color")
    assert not env.has_attr("colour")
    assert env.env_is_wrapped(TimeLimit) == [False] * 3
    assert next(adapters(limit=3)).env_is_wrapped(TimeLimit, indices=[0]) == [True]


def test_attributes_and_methods_of_a_batch_are_common():
    env = GymVectorToSB3(gym.make_vec("maxpo/Bandit-v0", 2, vectorization_mode="vector_entry_point", num_arms=3))
    assert env.get_attr("num_actions") == [3, 3]
    assert env.get_attr("num_actions", indices=0) == [3]
    values = env.env_method("exact_value", np.full((1, 3), 1 / 3))
    assert values == [values[0]] * 2
    env.set_attr("note", "x")
    assert env.get_attr("note", indices=[1]) == ["x"]
    with pytest.raises(ValueError, match="leave indices out"):
        env.set_attr("note", "y", indices=[0])
    assert env.env_is_wrapped(TimeLimit) == [False, False]
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        env.get_attr("nothing")


def test_environments_in_other_processes():
    env = GymVectorToSB3(AsyncVectorEnv([Walk] * 2, autoreset_mode=AutoresetMode.SAME_STEP))
    try:
        assert env.reset().tolist() == [0, 0]
        observations, _, dones, infos = env.step(np.array([0, 1]))
        assert (observations.tolist(), dones.tolist()) == ([1, 10], [False, True])
        assert infos[1]["terminal_observation"] == 1
        env.set_attr("color", 7)
        assert env.get_attr("color", indices=[1]) == [7]
        assert env.env_method("double", 1) == [9, 9]
        with pytest.raises(ValueError, match="leave indices out"):
            env.env_method("double", 1, indices=[0])
    finally:
        env.close()


def test_images():
    env = next(adapters())
    env.reset()
    assert env.render_mode == "rgb_array"
    frames = env.get_images()
    assert len(frames) == 3
    assert env.render(mode="rgb_array").shape == (8, 8, 3)
    env.close()


def test_stable_baselines3_evaluates_a_group_agent_through_it():
    agent = EIL2O("maxpo/Maze-v0", env_kwargs={"length": 8, "majority_share": 1.0}, learning_rate=1.0)
    agent.learn(iterations=300)
    vector = gym.make_vec(
        "maxpo/Maze-v0", 4, vectorization_mode="vector_entry_point", length=8, majority_share=1.0,
        autoreset_mode=AutoresetMode.SAME_STEP,
    )  # fmt: skip
    mean, deviation = evaluate_policy(agent, VecMonitor(GymVectorToSB3(vector)), n_eval_episodes=8)
    assert (mean, deviation) == (8.0, 0.0)
