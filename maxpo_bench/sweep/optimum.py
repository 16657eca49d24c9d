"""The exact optimum of a run's environment, where the environment knows it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import gymnasium as gym


def optimal_value(env_id: str, env_kwargs: Mapping[str, Any], k: int = 1) -> float | None:
    """Return the optimum of an environment: the best expected return of one episode, or of the best of ``k``.

    Args:
        env_id: Gymnasium id.
        env_kwargs: its arguments.
        k: number of episodes. For more than one it is the environment's ``optimal_max_at_k(k)``; where there is none,
            its ``optimal_value``, which is the same where a policy can reach its best return surely.

    Returns:
        None where the id is not registered here, or the environment has no such number.
    """
    try:
        env = gym.make(env_id, **env_kwargs)
    except gym.error.Error:
        return None
    task = env.unwrapped
    of_many = getattr(task, "optimal_max_at_k", None) if k > 1 else None
    value = getattr(task, "optimal_value", None) if of_many is None else of_many(k)
    env.close()
    return None if value is None or not math.isfinite(value) else float(value)
