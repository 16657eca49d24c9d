"""Lists of what there is, and of what this machine can run."""

from __future__ import annotations

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


def tasks(as_json: JsonFlag = False) -> None:
    """List the tasks of the text environments."""
    from maxpo_bench.commands.lists import print_rows, task_rows

    rows = task_rows()
    print_json(rows) if as_json else print_rows("Tasks", rows, ("name", "splits", "summary"))


def doctor(as_json: JsonFlag = False) -> None:
    """Say what is installed, which device torch sees, and which tracks can run."""
    from maxpo_bench.commands.doctor import print_report, report

    found = report()
    print_json(found) if as_json else print_report(found)
