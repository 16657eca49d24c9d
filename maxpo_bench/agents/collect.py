"""Collect one episode from every environment of a Gymnasium vector environment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray

StepHook = Callable[[NDArray[np.intp], NDArray[np.float64], NDArray[np.bool_]], bool]


class Actor(Protocol):
    """What collecting needs of a policy."""

    def sample(self, observations: Any, rng: np.random.Generator) -> Any:
        """Draw one action for each observation."""
        ...

    def to_env(self, actions: Any) -> Any:
        """Turn sampled actions into what the environment takes."""
        ...


@dataclass(frozen=True)
class Rollout:
    """Complete episodes of one iteration, their steps in one flat list; `E` episodes, `T` steps in all.

    Attributes:
        observations: `[T, ...]` array (a list where observations are not arrays), in the order of the steps.
        actions: `[T, ...]` as sampled by the policy.
        episode: `[T]` which episode each step belongs to, 0 .. E-1.
        returns: `[E]` undiscounted returns. Episode i belongs to group i // group_size.
        lengths: `[E]` number of steps.
    """

    observations: Any
    actions: Any
    episode: NDArray[np.intp]
    returns: NDArray[np.float64]
    lengths: NDArray[np.intp]

    @property
    def num_steps(self) -> int:
        """T, steps of all episodes together."""
        return len(self.episode)


def collect(
    env: VectorEnv,
    actor: Actor,
    seeds: Sequence[int],
    rng: np.random.Generator,
    *,
    max_episode_steps: int | None = None,
    on_step: StepHook | None = None,
) -> Rollout | None:
    """Reset every environment with its seed and run each until its first episode ends.

    Works for every autoreset mode: an environment that has finished is no longer asked for actions and what it does
    afterwards is ignored. Under `AutoresetMode.DISABLED` finished ones are reset by mask, as Gymnasium demands, unless
    the vector environment says by `idles_when_finished` that it leaves them alone.

    Args:
        env: the vector environment, E environments.
        actor: the policy.
        seeds: `[E]` one for each environment.
        rng: the actions' random stream.
        max_episode_steps: cut episodes after so many steps; None for no limit.
        on_step: called after each step with the indices of the environments that took part, `[E]` rewards and `[E]`
            whether an episode has just ended; returning False stops at once.

    Returns:
        The episodes, or None if `on_step` stopped.
    """
    observations, _ = env.reset(seed=list(seeds))  # pyright: ignore[reportArgumentType] (lists are allowed)
    alive = np.arange(env.num_envs)
    returns = np.zeros(env.num_envs)
    steps: list[tuple[Any, Any, NDArray[np.intp]]] = []
    resets = _needs_mask(env)
    while alive.size and (max_episode_steps is None or len(steps) < max_episode_steps):
        rows = _take(observations, alive)
        actions = actor.sample(rows, rng)
        steps.append((rows, actions, alive))
        observations, rewards, terminated, truncated, _ = env.step(_fill(actor.to_env(actions), alive, env.num_envs))
        ended = terminated | truncated
        returns[alive] += rewards[alive]
        if on_step is not None and not on_step(alive, rewards, ended):
            return None
        if ended.any():
            alive = alive[~ended[alive]]
            if resets and alive.size:
                observations, _ = env.reset(options={"reset_mask": ended})
    return _join(steps, returns)


def _needs_mask(env: VectorEnv) -> bool:
    disabled = env.metadata.get("autoreset_mode") is AutoresetMode.DISABLED
    return disabled and not getattr(env.unwrapped, "idles_when_finished", False)


def _take(batch: Any, rows: NDArray[np.intp]) -> Any:
    return batch[rows] if isinstance(batch, np.ndarray) else [batch[i] for i in rows]


def _fill(actions: Any, alive: NDArray[np.intp], num_envs: int) -> Any:
    """Spread the actions of the environments at work over all; the others get any valid action, which is ignored."""
    if len(alive) == num_envs:
        return actions
    source = np.zeros(num_envs, dtype=np.intp)
    source[alive] = np.arange(len(alive))
    return _take(actions, source)


def _join(steps: list[tuple[Any, Any, NDArray[np.intp]]], returns: NDArray[np.float64]) -> Rollout:
    observations, actions, episodes = zip(*steps, strict=True)
    episode = np.concatenate(episodes)
    lengths = np.bincount(episode, minlength=len(returns))
    return Rollout(_concatenate(observations), _concatenate(actions), episode, returns, lengths)


def _concatenate(batches: Sequence[Any]) -> Any:
    if isinstance(batches[0], np.ndarray):
        return np.concatenate(batches)
    return [row for batch in batches for row in batch]
