"""Small variants of the registered environments, and the classes behind the ids."""

from __future__ import annotations

import importlib
from typing import Any

from maxpo_bench.envs import ENVIRONMENTS, NUMERIC_ENVIRONMENTS

# Small variants of every registered id, and variants whose episodes are random or of several kinds of end.
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *((env_id, {}) for env_id in NUMERIC_ENVIRONMENTS),
    ("maxpo/Bandit-v0", {"num_arms": 5, "reward_noise": 0.5}),
    ("maxpo/Bandit-v0", {"arm_rewards": [0.0, 1.0, -2.0]}),
    ("maxpo/BernoulliBandit-v0", {"arm_probabilities": [0.0, 0.5, 1.0]}),
    ("maxpo/HeavyTailBandit-v0", {"num_arms": 4, "df": 1.5, "reward_noise": 2.0}),
    ("maxpo/HeavyTailBandit-v0", {"arm_rewards": [0.0, 1.0], "reward_noise": 0.0}),
    ("maxpo/SafeRiskyBandit-v0", {"num_arms": 3, "num_risky": 1, "low_reward": -5.0, "risky_probability": 0.5}),
    ("maxpo/Maze-v0", {"length": 4, "dead_end_length": 2, "majority_share": 0.5}),
    ("maxpo/Maze-v0", {"length": 7, "dead_end_length": "mixed", "instance": 3}),
    ("maxpo/StochasticMaze-v0", {"length": 4, "dead_end_length": 2, "majority_share": 0.5, "slip": 0.5}),
    ("maxpo/StochasticMaze-v0", {"length": 7, "dead_end_length": "mixed", "slip": 0.9, "reward_noise": 0.3}),
    ("maxpo/WideMaze-v0", {"length": 5, "dead_end_length": "mixed", "majority_share": 0.4, "num_actions": 3}),
    ("maxpo/WideMaze-v0", {"length": 4, "num_actions": 2, "reward_noise": 0.0}),
]

# Small variants of every id whose episodes depend on chance or, where there is none, end in several ways.
RANDOM_VARIANTS: dict[str, dict[str, Any]] = {
    "maxpo/Bandit-v0": {"num_arms": 6, "reward_noise": 1.0},
    "maxpo/BernoulliBandit-v0": {"num_arms": 6},
    "maxpo/HeavyTailBandit-v0": {"num_arms": 6, "df": 6.0},
    "maxpo/SafeRiskyBandit-v0": {},
    "maxpo/Maze-v0": {"length": 5, "dead_end_length": "mixed"},
    "maxpo/StochasticMaze-v0": {"length": 5, "dead_end_length": "mixed", "slip": 0.2, "reward_noise": 0.5},
    "maxpo/WideMaze-v0": {"length": 5, "dead_end_length": "mixed", "num_actions": 3},
}


def variant_name(variant: tuple[str, dict[str, Any]]) -> str:
    env_id, kwargs = variant
    return "-".join([env_id.split("/")[1], *(f"{key}={value}" for key, value in kwargs.items())])


def env_class(env_id: str, is_vector: bool = False) -> Any:
    module, name = ENVIRONMENTS[env_id]["vector_entry_point" if is_vector else "entry_point"].split(":")
    return getattr(importlib.import_module(module), name)
