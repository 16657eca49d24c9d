"""One-hot observations, single and vector."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env, data_equivalence
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from maxpo_bench.envs import MazeEnv, MazeVectorEnv, OneHotObservation, OneHotVectorObservation, one_hot


def test_single_observations_are_unit_vectors():
    env = one_hot(gym.make("maxpo/Maze-v0", length=3, majority_share=1.0))
    assert isinstance(env, OneHotObservation)
    assert env.observation_space == gym.spaces.Box(0.0, 1.0, (5,), np.float32)
    start, _ = env.reset(seed=0)
    np.testing.assert_array_equal(start, np.float32([1, 0, 0, 0, 0]))
    np.testing.assert_array_equal(env.step(1)[0], np.float32([0, 1, 0, 0, 0]))
    assert start.dtype == np.float32
    assert env.unwrapped.optimal_value == 3.0
    assert [wrapper.name for wrapper in env.spec.additional_wrappers] == ["OneHotObservation"]


@pytest.mark.filterwarnings("ignore:.*different from the unwrapped version")
def test_the_wrapped_environment_passes_the_checker():
    check_env(one_hot(MazeEnv(length=3)), skip_render_check=True)


@pytest.mark.parametrize("mode", AutoresetMode)
def test_vector_observations_equal_the_single_ones(mode, rng):
    kwargs = {"length": 4, "dead_end_length": "mixed", "majority_share": 0.5}
    ours = one_hot(MazeVectorEnv(3, autoreset_mode=mode, **kwargs))
    theirs = SyncVectorEnv([lambda: one_hot(MazeEnv(**kwargs))] * 3, autoreset_mode=mode)
    assert isinstance(ours, OneHotVectorObservation)
    assert ours.observation_space == theirs.observation_space
    assert data_equivalence(ours.reset(seed=[1, 2, 3]), theirs.reset(seed=[1, 2, 3]), exact=True)
    for actions in rng.integers(2, size=(20, 3)):
        mine, peer = ours.step(actions), theirs.step(actions)
        assert data_equivalence(mine, peer, exact=True)
        assert mine[0].sum(axis=1).tolist() == [1.0] * 3
        if mode is AutoresetMode.DISABLED and mine[2].any():
            ours.reset(options={"reset_mask": mine[2]})
            theirs.reset(options={"reset_mask": mine[2]})


def test_spaces_that_do_not_start_at_zero():
    class Shifted(gym.Env):
        observation_space = gym.spaces.Discrete(3, start=5)
        action_space = gym.spaces.Discrete(2)

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            return 7, {}

    assert one_hot(Shifted()).reset()[0].tolist() == [0.0, 0.0, 1.0]
    vector = one_hot(SyncVectorEnv([Shifted]))
    assert vector.reset()[0].tolist() == [[0.0, 0.0, 1.0]]


def test_other_spaces_are_refused():
    with pytest.raises(TypeError, match="one-hot encoding needs a Discrete observation space, got Box"):
        one_hot(gym.make("CartPole-v1"))
    with pytest.raises(TypeError, match="one-hot encoding needs a Discrete observation space, got Box"):
        one_hot(gym.make_vec("CartPole-v1", num_envs=2, vectorization_mode="sync"))
