"""A task's card: what it asks, how it is answered, its options, and one problem as an example."""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maxpo_bench.envs.tasks import Task

Card = dict[str, Any]

_OWN_FIELDS = ("seed", "size")


def task_card(name: str) -> Card:
    """Return what is known of one task.

    Args:
        name: a name that `maxpo_bench.envs.tasks.list_tasks` has, or of an excluded data set of reasoning-gym.

    Returns:
        ``name``, ``kind``, ``summary``, ``problems`` (their number by split, None where it is not known), ``options``
        (defaults by name, None where there is none), ``answer`` (how it must look), ``use`` (a line of Python),
        ``example`` (``split``, ``id``, ``question`` and reference ``answer`` of problem 0 of the first split, or None)
        and ``note`` (why something is missing, or ""). For an excluded data set ``name`` and ``excluded``, the reason.

    Raises:
        UnknownNameError: there is no such task, with the nearest names.
    """
    from maxpo_bench.envs.tasks.reasoning_gym import PREFIX, excluded_reasoning_gym
    from maxpo_bench.envs.tasks.registry import list_tasks, unknown_task

    row = {row["name"]: row for row in list_tasks()}.get(name)
    if row is None:
        if name.startswith(PREFIX) and name in (excluded := excluded_reasoning_gym()):
            return {"name": name, "excluded": excluded[name]}
        raise unknown_task(name)
    card = {key: row[key] for key in ("name", "kind", "summary", "answer")}
    card |= {"options": plain_options(row["options"]), "problems": dict.fromkeys(row["splits"])}
    card |= {"use": _use(name, row["kind"], row["splits"]), "example": None, "note": ""}
    return _with_data_set(card) if row["kind"] == "dataset" else _with_problems(card)


def plain_options(options: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return options as JSON can hold them, None for one without default."""
    if options is None:
        return None
    return {name: None if value is inspect.Parameter.empty else _plain(value) for name, value in options.items()}


def card_text(card: Card) -> str:
    """Return a card as lines of text."""
    if "excluded" in card:
        return f"{card['name']} is excluded from the tasks: {card['excluded']}."
    numbers = [
        f"{split} ({'?' if count is None else f'{count:,}'} problems)" for split, count in card["problems"].items()
    ]
    options = ["?"] if card["options"] is None else [f"{name}={value!r}" for name, value in card["options"].items()]
    rows = {
        "kind": card["kind"],
        "splits": ", ".join(numbers),
        "options": ", ".join(options) or "none",
        "answer": card["answer"] or "see the task's own documentation",
        "use": card["use"],
    }
    if card["example"] is not None:
        rows |= {
            "example": f"problem 0 of {card['example']['split']}, {card['example']['id']}",
            "question": card["example"]["question"],
            "reference": card["example"]["answer"],
        }
    if card["note"]:
        rows["note"] = card["note"]
    return "\n".join([f"{card['name']}: {card['summary']}", *(_line(label, text) for label, text in rows.items())])


def _line(label: str, text: str) -> str:
    # further lines are indented below the first, so that none is taken for the next entry
    return f"  {label:<10} " + text.replace("\n", "\n" + " " * 13)


def _use(name: str, kind: str, splits: Sequence[str]) -> str:
    split = "" if "train" in splits else f', split="{splits[0]}"'
    if kind == "dataset":
        return f'gymnasium.make("maxpo_bench:maxpo/Math-v0", dataset="{name}"{split})'
    return f'gymnasium.make("maxpo_bench:maxpo/TextReasoning-v0", task="{name}"{split})'


def _with_problems(card: Card) -> Card:
    """Add the numbers of problems and the example, or why there are none."""
    from maxpo_bench.envs.tasks import make_task

    first, *_ = card["problems"]
    try:
        made = {split: make_task(card["name"], split) for split in card["problems"]}
        example = _example(made[first], first)
        if card["kind"] == "reasoning_gym":
            card["options"] |= _source_options(card["name"])
        if card["name"] == "countdown":
            words = make_task("countdown", first, style="text").problem(0).question
            card["note"] = f'the question is in a notation for tiny models; with style="text" it is: {words}'
    except (ImportError, ValueError, TypeError, OSError, RuntimeError) as error:
        return card | {"note": f"no example: {error}"}
    return card | {"problems": {split: len(task) for split, task in made.items()}, "example": example}


def _with_data_set(card: Card) -> Card:
    """Add the numbers of problems from the table; the example only where that needs no download."""
    from maxpo_bench.envs.tasks import make_task
    from maxpo_bench.envs.tasks.dataset_table import DATASETS
    from maxpo_bench.envs.tasks.loading import DATA_VARIABLE

    card = card | {"problems": dict(DATASETS[card["name"]].rows)}
    if not os.environ.get(DATA_VARIABLE):
        note = f"no example: {DATA_VARIABLE} names no folder of data sets, and this command downloads nothing"
        return card | {"note": note}
    first, *_ = card["problems"]
    try:
        return card | {"example": _example(make_task(card["name"], first), first)}
    except (ImportError, ValueError, OSError) as error:
        return card | {"note": f"no example: {error}"}


def _example(task: Task, split: str) -> dict[str, str]:
    problem = task.problem(0)
    return {"split": split, "id": problem.id, "question": problem.question, "answer": problem.answer}


def _source_options(name: str) -> dict[str, Any]:
    """Return the fields of a data set's own configuration in reasoning-gym with their defaults."""
    from reasoning_gym.factory import DATASETS

    from maxpo_bench.envs.tasks.reasoning_gym import PREFIX

    config = DATASETS[name.removeprefix(PREFIX)][1]()
    return {field: _plain(value) for field, value in vars(config).items() if field not in _OWN_FIELDS}


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it."""
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    return str(value)
