"""The exact optimum of a run's environment, where the environment knows it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np


def optimal_value(env_id: str, env_kwargs: Mapping[str, Any], k: int = 1) -> float | None:
    """Return the optimum of an environment: the best expected return of one episode, or of the best of ``k``.

    Args:
        env_id: Gymnasium id.
        env_kwargs: its arguments.
        k: number of episodes. For one it is the environment's ``optimal_value``. For more it is its
            ``optimal_max_at_k(k)``, and J_k of the correct actions in a maze; where an environment has neither it is
            the ``optimal_value`` again, which chance may then exceed.

    Returns:
        None where the id is not registered here, or the environment has no such number.
    """
    try:
        env = gym.make(env_id, **env_kwargs)
    except gym.error.Error:
        return None
    value = _best_of(env.unwrapped, k) if k > 1 else None
    value = getattr(env.unwrapped, "optimal_value", None) if value is None else value
    env.close()
    return None if value is None or not math.isfinite(value) else float(value)


def _best_of(task: Any, k: int) -> float | None:
    """Return the highest J_k, None where it is not known.

    In a maze the correct actions have it for every k, unless rewards are noisy and dead ends have length 2: then
    another policy can be better by a part of one step's noise.
    """
    from maxpo_bench.envs.maze import MazeTask

    if hasattr(task, "optimal_max_at_k"):
        return task.optimal_max_at_k(k)
    if not isinstance(task, MazeTask):
        return None
    actions = np.zeros(task.num_states, dtype=np.int64)
    actions[: task.layout.length] = task.layout.correct_actions
    return task.exact_value(np.eye(task.num_actions)[actions], k)
