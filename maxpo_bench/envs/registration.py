"""The table of registered environments: ids and where their classes are, as strings only."""

from __future__ import annotations

import gymnasium as gym

_MODULES = {
    "Bandit": "bandit",
    "BernoulliBandit": "bernoulli_bandit",
    "HeavyTailBandit": "heavy_tail_bandit",
    "SafeRiskyBandit": "safe_risky_bandit",
    "Maze": "maze",
    "StochasticMaze": "stochastic_maze",
    "WideMaze": "wide_maze",
}
ENVIRONMENTS: dict[str, dict[str, str]] = {
    f"maxpo/{name}-v0": {
        "entry_point": f"maxpo_bench.envs.{module}:{name}Env",
        "vector_entry_point": f"maxpo_bench.envs.{module}:{name}VectorEnv",
    }
    for name, module in _MODULES.items()
}


def register_environments() -> None:
    """Register every environment of `ENVIRONMENTS` with Gymnasium; a second call changes nothing."""
    for env_id, entry in ENVIRONMENTS.items():
        if env_id not in gym.registry:
            gym.register(env_id, entry["entry_point"], vector_entry_point=entry["vector_entry_point"])
