"""The numeric environments, in NumPy and Gymnasium only: importing this package never imports torch.

`MazeLayout` and `BanditInstance` are the tasks as data, with exact values; the environments step through them.
Names load on first use, so that registering the environments costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from maxpo_bench.envs.registration import ENVIRONMENTS, register_environments

if TYPE_CHECKING:
    from maxpo_bench.envs.bandit import BanditEnv, BanditVectorEnv
    from maxpo_bench.envs.bandit_instance import BanditInstance
    from maxpo_bench.envs.maze import MazeEnv, MazeVectorEnv
    from maxpo_bench.envs.maze_layout import DeadEndLength, MazeLayout
    from maxpo_bench.envs.streams import episode_seeds
    from maxpo_bench.envs.wrappers import OneHotObservation, OneHotVectorObservation, one_hot

__all__ = [
    "ENVIRONMENTS",
    "BanditEnv",
    "BanditInstance",
    "BanditVectorEnv",
    "DeadEndLength",
    "MazeEnv",
    "MazeLayout",
    "MazeVectorEnv",
    "OneHotObservation",
    "OneHotVectorObservation",
    "episode_seeds",
    "one_hot",
    "register_environments",
]

_MODULES = {
    "BanditEnv": "bandit",
    "BanditInstance": "bandit_instance",
    "BanditVectorEnv": "bandit",
    "DeadEndLength": "maze_layout",
    "MazeEnv": "maze",
    "MazeLayout": "maze_layout",
    "MazeVectorEnv": "maze",
    "OneHotObservation": "wrappers",
    "OneHotVectorObservation": "wrappers",
    "episode_seeds": "streams",
    "one_hot": "wrappers",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
