"""Stable-Baselines3's own PPO and A2C on the same environments, with the same log.

What differs from the group agents: a rollout has a fixed number of steps, episodes are discounted and a critic serves
as baseline, so there is no max@K objective; k only decides which max@K is logged. Discrete observations become one-hot
inputs, as always in Stable-Baselines3. Both algorithms draw from the global random generators; here they have states of
their own, saved between calls, and the global ones are left as they were.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.callbacks import BaseCallback, CallbackList
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.type_aliases import MaybeCallback
from stable_baselines3.common.vec_env import VecEnv, VecMonitor

from maxpo_bench.agents.global_rng import global_state, preserved, set_global_state
from maxpo_bench.agents.progress import ProgressBar
from maxpo_bench.agents.sb3_adapter import GymVectorToSB3
from maxpo_bench.agents.statistics import LOGGED_AS, find_exact, return_statistics
from maxpo_bench.agents.vector_envs import EnvSource, make_vector_env


class _Peer(OnPolicyAlgorithm):
    """What both peers share: environments through the adapter, `learn(iterations=)` and `iteration_log`."""

    def _set_up_peer(self, env: EnvSource | VecEnv | None, num_envs: int, k: int, env_kwargs: Any) -> VecEnv | None:
        if not isinstance(k, int) or k < 1:
            raise ValueError(f"k must be a positive integer, got {k!r}")
        self.k = k
        self.iteration_log: list[dict[str, Any]] = []
        if env is None or isinstance(env, VecEnv):
            return env
        made = make_vector_env(env, num_envs, env_kwargs, AutoresetMode.SAME_STEP)
        return VecMonitor(GymVectorToSB3(made))

    def _timesteps(self, total_timesteps: int | None, iterations: int | None) -> int:
        """Return the tighter bound in environment steps."""
        bounds = [total_timesteps, None if iterations is None else iterations * self.n_steps * self.n_envs]
        given = [bound for bound in bounds if bound is not None]
        if not given or min(given) < 0:
            raise ValueError(
                f"learn needs total_timesteps= or iterations=, not negative, got {total_timesteps} and {iterations}"
            )
        return min(given)

    def _learn(self, timesteps: int, callback: MaybeCallback, progress_bar: bool, options: dict[str, Any]) -> None:
        extra: list[BaseCallback] = [_PeerLog(self.k)]
        if progress_bar:
            extra.append(ProgressBar(timesteps, "timesteps"))
        callbacks = CallbackList([self._init_callback(callback), *extra])
        with preserved():
            set_global_state(self._rng_state)
            OnPolicyAlgorithm.learn(self, timesteps, callbacks, **options)
            self._rng_state = global_state()


class _PeerLog(BaseCallback):
    """Appends one record per rollout to the algorithm's `iteration_log`, with the keys of the group agents."""

    model: _Peer  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(self, k: int) -> None:
        super().__init__()
        self._k = k
        self._episodes: list[dict[str, Any]] = []

    def _on_step(self) -> bool:
        self._episodes += [info["episode"] for info in self.locals["infos"] if "episode" in info]
        return True

    def _on_rollout_end(self) -> None:
        record: dict[str, Any] = dict.fromkeys(LOGGED_AS)
        record["iteration"] = len(self.model.iteration_log) + 1
        record["timesteps"] = self.model.num_timesteps
        record |= self._episode_statistics() | self._policy_statistics()
        self.model.iteration_log.append(record)
        self._episodes = []

    def _episode_statistics(self) -> dict[str, float]:
        if not self._episodes:
            return {}
        returns = np.array([[episode["r"] for episode in self._episodes]], dtype=np.float64)
        length = float(np.mean([episode["l"] for episode in self._episodes]))
        if returns.size < self._k:
            return {"return_mean": float(returns.mean()), "episode_length": length}
        return {**return_statistics(returns, self._k), "episode_length": length}

    def _policy_statistics(self) -> dict[str, float]:
        observations = self.model.rollout_buffer.observations
        flat = observations.reshape(-1, *(self.model.observation_space.shape or ()))
        with torch.no_grad():
            entropy = self.model.policy.get_distribution(self._tensor(flat)).entropy()
        found = {} if entropy is None else {"entropy": float(entropy.mean())}
        space, base = self.model.observation_space, self.training_env.unwrapped
        exact = find_exact(base.vector_env) if isinstance(base, GymVectorToSB3) else None
        if exact is None or not isinstance(space, spaces.Discrete):
            return found
        with torch.no_grad():
            distribution: Any = self.model.policy.get_distribution(self._tensor(np.arange(space.n) + space.start))
            table = distribution.distribution.probs.double().cpu().numpy()
        table /= table.sum(axis=1, keepdims=True)
        return {**found, "exact_return": exact.exact_value(table), "exact_max_at_k": exact.exact_value(table, self._k)}

    def _tensor(self, observations: Any) -> torch.Tensor:
        return self.model.policy.obs_to_tensor(observations)[0]  # pyright: ignore[reportReturnType]


