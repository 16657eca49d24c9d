"""Lists of what there is, and of what this machine can run."""

from __future__ import annotations

from typing import Annotated

import typer

from maxpo_bench.cli.shared import JsonFlag, print_json


def estimators(as_json: JsonFlag = False) -> None:
    """List the advantage estimators with what is known of each."""
    from maxpo_bench.commands.lists import estimator_rows, print_rows

    rows = estimator_rows()
    print_json(rows) if as_json else print_rows(
        "Advantage estimators", rows, ("name", "unbiased", "centred", "summary")
    )


def agents(as_json: JsonFlag = False) -> None:
    """List the agents that can be trained."""
    from maxpo_bench.commands.lists import agent_rows, print_rows

    rows = agent_rows()
    print_json(rows) if as_json else print_rows("Agents", rows, ("name", "summary"))


def envs(as_json: JsonFlag = False) -> None:
    """List the registered environments."""
    from maxpo_bench.commands.lists import env_rows, print_rows

    rows = env_rows()
    print_json(rows) if as_json else print_rows("Environments", rows, ("name", "summary"))


def tasks(
    name: Annotated[str | None, typer.Argument(help="One task: its options, an example and how to answer it.")] = None,
    show_all: Annotated[
        bool, typer.Option("--all", help="Every data set of reasoning-gym in a line of its own.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """List the tasks of the text environments, or show one of them."""
    if name is None:
        from maxpo_bench.commands.lists import print_tasks, task_rows

        rows = task_rows()
        print_json(rows) if as_json else print_tasks(rows, fold=not show_all)
    else:
        from maxpo_bench.commands.task_card import card_text, task_card

        card = task_card(name)
        print_json(card) if as_json else print(card_text(card))


def doctor(as_json: JsonFlag = False) -> None:
    """Say what is installed, which device torch sees, and which tracks can run."""
    from maxpo_bench.commands.doctor import print_report, report

    found = report()
    print_json(found) if as_json else print_report(found)
