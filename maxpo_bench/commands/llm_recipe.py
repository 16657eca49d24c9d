"""`maxpo-bench llm recipes` and `llm train --recipe`: list and show recipes, say what one comes to, carry it out."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def show_recipes(name: str | None = None, settings: Sequence[str] = (), *, as_json: bool = False) -> int:
    """Print all recipes with their variants, or one with every setting resolved.

    Args:
        name: a recipe's, or a file's; with ":VARIANT" for another than its default.
        settings: changes of it.
        as_json: print JSON.

    Returns:
        0; what is wrong raises.

    Raises:
        UnknownNameError: no such recipe, variant, table or key.
        FileNotFoundError: there is no such file.
        TypeError: a value has another type than the key.
        ValueError: a recipe or a setting is malformed, or settings are given without a recipe.
    """
    if name is None:
        if settings:
            raise ValueError("--set changes one recipe: name it")
        rows = _rows()
        print(json.dumps(rows, indent=2) if as_json else "\n".join(_listing(rows)))
        return 0
    from maxpo_bench.llm.recipes import load_recipe, variant_names
    from maxpo_bench.llm.recipes.planning import as_json as tables

    recipe = load_recipe(name, settings)
    variants = variant_names(name.removesuffix(f":{recipe.variant}"))
    if as_json:
        print(json.dumps({"recipe": recipe.full_name, "variants": variants, "config": tables(recipe)}, indent=2))
    else:
        print("\n".join([f"{recipe.full_name}: {recipe.summary}", *_others(recipe.variant, variants), ""]))
        print("\n".join(toml_lines(tables(recipe))))
    return 0


def train_recipe(
    name: str,
    out: Path | None = None,
    settings: Sequence[str] = (),
    *,
    dry_run: bool = False,
    as_json: bool = False,
    quiet: bool = False,
) -> int:
    """Carry a recipe out, or say what it comes to.

    Args:
        name: a recipe's, or a file's; with ":VARIANT" for another than its default.
        out: the run's folder; None for the recipe's own below runs/llm.
        settings: changes of it.
        dry_run: print steps, tokens, memory, settings and what is missing, and train nothing.
        as_json: print JSON.
        quiet: no progress, only the folder.

    Returns:
        0; what is missing or wrong raises.

    Raises:
        OSError: packages, devices, the model or data are missing; the message says how to get them.
        ValueError: the recipe is malformed or does not fit together, or the folder holds another run.
    """
    from maxpo_bench.llm.recipes import load_recipe

    if dry_run:
        from maxpo_bench.llm.recipes import plan

        planned = plan(name, settings=settings)
        if is_first_process():
            print(json.dumps(planned.to_dict(), indent=2) if as_json else "\n".join(planned.lines()))
        return 0
    from maxpo_bench.commands.progress import counting
    from maxpo_bench.llm.recipes import run
    from maxpo_bench.llm.recipes.running import run_path

    recipe = load_recipe(name, settings)
    folder = out or run_path(recipe)
    with counting("steps", quiet=quiet or not is_first_process()) as bar:
        summary = run(recipe, folder, progress=bar)
    if not is_first_process():
        return 0
    if as_json:
        print(json.dumps({"out": str(folder), "summary": summary}, indent=2))
    elif quiet:
        print(folder)
    else:
        print("\n".join(_result(recipe.full_name, folder, summary)))
    return 0


def is_first_process() -> bool:
    """Whether this process is the one that prints, of those that a launcher started."""
    return os.environ.get("RANK", "0") == "0"


def toml_lines(tables: dict[str, Any], path: str = "") -> list[str]:
    """Return nested tables as lines of TOML; None and empty tables are left out.

    Args:
        tables: names to values: numbers, texts, booleans, lists of texts, and tables.
        path: dotted name of the table that they are in.
    """
    plain = {key: value for key, value in tables.items() if not isinstance(value, dict) and value is not None}
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in plain.items()]
    if lines and path:
        lines = ["", f"[{path}]", *lines]
    for key, value in tables.items():
        if isinstance(value, dict):
            lines += toml_lines(value, f"{path}.{key}" if path else key)
    return lines


def _rows() -> list[dict[str, Any]]:
    from maxpo_bench.llm.recipes import load_recipe, recipe_names, variant_names

    rows: list[dict[str, Any]] = []
    for name in recipe_names():
        recipe = load_recipe(name)
        rows.append(
            {
                "name": name,
                "summary": recipe.summary,
                "default": recipe.variant,
                "variants": variant_names(name),
                "gpus": recipe.hardware.gpus,
                "gpu_memory_gb": recipe.hardware.memory_gb if recipe.hardware.gpus else None,
            }
        )
    return rows


def _listing(rows: Sequence[dict[str, Any]]) -> list[str]:
    lines: list[str] = []
    for row in rows:
        devices = f"{row['gpus']} x {row['gpu_memory_gb']:g} GB" if row["gpus"] else "CPU"
        lines += [f"{row['name']} ({devices})", f"  {row['summary']}"]
        lines += [f"  variants: {', '.join(row['variants'])}; default {row['default']}"] if row["variants"] else []
    return [*lines, "", "maxpo-bench llm train --recipe NAME:VARIANT --dry-run says what one comes to on this machine"]


def _others(variant: str, variants: Sequence[str]) -> list[str]:
    others = [name for name in variants if name != variant]
    return [f"other variants: {', '.join(others)}"] if others else []


def _result(name: str, folder: Path, summary: dict[str, Any]) -> list[str]:
    lines = [f"{name}: {summary['steps']:,} steps in {summary['seconds']:,.0f} s"]
    names = {"reward_mean": "mean reward", "reward_max_at_k": "max@K", "adam_variance_proxy": "variance proxy"}
    names |= {"entropy": "entropy (nats per token)", "dead_groups": "groups without a signal"}
    lines += [f"  {title:26} {summary[key]:.4g}" for key, title in names.items() if summary.get(key) is not None]
    return [*lines, "", f"{folder / 'model'} is the model; maxpo-bench llm eval measures its pass@k"]
