"""maxpo_bench: a benchmark suite for advantage estimators of max@K / pass@K policy gradients.

Importing the package registers the Gymnasium environments by name and loads neither torch nor Gymnasium's vector code;
the subpackages (`estimators`, `moments`, `envs`, `agents`, `sweep`, `leaderboard`, `plots`, `llm`) load on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from maxpo_bench.envs.registration import register_environments

if TYPE_CHECKING:
    from maxpo_bench import agents, envs, estimators, leaderboard, llm, moments, objectives, plots, sweep

__version__ = "0.1.0"
__all__ = [
    "__version__",
    "agents",
    "envs",
    "estimators",
    "leaderboard",
    "llm",
    "moments",
    "objectives",
    "plots",
    "sweep",
]

register_environments()


def __getattr__(name: str) -> Any:
    if name in __all__:
        return importlib.import_module(f"maxpo_bench.{name}")
    raise AttributeError(f"module 'maxpo_bench' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
