"""Rows of the four lists: estimators, agents, environments, tasks."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Sequence
from typing import Any

Row = dict[str, Any]

_TASK_KINDS = {
    "procedural": "Procedural tasks",
    "dataset": "Data sets of mathematical problems",
    "reasoning_gym": "Tasks of reasoning-gym",
}


def estimator_rows() -> list[Row]:
    """One row per registered estimator, in the order of the method's table."""
    from maxpo_bench.estimators import list_estimators

    return [
        {
            "name": spec.name,
            "aliases": ", ".join(spec.aliases),
            "unbiased": "no" if spec.unbiased_at == "no K" else spec.unbiased_at,
            "centred": "yes" if spec.centered else "no",
            "scale": spec.scale,
            "rewards": spec.domain,
            "summary": spec.summary,
            "relation": spec.relation,
            "paper": spec.paper,
            "equation": spec.equation,
        }
        for spec in list_estimators()
    ]


def agent_rows() -> list[Row]:
    """One row per agent; the summary says where something has to be installed first."""
    from maxpo_bench.agents import list_agents

    rows = []
    for spec in list_agents():
        note = "" if spec.missing is None else f" (not installed: pip install '{spec.missing}')"
        rows.append({"name": spec.name, "aliases": ", ".join(spec.aliases), "summary": spec.summary + note})
    return rows


def env_rows() -> list[Row]:
    """One row per registered environment, the summary being the first line of its card."""
    from maxpo_bench.envs.registration import ENVIRONMENTS

    rows = []
    for env_id, entry in ENVIRONMENTS.items():
        module, name = entry["entry_point"].split(":")
        card = inspect.getdoc(getattr(importlib.import_module(module), name)) or ""
        rows.append({"name": env_id, "summary": card.splitlines()[0]})
    return rows


def task_rows() -> list[Row]:
    """One row per task, with its splits and its options' defaults."""
    from maxpo_bench.commands.task_card import plain_options
    from maxpo_bench.envs.tasks import list_tasks

    return [
        {**row, "splits": ", ".join(row["splits"]), "options": plain_options(row["options"])} for row in list_tasks()
    ]


def print_tasks(rows: list[Row], *, fold: bool = True) -> None:
    """Print the tasks, one table per kind.

    Args:
        rows: of `task_rows`.
        fold: make one line of the data sets of reasoning-gym; otherwise print them all, and why others are excluded.
    """
    from maxpo_bench.envs.tasks.reasoning_gym_admission import EXCLUDED

    for kind in dict.fromkeys(row["kind"] for row in rows):
        shown = [row for row in rows if row["kind"] == kind]
        if fold and kind == "reasoning_gym":
            summary = (
                f"{len(shown)} data sets of reasoning-gym, such as {shown[-1]['name']}. --all lists them, and why "
                f"{len(EXCLUDED)} others are excluded."
            )
            shown = [{**shown[0], "name": "reasoning_gym/...", "summary": summary}]
        print_rows(_TASK_KINDS.get(kind, f"Tasks of kind {kind}"), shown, ("name", "splits", "summary"))
    if not fold:
        excluded = [{"name": f"reasoning_gym/{name}", "reason": reason} for name, reason in EXCLUDED.items()]
        print_rows("Excluded data sets of reasoning-gym", excluded, ("name", "reason"))
    print("One task, with an example: maxpo-bench tasks NAME")


def print_rows(title: str, rows: list[Row], columns: Sequence[str]) -> None:
    """Print some columns of the rows as a table; the last one is wrapped to the terminal's width."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for column in columns:
        last = column == columns[-1]
        table.add_column(column, no_wrap=not last, overflow="fold", style="bold" if column == "name" else "")
    for row in rows:
        cells = {**row, "name": f"{row['name']} ({row['aliases']})" if row.get("aliases") else row["name"]}
        table.add_row(*(str(cells[column]) for column in columns))
    Console().print(table)
