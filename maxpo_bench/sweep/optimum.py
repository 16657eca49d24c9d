"""The exact optimum of a run's environment, where the environment knows it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import gymnasium as gym


def optimal_value(env_id: str, env_kwargs: Mapping[str, Any]) -> float | None:
    """Return the best expected return of an environment, its ``optimal_value``.

    Args:
        env_id: Gymnasium id.
        env_kwargs: its arguments.

    Returns:
        None where the id is not registered here, or the environment has no such number.
    """
    try:
        env = gym.make(env_id, **env_kwargs)
    except gym.error.Error:
        return None
    value = getattr(env.unwrapped, "optimal_value", None)
    env.close()
    return None if value is None or not math.isfinite(value) else float(value)
