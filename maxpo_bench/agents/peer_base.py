"""What every peer shares: environments, random numbers, saving and loading, whatever the algorithm behind it is.

The algorithms of Stable-Baselines3 and sb3-contrib draw from the global random generators; here they have states of
their own, saved between calls, and the global ones are left as they were.
"""

from __future__ import annotations

import io
import pathlib
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback, CallbackList
from stable_baselines3.common.save_util import load_from_zip_file
from stable_baselines3.common.type_aliases import MaybeCallback
from stable_baselines3.common.vec_env import VecEnv, VecMonitor

from maxpo_bench.agents.global_rng import global_state, preserved, set_global_state
from maxpo_bench.agents.peer_log import PeerLog
from maxpo_bench.agents.progress import ProgressBar
from maxpo_bench.agents.sb3_adapter import GymVectorToSB3
from maxpo_bench.agents.vector_envs import EnvSource, make_vector_env
from maxpo_bench.registry import suggest

UNBOUNDED = 2**62
"""Environment steps that no training reaches."""


class Peer(BaseAlgorithm):
    """Environments through the adapter, `learn(iterations=)`, `iteration_log` and `load` by id, for any algorithm.

    Args:
        env: as for `GroupPolicyGradient`, or a Stable-Baselines3 `VecEnv`.
        num_envs: environments side by side.
        k: which max@K is logged.
        env_kwargs: options for an environment id.
        policy: "mlp" or "tabular", another name that the algorithm knows, or a policy class of Stable-Baselines3.
        seed: of the algorithm and the environments.
        device: of the policy.
        options: further arguments of the algorithm; those in `default_options` that are missing or None get the value
            there.

    Raises:
        ValueError: no environment, an unknown policy, k is no positive integer, or what `make_vector_env` and the
            algorithm raise.

    Attributes:
        algorithm: its name in Stable-Baselines3 or sb3-contrib.
        env_id: the id that the environments were made from, None where they were not.
        env_kwargs: the options of that id.
        iteration_log: one dict per iteration, with the keys of `GroupPolicyGradient.iteration_log`.
        default_options: arguments of the algorithm with another default here.
    """

    algorithm: ClassVar[str]
    default_options: ClassVar[Mapping[str, Any]] = {}

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
        **options: Any,
    ) -> None:
        if not isinstance(k, int) or k < 1:
            raise ValueError(f"k must be a positive integer, got {k!r}")
        if isinstance(policy, str) and policy not in self.policy_aliases:
            raise ValueError(f"unknown policy {policy!r} for {self.algorithm}.{suggest(policy, self.policy_aliases)}")
        if env is None and options.get("_init_setup_model", True):
            raise ValueError("an agent needs an environment: an id, an environment or a function that makes one")
        self.k = k
        self.iteration_log: list[dict[str, Any]] = []
        self.saved_algorithm = self.algorithm
        self._remember(env, env_kwargs)
        made = None if env is None else vec_env(env, num_envs, env_kwargs)
        defaults = {name: value for name, value in self.default_options.items() if options.get(name) is None}
        options |= {"seed": seed, "device": device, **defaults}
        with preserved():
            super().__init__(policy, made, **options)  # pyright: ignore[reportCallIssue, reportArgumentType]
            self._rng_state = global_state()

    def _remember(self, env: EnvSource | None, env_kwargs: Mapping[str, Any] | None) -> None:
        self.env_id = env if isinstance(env, str) else None
        self.env_kwargs = dict(env_kwargs or {})

    def policy_table(self) -> NDArray[np.float64] | None:
        """Return the probabilities `[S, A]` with which the present policy acts in every state.

        Returns:
            None where observations or actions are not Discrete.
        """
        states, actions = self.observation_space, self.action_space
        if not isinstance(states, spaces.Discrete) or not isinstance(actions, spaces.Discrete):
            return None
        return self._table(np.arange(states.n) + states.start)

    @abstractmethod
    def _table(self, states: NDArray[np.int64]) -> NDArray[np.float64]:
        """Probabilities `[S, A]` with which the present policy acts in these states."""

    @abstractmethod
    def _entropy(self) -> float | None:
        """Mean entropy of the policy in the states that the last iteration has visited; None if it is not defined."""

    @abstractmethod
    def _steps_of(self, iterations: int) -> int:
        """Environment steps after which so many iterations are done."""

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
        """Train; see the algorithm's own `learn`, whose defaults None stands for.

        An iteration is a rollout of n_steps * num_envs steps (ppo, a2c, trpo) or one step of the weights (ars).

        Raises:
            ValueError: neither `total_timesteps` nor `iterations` is given, one is negative, or the agent was loaded
                without an environment.
        """
        bounds = [total_timesteps, iterations]
        if all(bound is None for bound in bounds) or any(bound is not None and bound < 0 for bound in bounds):
            raise ValueError(
                f"learn needs total_timesteps= or iterations=, not negative, got {total_timesteps} and {iterations}"
            )
        if self.env is None:
            raise ValueError("this agent has no environment: pass env= where it is made or loaded, or call set_env")
        by_iterations = UNBOUNDED if iterations is None else self._steps_of(iterations)
        timesteps = by_iterations if total_timesteps is None else min(total_timesteps, by_iterations)
        named = {"log_interval": log_interval, "tb_log_name": tb_log_name, "reset_num_timesteps": reset_num_timesteps}
        given: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
        extra: list[BaseCallback] = [PeerLog(self.k)]
        if progress_bar:
            if iterations is not None and timesteps >= UNBOUNDED:
                extra.append(ProgressBar(iterations, "iterations"))
            else:
                extra.append(ProgressBar(timesteps, "timesteps"))
        callbacks = CallbackList([self._init_callback(callback), *extra])
        with preserved():
            set_global_state(self._rng_state)
            self._train(timesteps, iterations, callbacks, given)
            self._rng_state = global_state()
        return self

    def _train(self, timesteps: int, iterations: int | None, callback: BaseCallback, options: dict[str, Any]) -> None:
        """Run the algorithm's own `learn`, for an algorithm whose iterations have a fixed number of steps."""
        super().learn(timesteps, callback, **options)

    def set_env(self, env: EnvSource, force_reset: bool = True, *, env_kwargs: Mapping[str, Any] | None = None) -> None:
        """Train in other environments with the same spaces, as many as before, from now on.

        Args:
            env: anything that the constructor takes.
            force_reset: see Stable-Baselines3.
            env_kwargs: options for an environment id.

        Raises:
            ValueError: their spaces or number differ.
        """
        made = vec_env(env, self.n_envs, env_kwargs)
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
        made = None if env is None else vec_env(env, count, env_kwargs)
        with preserved():
            model = super().load(path, made, device, custom_objects, print_system_info, force_reset, **kwargs)
        model._remember(env, env_kwargs)
        return model


def vec_env(env: EnvSource, num_envs: int, env_kwargs: Mapping[str, Any] | None) -> VecEnv:
    """Return the environments under Stable-Baselines3's interface; its own are used as they are.

    Raises:
        ValueError: options for something that is not an id, or what `make_vector_env` raises.
    """
    if not isinstance(env, VecEnv):
        return VecMonitor(GymVectorToSB3(make_vector_env(env, num_envs, env_kwargs, AutoresetMode.SAME_STEP)))
    if env_kwargs:
        raise ValueError(f"options {sorted(env_kwargs)} need an environment id, got {env!r}: set them where it is made")
    return env
