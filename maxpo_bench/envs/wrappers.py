"""One-hot observations for networks.

Gymnasium's ``FlattenObservation`` one-hot encodes too, but as int64, and its vector version loops over environments.
"""

from __future__ import annotations

from typing import Any, overload

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box, Discrete
from gymnasium.vector import AutoresetMode, VectorEnv, VectorWrapper
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray


def _one_hot_space(space: gym.Space[Any]) -> tuple[int, int, Box]:
    if not isinstance(space, Discrete):
        raise TypeError(f"one-hot encoding needs a Discrete observation space, got {space}")
    return int(space.n), int(space.start), Box(0.0, 1.0, shape=(int(space.n),), dtype=np.float32)


class OneHotObservation(gym.ObservationWrapper[Any, Any, Any], gym.utils.RecordConstructorArgs):
    """Turn a ``Discrete(n)`` observation into a float32 vector ``[n]`` with a single one.

    Args:
        env: a single environment.

    Raises:
        TypeError: its observations are not ``Discrete``.
    """

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        gym.utils.RecordConstructorArgs.__init__(self)
        super().__init__(env)
        self._n, self._start, self.observation_space = _one_hot_space(env.observation_space)

    def observation(self, observation: Any) -> NDArray[np.float32]:
        """Return the one-hot vector ``[n]`` of one observation."""
        encoded = np.zeros(self._n, dtype=np.float32)
        encoded[int(observation) - self._start] = 1.0
        return encoded


class OneHotVectorObservation(VectorWrapper[Any, Any, Any, Any, Any]):
    """`OneHotObservation` for a vector environment, in all autoreset modes: observations are float32 ``[num_envs, n]``.

    Args:
        env: a vector environment.

    Raises:
        TypeError: its single observations are not ``Discrete``.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any]) -> None:
        super().__init__(env)
        self._n, self._start, self.single_observation_space = _one_hot_space(env.single_observation_space)
        self.observation_space = batch_space(self.single_observation_space, env.num_envs)

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Reset as the wrapped environment does and encode the observations."""
        observations, info = self.env.reset(seed=seed, options=options)
        return self._encode(observations), info

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Step as the wrapped environment does and encode the observations, ``info["final_obs"]`` among them."""
        observations, rewards, terminated, truncated, info = self.env.step(actions)
        if self.metadata.get("autoreset_mode") is AutoresetMode.SAME_STEP and "final_obs" in info:
            finished = np.flatnonzero(info["_final_obs"])
            final = np.full(self.num_envs, None, dtype=object)
            for index, row in zip(finished, self._encode(info["final_obs"][finished].astype(np.int64)), strict=True):
                final[index] = row.copy()
            info = {**info, "final_obs": final}
        return self._encode(observations), rewards, terminated, truncated, info

    def _encode(self, observations: NDArray[np.int64]) -> NDArray[np.float32]:
        encoded = np.zeros((len(observations), self._n), dtype=np.float32)
        encoded[np.arange(len(observations)), observations - self._start] = 1.0
        return encoded


@overload
def one_hot(env: gym.Env[Any, Any]) -> OneHotObservation: ...
@overload
def one_hot(env: VectorEnv[Any, Any, Any]) -> OneHotVectorObservation: ...
def one_hot(env: gym.Env[Any, Any] | VectorEnv[Any, Any, Any]) -> OneHotObservation | OneHotVectorObservation:
    """Wrap an environment with ``Discrete`` observations, single or vector, so that they are one-hot float32 vectors.

    Raises:
        TypeError: the observations are not ``Discrete``.
    """
    return OneHotVectorObservation(env) if isinstance(env, VectorEnv) else OneHotObservation(env)
