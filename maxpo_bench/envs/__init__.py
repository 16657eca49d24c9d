"""The numeric and the text environments, in NumPy and Gymnasium: importing this package never imports torch.

`MazeLayout`, `NoisyMaze` and `BanditInstance` are tasks as data, with exact values; the environments step through them.
`tasks` has the questions of the text environments and what grades their answers.
Names load on first use, so that registering the environments costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maxpo_bench.envs.registration import (
    ENVIRONMENTS,
    NUMERIC_ENVIRONMENTS,
    TEXT_ENVIRONMENTS,
    register_environments,
)
from maxpo_bench.lazy import lazy_names

if TYPE_CHECKING:
    from maxpo_bench.envs.bandit import BanditEnv, BanditVectorEnv
    from maxpo_bench.envs.bandit_instance import BanditInstance
    from maxpo_bench.envs.bernoulli_bandit import BernoulliBanditEnv, BernoulliBanditVectorEnv
    from maxpo_bench.envs.heavy_tail_bandit import HeavyTailBanditEnv, HeavyTailBanditVectorEnv
    from maxpo_bench.envs.math_env import MathEnv, MathVectorEnv
    from maxpo_bench.envs.maze import MazeEnv, MazeVectorEnv
    from maxpo_bench.envs.maze_layout import DeadEndLength, MazeLayout
    from maxpo_bench.envs.noisy_maze import NoisyMaze
    from maxpo_bench.envs.safe_risky_bandit import SafeRiskyBanditEnv, SafeRiskyBanditVectorEnv
    from maxpo_bench.envs.stochastic_maze import StochasticMazeEnv, StochasticMazeVectorEnv
    from maxpo_bench.envs.streams import episode_seeds
    from maxpo_bench.envs.text_reasoning import TextReasoningEnv, TextReasoningVectorEnv
    from maxpo_bench.envs.unicode_text import UnicodeText
    from maxpo_bench.envs.wide_maze import WideMazeEnv, WideMazeVectorEnv
    from maxpo_bench.envs.wrappers import OneHotObservation, OneHotVectorObservation, one_hot

__all__ = [
    "ENVIRONMENTS",
    "NUMERIC_ENVIRONMENTS",
    "TEXT_ENVIRONMENTS",
    "BanditEnv",
    "BanditInstance",
    "BanditVectorEnv",
    "BernoulliBanditEnv",
    "BernoulliBanditVectorEnv",
    "DeadEndLength",
    "HeavyTailBanditEnv",
    "HeavyTailBanditVectorEnv",
    "MathEnv",
    "MathVectorEnv",
    "MazeEnv",
    "MazeLayout",
    "MazeVectorEnv",
    "NoisyMaze",
    "OneHotObservation",
    "OneHotVectorObservation",
    "SafeRiskyBanditEnv",
    "SafeRiskyBanditVectorEnv",
    "StochasticMazeEnv",
    "StochasticMazeVectorEnv",
    "TextReasoningEnv",
    "TextReasoningVectorEnv",
    "UnicodeText",
    "WideMazeEnv",
    "WideMazeVectorEnv",
    "episode_seeds",
    "one_hot",
    "register_environments",
]

_MODULES = {
    "BanditEnv": "bandit",
    "BanditInstance": "bandit_instance",
    "BanditVectorEnv": "bandit",
    "BernoulliBanditEnv": "bernoulli_bandit",
    "BernoulliBanditVectorEnv": "bernoulli_bandit",
    "DeadEndLength": "maze_layout",
    "HeavyTailBanditEnv": "heavy_tail_bandit",
    "HeavyTailBanditVectorEnv": "heavy_tail_bandit",
    "MathEnv": "math_env",
    "MathVectorEnv": "math_env",
    "MazeEnv": "maze",
    "MazeLayout": "maze_layout",
    "MazeVectorEnv": "maze",
    "NoisyMaze": "noisy_maze",
    "OneHotObservation": "wrappers",
    "OneHotVectorObservation": "wrappers",
    "SafeRiskyBanditEnv": "safe_risky_bandit",
    "SafeRiskyBanditVectorEnv": "safe_risky_bandit",
    "StochasticMazeEnv": "stochastic_maze",
    "StochasticMazeVectorEnv": "stochastic_maze",
    "TextReasoningEnv": "text_reasoning",
    "TextReasoningVectorEnv": "text_reasoning",
    "UnicodeText": "unicode_text",
    "WideMazeEnv": "wide_maze",
    "WideMazeVectorEnv": "wide_maze",
    "episode_seeds": "streams",
    "one_hot": "wrappers",
}

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
