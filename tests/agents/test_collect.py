"""Collecting one episode per environment, whatever happens after it."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from stable_baselines3.common.vec_env import DummyVecEnv

from maxpo_bench.agents import GymVectorToSB3
from maxpo_bench.agents.collect import collect
from maxpo_bench.agents.vector_envs import IdlingVectorEnv, env_options, make_vector_env

SEEDS = [11, 22, 33, 44, 55]


class Countdown(gym.Env):
    """Starts at a random number and counts down to 0; the reward is the number. It must not be stepped when over."""

    def __init__(self):
        self.observation_space, self.action_space = Discrete(10), Discrete(3, start=1)
        self.is_over = True

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.state, self.is_over = int(self.np_random.integers(1, 10)), False
        return self.state, {"start": self.state}

    def step(self, action):
        assert not self.is_over
        assert action in self.action_space
        reward = float(self.state)
        self.state -= 1
        self.is_over = self.state == 0
        return self.state, reward, self.is_over, False, {}


class Uniform:
    """Draws actions; remembers how many observations it was asked for."""

    def __init__(self):
        self.rows = 0

    def sample(self, observations, rng):
        self.rows += len(observations)
        return rng.integers(3, size=len(observations))

    def to_env(self, actions):
        return actions + 1


def vector_envs():
    copies = [Countdown] * len(SEEDS)
    yield "idling", IdlingVectorEnv(copies)
    for mode in AutoresetMode:
        yield mode.value, SyncVectorEnv(copies, autoreset_mode=mode)


@pytest.mark.parametrize("env", [pytest.param(env, id=name) for name, env in vector_envs()])
def test_each_environment_gives_exactly_its_first_episode(env):
    actor = Uniform()
    rollout = collect(env, actor, SEEDS, np.random.default_rng(0))
    assert rollout is not None
    for i, seed in enumerate(SEEDS):
        start, _ = Countdown().reset(seed=seed)
        np.testing.assert_array_equal(rollout.observations[rollout.episode == i], np.arange(start, 0, -1))
        assert rollout.returns[i] == start * (start + 1) / 2
        assert rollout.lengths[i] == start
    assert rollout.num_steps == actor.rows == rollout.lengths.sum()


def test_all_autoreset_modes_give_the_same_rollout():
    rollouts = [collect(env, Uniform(), SEEDS, np.random.default_rng(0)) for _, env in vector_envs()]
    for rollout in rollouts[1:]:
        np.testing.assert_array_equal(rollout.actions, rollouts[0].actions)
        np.testing.assert_array_equal(rollout.episode, rollouts[0].episode)


def test_episodes_are_cut_on_request():
    rollout = collect(IdlingVectorEnv([Countdown] * 5), Uniform(), SEEDS, np.random.default_rng(0), max_episode_steps=2)
    assert rollout is not None
    starts = np.array([Countdown().reset(seed=seed)[0] for seed in SEEDS])
    np.testing.assert_array_equal(rollout.lengths, np.minimum(starts, 2))


def test_the_hook_sees_who_took_part_and_can_stop():
    seen = []

    def hook(alive, rewards, ended):
        seen.append((alive.copy(), rewards.copy(), ended.copy()))
        return len(seen) < 3

    assert collect(IdlingVectorEnv([Countdown] * 5), Uniform(), SEEDS, np.random.default_rng(0), on_step=hook) is None
    assert len(seen) == 3
    assert seen[0][0].tolist() == [0, 1, 2, 3, 4]


def test_observations_that_are_no_arrays_are_kept_as_lists():
    class Words(gym.vector.VectorEnv):
        num_envs = 2
        metadata = {"autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012

        def reset(self, *, seed=None, options=None):
            return ("one", "two"), {}

        def step(self, actions):
            assert actions == ["ONE", "TWO"]
            return ("", ""), np.ones(2), np.ones(2, bool), np.zeros(2, bool), {}

    class Shout:
        def sample(self, observations, rng):
            return [text.upper() for text in observations]

        def to_env(self, actions):
            return actions

    rollout = collect(Words(), Shout(), [0, 1], np.random.default_rng(0))
    assert rollout is not None
    assert rollout.observations == ["one", "two"]
    assert rollout.actions == ["ONE", "TWO"]


def test_an_idling_environment_repeats_its_end_until_reset():
    env = IdlingVectorEnv([Countdown] * 2)
    env.reset(seed=[3, 4])
    for _ in range(12):
        observations, rewards, terminated, truncated, _ = env.step(np.array([1, 1]))
    assert observations.tolist() == [0, 0]
    assert rewards.tolist() == [0.0, 0.0]
    assert terminated.all()
    assert not truncated.any()
    observations, _ = env.reset(options={"reset_mask": np.array([True, False])})
    assert observations[0] > 0
    assert env.step(np.array([1, 1]))[1].tolist() == [float(observations[0]), 0.0]


class TestMakeVectorEnv:
    def test_own_ids_use_their_vector_class(self):
        env = make_vector_env("maxpo/Maze-v0", 3, {"length": 20})
        assert type(env.unwrapped).__name__ == "MazeVectorEnv"
        assert env.num_envs == 3

    def test_the_module_of_an_id_is_imported(self):
        assert make_vector_env("maxpo_bench:maxpo/Bandit-v0", 2, {"num_arms": 3}).single_action_space == Discrete(3)

    def test_other_ids_are_copied_even_with_a_vector_class(self):
        assert isinstance(make_vector_env("CartPole-v1", 2), IdlingVectorEnv)

    def test_an_environment_is_copied_and_left_alone(self):
        env = Countdown()
        env.reset(seed=1)
        made = make_vector_env(env, 3)
        state = env.state
        made.reset(seed=[1, 2, 3])
        made.step(np.array([1, 1, 1]))
        assert env.state == state
        assert len({id(copy) for copy in made.envs}) == 3

    def test_a_function_is_called_once_per_environment(self):
        made = make_vector_env(Countdown, 2)
        assert made.envs[0] is not made.envs[1]

    def test_a_vector_environment_is_used_as_it_is(self):
        env = SyncVectorEnv([Countdown] * 2)
        assert make_vector_env(env, 2) is env
        with pytest.raises(ValueError, match="make it with num_envs=3"):
            make_vector_env(env, 3)

    def test_stable_baselines3s_view_of_one_is_taken_off(self):
        env = SyncVectorEnv([Countdown] * 2)
        assert make_vector_env(GymVectorToSB3(env), 2) is env
        with pytest.raises(TypeError, match="env must be"):
            make_vector_env(DummyVecEnv([Countdown] * 2), 2)

    def test_options_need_an_id(self):
        with pytest.raises(ValueError, match="need an environment id"):
            make_vector_env(Countdown(), 2, {"length": 3})

    def test_unknown_options_suggest_the_nearest(self):
        with pytest.raises(ValueError, match=r"unknown option 'lenght' for maxpo/Maze-v0\. Did you mean 'length'"):
            make_vector_env("maxpo/Maze-v0", 2, {"lenght": 3})

    def test_what_is_no_environment_is_refused(self):
        with pytest.raises(TypeError, match="env must be"):
            make_vector_env(3, 2)

    def test_what_cannot_be_copied_is_refused_with_the_remedy(self):
        class Uncopyable(Countdown):
            def __deepcopy__(self, memo):
                raise RuntimeError("no")

        with pytest.raises(ValueError, match="hand over a function that makes one"):
            make_vector_env(Uncopyable(), 2)


def test_environments_that_take_any_option_are_not_checked():
    def make(**options):
        assert options == {"anything": 1}
        return Countdown()

    gym.register("maxpo-test/Any-v0", entry_point=make)
    try:
        assert env_options("maxpo-test/Any-v0") is None
        assert make_vector_env("maxpo-test/Any-v0", 2, {"anything": 1}).num_envs == 2
    finally:
        gym.registry.pop("maxpo-test/Any-v0")


def test_options_of_an_id():
    options = env_options("maxpo/Maze-v0")
    assert options is not None
    assert set(options) == {"length", "majority_share", "dead_end_length", "instance", "render_mode"}
    assert set(env_options("CartPole-v1") or ()) == {"sutton_barto_reward", "render_mode", "max_episode_steps"}


@pytest.mark.parametrize("env", ["maxpo/Maze-v0", "maxpo/Bandit-v0", "CartPole-v1"])
def test_every_option_of_an_id_works(env):
    values = {"max_episode_steps": 3, "num_arms": 4, "length": 5, "arm_rewards": [0.0, 1.0], "render_mode": None}
    values |= {"instance": 1, "reward_noise": 0.5, "majority_share": 0.7, "dead_end_length": 2}
    values |= {"sutton_barto_reward": True}
    for name in env_options(env) or ():
        assert make_vector_env(env, 2, {name: values[name]}).num_envs == 2


def test_a_time_limit_is_the_agents_where_the_vector_class_has_none():
    with pytest.raises(ValueError, match="group agents take max_episode_steps themselves"):
        make_vector_env("maxpo/Maze-v0", 2, {"max_episode_steps": 3})


def test_box_actions_are_spread_over_all_environments():
    class Reach(gym.Env):
        observation_space, action_space = Box(-1, 1, (1,)), Box(-1, 1, (2,))

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            self.left = seed or 1
            return np.zeros(1, np.float32), {}

        def step(self, action):
            self.left -= 1
            return np.zeros(1, np.float32), float(action.sum()), self.left == 0, False, {}

    class Counter:
        def sample(self, observations, rng):
            return np.full((len(observations), 2), 0.25, np.float32)

        def to_env(self, actions):
            return actions

    rollout = collect(SyncVectorEnv([Reach] * 3), Counter(), [2, 1, 3], np.random.default_rng(0))
    assert rollout is not None
    assert rollout.returns.tolist() == [1.0, 0.5, 1.5]
    assert rollout.actions.shape == (6, 2)
