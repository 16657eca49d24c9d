"""The table of registered environments: ids and where their classes are, as strings only."""

from __future__ import annotations

from collections.abc import Mapping

import gymnasium as gym

_NUMERIC_MODULES = {
    "Bandit": "bandit",
    "BernoulliBandit": "bernoulli_bandit",
    "HeavyTailBandit": "heavy_tail_bandit",
    "SafeRiskyBandit": "safe_risky_bandit",
    "Maze": "maze",
    "StochasticMaze": "stochastic_maze",
    "WideMaze": "wide_maze",
}
_TEXT_MODULES = {"TextReasoning": "text_reasoning", "Math": "math_env"}


def _entries(modules: Mapping[str, str]) -> dict[str, dict[str, str]]:
    return {
        f"maxpo/{name}-v0": {
            "entry_point": f"maxpo_bench.envs.{module}:{name}Env",
            "vector_entry_point": f"maxpo_bench.envs.{module}:{name}VectorEnv",
        }
        for name, module in modules.items()
    }


NUMERIC_ENVIRONMENTS: dict[str, dict[str, str]] = _entries(_NUMERIC_MODULES)
"""Environments of numbered states and actions, with exact values: those that the agents learn on."""

TEXT_ENVIRONMENTS: dict[str, dict[str, str]] = _entries(_TEXT_MODULES)
"""Environments whose observations and actions are texts."""

ENVIRONMENTS: dict[str, dict[str, str]] = NUMERIC_ENVIRONMENTS | TEXT_ENVIRONMENTS


def register_environments() -> None:
    """Register every environment of `ENVIRONMENTS` with Gymnasium; a second call changes nothing."""
    for env_id, entry in ENVIRONMENTS.items():
        if env_id not in gym.registry:
            gym.register(env_id, entry["entry_point"], vector_entry_point=entry["vector_entry_point"])
