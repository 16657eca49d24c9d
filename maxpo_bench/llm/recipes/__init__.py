"""Recipes: training runs of language models as TOML files, resolved to TRL's settings, estimated and run.

`load_recipe` reads one, `plan` says what it comes to, `run` carries it out. Names load on first use; only `run` needs
the packages of ``pip install 'maxpo-bench[llm]'``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maxpo_bench.lazy import lazy_names

if TYPE_CHECKING:
    from maxpo_bench.llm.recipes.loading import load_recipe, recipe_names, variant_names
    from maxpo_bench.llm.recipes.memory import MemoryEstimate, estimate_memory
    from maxpo_bench.llm.recipes.missing import Missing
    from maxpo_bench.llm.recipes.planning import Plan, plan
    from maxpo_bench.llm.recipes.running import MissingError, run
    from maxpo_bench.llm.recipes.schema import Recipe

__all__ = [
    "MemoryEstimate",
    "Missing",
    "MissingError",
    "Plan",
    "Recipe",
    "estimate_memory",
    "load_recipe",
    "plan",
    "recipe_names",
    "run",
    "variant_names",
]

_MODULES = {
    "MemoryEstimate": "memory",
    "Missing": "missing",
    "MissingError": "running",
    "Plan": "planning",
    "Recipe": "schema",
    "estimate_memory": "memory",
    "load_recipe": "loading",
    "plan": "planning",
    "recipe_names": "loading",
    "run": "running",
    "variant_names": "loading",
}

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
