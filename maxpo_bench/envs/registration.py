"""The table of registered environments: ids and where their classes are, as strings only."""

from __future__ import annotations

import gymnasium as gym

ENVIRONMENTS: dict[str, dict[str, str]] = {
    "maxpo/Bandit-v0": {
        "entry_point": "maxpo_bench.envs.bandit:BanditEnv",
        "vector_entry_point": "maxpo_bench.envs.bandit:BanditVectorEnv",
    },
    "maxpo/Maze-v0": {
        "entry_point": "maxpo_bench.envs.maze:MazeEnv",
        "vector_entry_point": "maxpo_bench.envs.maze:MazeVectorEnv",
    },
}


def register_environments() -> None:
    """Register every environment of `ENVIRONMENTS` with Gymnasium; a second call changes nothing."""
    for env_id, entry in ENVIRONMENTS.items():
        if env_id not in gym.registry:
            gym.register(env_id, entry["entry_point"], vector_entry_point=entry["vector_entry_point"])