class PPOPeer(_Peer, PPO):
    """Stable-Baselines3's PPO with defaults for short episodes.

    Args:
        env: as for `GroupPolicyGradient`, or a Stable-Baselines3 `VecEnv`.
        num_envs: environments side by side.
        k: which max@K is logged.
        env_kwargs: options for an environment id.
        policy: a policy of Stable-Baselines3.
        seed: of the algorithm and the environments.
        device: of the policy.
        n_steps: steps of each environment per rollout.
        options: further arguments of `stable_baselines3.PPO`.
    """

    def __init__(
        self,
        env: EnvSource | VecEnv | None = None,
        *,
        num_envs: int = 16,
        k: int = 4,
        env_kwargs: Mapping[str, Any] | None = None,
        policy: Any = "MlpPolicy",
        seed: int | None = 0,
        device: torch.device | str = "cpu",
        n_steps: int = 128,
        **options: Any,
    ) -> None:
        made = self._set_up_peer(env, num_envs, k, env_kwargs)
        with preserved():
            PPO.__init__(self, policy, made, seed=seed, device=device, n_steps=n_steps, **options)  # pyright: ignore[reportArgumentType]
            self._rng_state = global_state()

    def learn(
        self,
        total_timesteps: int | None = None,
        callback: MaybeCallback = None,
        log_interval: int = 1,
        tb_log_name: str = "PPO",
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
        *,
        iterations: int | None = None,
    ) -> Self:
        """Train; see `stable_baselines3.PPO.learn`. An iteration is a rollout of n_steps * num_envs steps.

        Raises:
            ValueError: neither `total_timesteps` nor `iterations` is given, or one is negative.
        """
        timesteps = self._timesteps(total_timesteps, iterations)
        names = {"log_interval": log_interval, "tb_log_name": tb_log_name, "reset_num_timesteps": reset_num_timesteps}
        self._learn(timesteps, callback, progress_bar, names)
        return self


class A2CPeer(_Peer, A2C):
    """Stable-Baselines3's A2C with defaults for short episodes.

    Args:
        env: as for `GroupPolicyGradient`, or a Stable-Baselines3 `VecEnv`.
        num_envs: environments side by side.
        k: which max@K is logged.
        env_kwargs: options for an environment id.
        policy: a policy of Stable-Baselines3.
        seed: of the algorithm and the environments.
        device: of the policy.
        n_steps: steps of each environment per rollout.
        options: further arguments of `stable_baselines3.A2C`.
    """

    def __init__(
        self,
        env: EnvSource | VecEnv | None = None,
        *,
        num_envs: int = 16,
        k: int = 4,
        env_kwargs: Mapping[str, Any] | None = None,
        policy: Any = "MlpPolicy",
        seed: int | None = 0,
        device: torch.device | str = "cpu",
        n_steps: int = 5,
        **options: Any,
    ) -> None:
        made = self._set_up_peer(env, num_envs, k, env_kwargs)
        with preserved():
            A2C.__init__(self, policy, made, seed=seed, device=device, n_steps=n_steps, **options)  # pyright: ignore[reportArgumentType]
            self._rng_state = global_state()

    def learn(
        self,
        total_timesteps: int | None = None,
        callback: MaybeCallback = None,
        log_interval: int = 100,
        tb_log_name: str = "A2C",
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
        *,
        iterations: int | None = None,
    ) -> Self:
        """Train; see `stable_baselines3.A2C.learn`. An iteration is a rollout of n_steps * num_envs steps.

        Raises:
            ValueError: neither `total_timesteps` nor `iterations` is given, or one is negative.
        """
        timesteps = self._timesteps(total_timesteps, iterations)
        names = {"log_interval": log_interval, "tb_log_name": tb_log_name, "reset_num_timesteps": reset_num_timesteps}
        self._learn(timesteps, callback, progress_bar, names)
        return self
