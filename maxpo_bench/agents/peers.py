"""Stable-Baselines3's own PPO and A2C on the same environments, with the same log.

What differs from the group agents: a rollout has a fixed number of steps, episodes are discounted and a critic serves
as baseline, so there is no max@K objective; k only decides which max@K is logged. Discrete observations become one-hot
inputs, as always in Stable-Baselines3. Both algorithms draw from the global random generators; here they have states of
their own, saved between calls, and the global ones are left as they were.
"""

from __future__ import annotations

import io
import pathlib
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.callbacks import BaseCallback, CallbackList
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.save_util import load_from_zip_file
from stable_baselines3.common.type_aliases import MaybeCallback
from stable_baselines3.common.vec_env import VecEnv, VecMonitor

from maxpo_bench.agents.global_rng import global_state, preserved, set_global_state
from maxpo_bench.agents.progress import ProgressBar
from maxpo_bench.agents.sb3_adapter import GymVectorToSB3
from maxpo_bench.agents.statistics import LOGGED_AS, find_exact, return_statistics
from maxpo_bench.agents.vector_envs import EnvSource, make_vector_env
from maxpo_bench.registry import suggest


class Peer(OnPolicyAlgorithm):
    """What both peers share: environments through the adapter, `learn(iterations=)`, `iteration_log`, `load` by id.

    Args:
        env: as for `GroupPolicyGradient`, or a Stable-Baselines3 `VecEnv`.
        num_envs: environments side by side.
        k: which max@K is logged.
        env_kwargs: options for an environment id.
        policy: a policy of Stable-Baselines3.
        seed: of the algorithm and the environments.
        device: of the policy.
        n_steps: steps of each environment per rollout; None for 128 (PPO) or 5 (A2C).
        options: further arguments of the algorithm in Stable-Baselines3.

    Raises:
        ValueError: no environment, k is no positive integer, or what `make_vector_env` and the algorithm raise.

    Attributes:
        algorithm: its name in Stable-Baselines3.
        env_id: the id that the environments were made from, None where they were not.
        env_kwargs: the options of that id.
        iteration_log: one dict per rollout, with the keys of `GroupPolicyGradient.iteration_log`.
    """

    algorithm: ClassVar[str]
    default_n_steps: ClassVar[int]

    def __init__(
        self,
        env: EnvSource | None = None,
        *,
        num_envs: int = 16,
        k: int = 4,
        env_kwargs: Mapping[str, Any] | None = None,
        policy: Any = "MlpPolicy",
        seed: int | None = 0,
        device: torch.device | str = "cpu",
        n_steps: int | None = None,
        **options: Any,
    ) -> None:
        if not isinstance(k, int) or k < 1:
            raise ValueError(f"k must be a positive integer, got {k!r}")
        if env is None and options.get("_init_setup_model", True):
            raise ValueError("an agent needs an environment: an id, an environment or a function that makes one")
        self.k = k
        self.iteration_log: list[dict[str, Any]] = []
        self.saved_algorithm = self.algorithm
        self._remember(env, env_kwargs)
        made = None if env is None else _vec_env(env, num_envs, env_kwargs)
        options |= {"seed": seed, "device": device, "n_steps": self.default_n_steps if n_steps is None else n_steps}
        with preserved():
            super().__init__(policy, made, **options)  # pyright: ignore[reportArgumentType] (None is for loading)
            self._rng_state = global_state()

    def _remember(self, env: EnvSource | None, env_kwargs: Mapping[str, Any] | None) -> None:
        self.env_id = env if isinstance(env, str) else None
        self.env_kwargs = dict(env_kwargs or {})

    def learn(
        self,
        total_timesteps: int | None = None,
        callback: MaybeCallback = None,
        log_interval: int | None = None,
        tb_log_name: str | None = None,
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
        *,
        iterations: int | None = None,
    ) -> Self:
        """Train; see the algorithm's `learn` in Stable-Baselines3, whose defaults None stands for.

        An iteration is a rollout of n_steps * num_envs steps.

        Raises:
            ValueError: neither `total_timesteps` nor `iterations` is given, one is negative, or the agent was loaded
                without an environment.
        """
        timesteps = self._timesteps(total_timesteps, iterations)
        if self.env is None:
            raise ValueError("this agent has no environment: pass env= where it is made or loaded, or call set_env")
        named = {"log_interval": log_interval, "tb_log_name": tb_log_name, "reset_num_timesteps": reset_num_timesteps}
        given: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
        extra: list[BaseCallback] = [_PeerLog(self.k)]
        if progress_bar:
            extra.append(ProgressBar(timesteps, "timesteps"))
        callbacks = CallbackList([self._init_callback(callback), *extra])
        with preserved():
            set_global_state(self._rng_state)
            super().learn(timesteps, callbacks, **given)
            self._rng_state = global_state()
        return self

    def _timesteps(self, total_timesteps: int | None, iterations: int | None) -> int:
        """Return the tighter bound in environment steps."""
        bounds = [total_timesteps, None if iterations is None else iterations * self.n_steps * self.n_envs]
        given = [bound for bound in bounds if bound is not None]
        if not given or min(given) < 0:
            raise ValueError(
                f"learn needs total_timesteps= or iterations=, not negative, got {total_timesteps} and {iterations}"
            )
        return min(given)

    def set_env(self, env: EnvSource, force_reset: bool = True, *, env_kwargs: Mapping[str, Any] | None = None) -> None:
        """Train in other environments with the same spaces, as many as before, from now on.

        Args:
            env: anything that the constructor takes.
            force_reset: see Stable-Baselines3.
            env_kwargs: options for an environment id.

        Raises:
            ValueError: their spaces or number differ.
        """
        made = _vec_env(env, self.n_envs, env_kwargs)
        if made.num_envs != self.n_envs:
            raise ValueError(
                f"{made.num_envs} environments for an agent with {self.n_envs}: give as many, or load it with env="
            )
        super().set_env(made, force_reset)
        self._remember(env, env_kwargs)

    @classmethod
    def load(
        cls,
        path: str | pathlib.Path | io.BufferedIOBase,
        env: EnvSource | None = None,
        device: torch.device | str = "cpu",
        custom_objects: dict[str, Any] | None = None,
        print_system_info: bool = False,
        force_reset: bool = True,
        *,
        env_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> Self:
        """Load a saved agent; see `load` in Stable-Baselines3.

        Args:
            path: the zip file.
            env: environments to continue in; by default the id and options with which the agent was made. An agent made
                from an environment object is loaded without one and can then only predict.
            device: of the policy.
            custom_objects: see Stable-Baselines3.
            print_system_info: see Stable-Baselines3.
            force_reset: see Stable-Baselines3.
            env_kwargs: options for an environment id.
            kwargs: attributes to replace, e.g. `learning_rate`.

        Raises:
            ValueError: the file holds another agent, an attribute is unknown, or the environments' spaces differ.
        """
        data, _, _ = load_from_zip_file(path, device=device, custom_objects=custom_objects)
        held = (data or {}).get("saved_algorithm")
        if data is None or held != cls.algorithm:
            found = f"an agent of {held}" if held else "no agent of this kind"
            raise ValueError(f"{path} holds {found}: {cls.__name__} loads what {cls.__name__} has saved")
        for name in kwargs:
            if name not in data:
                raise ValueError(f"unknown attribute {name!r} of a saved agent.{suggest(name, data)}")
        if env is None:
            env, env_kwargs = data["env_id"], data["env_kwargs"] if env_kwargs is None else env_kwargs
        count = env.num_envs if isinstance(env, VectorEnv) else data["n_envs"]
        made = None if env is None else _vec_env(env, count, env_kwargs)
        with preserved():
            model = super().load(path, made, device, custom_objects, print_system_info, force_reset, **kwargs)
        model._remember(env, env_kwargs)
        return model


def _vec_env(env: EnvSource, num_envs: int, env_kwargs: Mapping[str, Any] | None) -> VecEnv:
    """Return the environments under Stable-Baselines3's interface; its own are used as they are."""
    if not isinstance(env, VecEnv):
        return VecMonitor(GymVectorToSB3(make_vector_env(env, num_envs, env_kwargs, AutoresetMode.SAME_STEP)))
    if env_kwargs:
        raise ValueError(f"options {sorted(env_kwargs)} need an environment id, got {env!r}: set them where it is made")
    return env


class _PeerLog(BaseCallback):
    """Appends one record per rollout to the algorithm's `iteration_log`, with the keys of the group agents."""

    model: Peer  # pyright: ignore[reportIncompatibleVariableOverride]

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


class PPOPeer(Peer, PPO):  # pyright: ignore[reportIncompatibleMethodOverride] (learn returns Self)
    """Stable-Baselines3's PPO with defaults for short episodes; see `Peer` and `stable_baselines3.PPO`."""

    algorithm = "PPO"
    default_n_steps = 128


class A2CPeer(Peer, A2C):  # pyright: ignore[reportIncompatibleMethodOverride] (learn returns Self)
    """Stable-Baselines3's A2C with defaults for short episodes; see `Peer` and `stable_baselines3.A2C`."""

    algorithm = "A2C"
    default_n_steps = 5
