"""Gymnasium vector environments under Stable-Baselines3's VecEnv interface."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray
from stable_baselines3.common.env_util import is_wrapped
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvObs, VecEnvStepReturn

from maxpo_bench.seeding import derive_seed


class GymVectorToSB3(VecEnv):
    """Runs a `gymnasium.vector.VectorEnv` as a Stable-Baselines3 `VecEnv`.

    Whatever its autoreset mode, a finished environment starts its next episode within the same `step`, as
    Stable-Baselines3 expects: the observation is the new episode's first, `infos[i]["terminal_observation"]` the old
    one's last, `infos[i]["TimeLimit.truncated"]` whether it was cut. The modes DISABLED (finished ones are reset by
    mask) and SAME_STEP can do that; NEXT_STEP cannot, since resetting there takes a step of all environments.

    Attributes, methods and wrappers are looked up in each environment where the vector environment has separate ones
    (`SyncVectorEnv`), and otherwise once in the vector environment, whose answer counts for every environment.
    Array and Discrete observations are supported.

    Args:
        env: the vector environment; closing this adapter closes it.
    """

    def __init__(self, env: VectorEnv) -> None:
        self.vector_env = env
        self._mode = env.metadata.get("autoreset_mode")
        self._actions: Any = None
        super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Set the seeds of the next `reset`: hashes of `seed` and the environment's index; None for unseeded."""
        self._seeds = [None if seed is None else derive_seed(int(seed), "env", i) for i in range(self.num_envs)]
        return self._seeds

    def reset(self) -> VecEnvObs:
        """Start an episode in every environment, with the seeds and options set before."""
        options = self._options[0] or None
        if any(other != self._options[0] for other in self._options):
            raise ValueError(
                "a Gymnasium vector environment takes one set of options for all environments: pass a dict"
            )
        seeds: Any = None if all(seed is None for seed in self._seeds) else list(self._seeds)
        observations, infos = self.vector_env.reset(seed=seeds, options=options)
        self.reset_infos = _split(infos, self.num_envs)
        self._reset_seeds()
        self._reset_options()
        return _as_array(observations)

    def step_async(self, actions: NDArray[Any]) -> None:
        """Remember the actions for `step_wait`."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Step all environments and restart those whose episode ends."""
        if self._mode not in (AutoresetMode.DISABLED, AutoresetMode.SAME_STEP):
            raise ValueError(
                f"Stable-Baselines3 needs environments that restart within the step, this one has autoreset_mode="
                f"{self._mode}: make it with autoreset_mode=AutoresetMode.SAME_STEP or DISABLED"
            )
        observations, rewards, terminated, truncated, info = self.vector_env.step(self._actions)
        dones = terminated | truncated
        infos = _split(info, self.num_envs)
        for i in np.flatnonzero(dones):
            infos[i]["TimeLimit.truncated"] = bool(truncated[i] and not terminated[i])
        if dones.any():
            observations = self._restart(observations, dones, infos)
        return _as_array(observations), np.asarray(rewards, dtype=np.float32), dones, infos

    def _restart(self, observations: Any, dones: NDArray[np.bool_], infos: list[dict[str, Any]]) -> Any:
        """Put the last observations into `infos` and return the current ones."""
        if self._mode is AutoresetMode.SAME_STEP:
            for i in np.flatnonzero(dones):
                final_info = infos[i].pop("final_info", {})
                infos[i] |= {"terminal_observation": infos[i].pop("final_obs"), **final_info}
            return observations
        for i in np.flatnonzero(dones):
            infos[i]["terminal_observation"] = np.copy(observations[i])
        observations, reset_info = self.vector_env.reset(options={"reset_mask": dones})
        fresh = _split(reset_info, self.num_envs)
        self.reset_infos = [fresh[i] if dones[i] else self.reset_infos[i] for i in range(self.num_envs)]
        return observations

    def close(self) -> None:
        """Close the vector environment."""
        self.vector_env.close()

    def get_images(self) -> Sequence[NDArray[Any] | None]:
        """Render every environment."""
        frames: Any = self.vector_env.render()
        return [None] * self.num_envs if frames is None else list(frames)

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """Return an attribute of each of the environments `indices`."""
        copies = self._copies()
        if copies is not None:
            return [copies[i].get_wrapper_attr(attr_name) for i in self._get_indices(indices)]
        if hasattr(self.vector_env.unwrapped, "get_attr"):
            values: Any = self.vector_env.unwrapped.get_attr(attr_name)  # pyright: ignore[reportAttributeAccessIssue]
            return [values[i] for i in self._get_indices(indices)]
        return [self._common(attr_name)] * len(list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Set an attribute of each of the environments `indices`."""
        copies = self._copies()
        if copies is not None:
            for i in self._get_indices(indices):
                copies[i].set_wrapper_attr(attr_name, value)
            return
        self._require_all(indices, f"set {attr_name!r}")
        base: Any = self.vector_env.unwrapped
        if hasattr(base, "set_attr"):
            base.set_attr(attr_name, [value] * self.num_envs)
        else:
            setattr(base, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method of each of the environments `indices`."""
        copies = self._copies()
        if copies is not None:
            chosen = self._get_indices(indices)
            return [copies[i].get_wrapper_attr(method_name)(*method_args, **method_kwargs) for i in chosen]
        base: Any = self.vector_env.unwrapped
        if hasattr(base, "call"):
            self._require_all(indices, f"call {method_name!r}")
            return list(base.call(method_name, *method_args, **method_kwargs))
        answer = self._common(method_name)(*method_args, **method_kwargs)
        return [answer] * len(list(self._get_indices(indices)))

    def env_is_wrapped(self, wrapper_class: type[gym.Wrapper], indices: VecEnvIndices = None) -> list[bool]:
        """Whether each of the environments `indices` is wrapped in a class."""
        copies = self._copies()
        chosen = list(self._get_indices(indices))
        return [copies is not None and is_wrapped(copies[i], wrapper_class) for i in chosen]

    def _copies(self) -> list[gym.Env] | None:
        """The separate environments, where there are any in this process."""
        return getattr(self.vector_env.unwrapped, "envs", None)

    def _common(self, name: str) -> Any:
        for holder in (self.vector_env, self.vector_env.unwrapped):
            if hasattr(holder, name):
                return getattr(holder, name)
        raise AttributeError(f"{self.vector_env} has no attribute {name!r}")

    def _require_all(self, indices: VecEnvIndices, what: str) -> None:
        if sorted(self._get_indices(indices)) != list(range(self.num_envs)):
            raise ValueError(
                f"cannot {what} for some environments only: they are not separate objects in {self.vector_env}; "
                "leave indices out"
            )


def _as_array(observations: Any) -> NDArray[Any]:
    return np.array(observations)


def _split(infos: dict[str, Any], num_envs: int) -> list[dict[str, Any]]:
    """Turn Gymnasium's dictionary of batches into one dictionary per environment; `_key` says who has `key`."""
    rows: list[dict[str, Any]] = [{} for _ in range(num_envs)]
    for key, values in infos.items():
        present = infos.get(f"_{key}")
        if present is None:
            continue
        parts = _split(values, num_envs) if isinstance(values, dict) else values
        for i in np.flatnonzero(present):
            rows[i][key] = parts[i]
    return rows
