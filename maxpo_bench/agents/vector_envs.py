"""Make the vector environment that an agent trains in from whatever the user names or hands over."""

from __future__ import annotations

import copy
import importlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.envs.registration import EnvSpec, load_env_creator
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from gymnasium.vector.utils import concatenate, iterate
from stable_baselines3.common.vec_env import VecEnv

from maxpo_bench.agents.sb3_adapter import GymVectorToSB3
from maxpo_bench.registry import suggest

TIME_LIMIT = "max_episode_steps"
EnvSource = str | gym.Env | VectorEnv | VecEnv | Callable[[], gym.Env]


class IdlingVectorEnv(SyncVectorEnv):
    """Copies of a scalar environment, one after the other; one that has finished idles until the next reset.

    Its observation stays, its reward is 0 and it goes on reporting that it has terminated or been truncated.

    Args:
        env_fns: one function per environment.
    """

    idles_when_finished = True

    def __init__(self, env_fns: Iterable[Callable[[], gym.Env]]) -> None:
        super().__init__(list(env_fns), autoreset_mode=AutoresetMode.DISABLED)

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Step the environments that have not finished; see `gymnasium.vector.VectorEnv.step`."""
        infos: dict[str, Any] = {}
        self._rewards[:] = 0.0
        for i, (env, action) in enumerate(zip(self.envs, iterate(self.action_space, actions), strict=True)):
            if self._autoreset_envs[i]:
                continue
            self._env_obs[i], self._rewards[i], self._terminations[i], self._truncations[i], info = env.step(action)
            infos = self._add_info(infos, info, i)
        self._observations = concatenate(self.single_observation_space, self._env_obs, self._observations)
        self._autoreset_envs = np.logical_or(self._terminations, self._truncations)
        rewards, terminated = self._rewards.copy(), self._terminations.copy()
        return copy.deepcopy(self._observations), rewards, terminated, self._truncations.copy(), infos


def make_vector_env(
    env: EnvSource,
    num_envs: int,
    env_kwargs: Mapping[str, Any] | None = None,
    autoreset_mode: AutoresetMode = AutoresetMode.NEXT_STEP,
) -> VectorEnv:
    """Return a vector environment of `num_envs` environments in which one episode each can be collected.

    Args:
        env: an environment id (its vector class is used where it can leave resets to the caller), an environment
            (copied), a function that makes one, or a vector environment (used as it is).
        num_envs: how many.
        env_kwargs: options for an id.
        autoreset_mode: of the id's own vector class; the default is the cheapest where whatever follows the first
            episode is ignored. Copies idle when finished.

    Raises:
        ValueError: options for something that is not an id, unknown options, a vector environment of another size, or
            an environment that cannot be copied.
        TypeError: `env` is nothing of the above.
    """
    if isinstance(env, str):
        return _from_id(env, num_envs, dict(env_kwargs or {}), autoreset_mode)
    if env_kwargs:
        raise ValueError(f"options {sorted(env_kwargs)} need an environment id, got {env!r}: set them where it is made")
    if isinstance(env, GymVectorToSB3):
        env = env.vector_env
    if isinstance(env, VectorEnv):
        if env.num_envs != num_envs:
            raise ValueError(
                f"the vector environment has {env.num_envs} environments, the agent needs {num_envs} (group_size * "
                f"groups_per_step; num_envs of PPO and A2C): make it with num_envs={num_envs}"
            )
        return env
    if isinstance(env, gym.Env):
        return IdlingVectorEnv([_copier(env)] * num_envs)
    if callable(env) and not isinstance(env, VecEnv):
        return IdlingVectorEnv([env] * num_envs)
    raise TypeError(f"env must be an environment id, a gymnasium environment or a function that makes one, got {env!r}")


def find_spec(env_id: str) -> EnvSpec:
    """Return the registered specification of an id, importing the module in "module:id".

    Raises:
        gymnasium.error.Error: an unknown id; Gymnasium suggests the nearest.
    """
    module, _, name = env_id.rpartition(":")
    if module:
        importlib.import_module(module)
    return gym.spec(name)


def env_options(env_id: str) -> list[str] | None:
    """Return the names of the options with which agents can make an environment id; None if it takes any.

    They are those of the class that `make_vector_env` makes: of the id's own vector class, or of the scalar one, which
    Gymnasium can also put under a time limit (`max_episode_steps`).
    """
    spec = find_spec(env_id)
    has_own_vector_class = _has_own_vector_class(spec)
    entry_point = spec.vector_entry_point if has_own_vector_class else spec.entry_point
    creator = load_env_creator(entry_point) if isinstance(entry_point, str) else entry_point
    if creator is None:
        return None
    parameters = inspect.signature(creator).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return None
    names = [parameter.name for parameter in parameters]
    if has_own_vector_class:
        return [name for name in names if name not in ("num_envs", "autoreset_mode")]
    return [*names, *(name for name in [TIME_LIMIT] if name not in names)]


def check_env_options(env_id: str, options: Iterable[str], also: Iterable[str] = ()) -> None:
    """Check that an id takes these options.

    Args:
        env_id: the id.
        options: names to check.
        also: other known names, only for the suggestion.

    Raises:
        ValueError: with the nearest known name.
    """
    known = env_options(env_id)
    for name in options:
        if known is not None and name not in known:
            raise ValueError(f"unknown option {name!r} for {env_id}.{option_hint(name, [*known, *also])}")


def option_hint(name: str, known: Iterable[str]) -> str:
    """Return what to say of an option that an id does not take: the nearest known one, or who takes a time limit."""
    if name == TIME_LIMIT:
        return " Its vector class has no time limit: the group agents take max_episode_steps themselves."
    return suggest(name, known)


def _from_id(env_id: str, num_envs: int, options: dict[str, Any], autoreset_mode: AutoresetMode) -> VectorEnv:
    check_env_options(env_id, options)
    spec = find_spec(env_id)
    if _has_own_vector_class(spec):
        return gym.make_vec(
            spec.id,
            num_envs=num_envs,
            vectorization_mode="vector_entry_point",
            autoreset_mode=autoreset_mode,
            **options,
        )
    return IdlingVectorEnv(
        # Gymnasium's checker need not look at every copy
        [lambda check=i > 0: gym.make(spec.id, disable_env_checker=check, **options) for i in range(num_envs)]
    )


def _has_own_vector_class(spec: EnvSpec) -> bool:
    entry_point = spec.vector_entry_point
    if entry_point is None or spec.additional_wrappers:
        return False
    creator = load_env_creator(entry_point) if isinstance(entry_point, str) else entry_point
    return "autoreset_mode" in inspect.signature(creator).parameters


def _copier(env: gym.Env) -> Callable[[], gym.Env]:
    try:
        original = copy.deepcopy(env)
    except Exception as error:
        raise ValueError(
            f"{env} cannot be copied ({error}): hand over a function that makes one, or an environment id"
        ) from error
    return lambda: copy.deepcopy(original)
