"""The questions of a recipe: a data set's, cleaned of evaluation problems, or a procedural task's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from maxpo_bench.envs.tasks import (
    Problem,
    Task,
    decontaminate,
    list_tasks,
    load_evaluation_sets,
    load_problems,
    make_task,
)
from maxpo_bench.llm.recipes.schema import Data


@dataclass(frozen=True, slots=True)
class Questions:
    """What is trained on.

    Attributes:
        problems: in the order of their source.
        task: whose own grade is the reward, None for mathematical answers in a box.
        removed: how many problems evaluation sets hold too, which are not among them.
    """

    problems: tuple[Problem, ...]
    task: Task | None
    removed: int

    def record(self) -> dict[str, Any]:
        """Return what names the set exactly: the numbers kept and removed, and the SHA-256 of what is kept."""
        return {"rows": len(self.problems), "removed": self.removed, "sha256": problems_digest(self.problems)}


def problems_digest(problems: Sequence[Problem]) -> str:
    """Return the SHA-256 of ids, questions and answers in order, as hexadecimal digits."""
    rows = [[problem.id, problem.question, problem.answer] for problem in problems]
    return hashlib.sha256(json.dumps(rows, separators=(",", ":")).encode()).hexdigest()


def is_task(data: Data) -> bool:
    """Whether the questions are those of a task that grades them itself, and not of a mathematical data set.

    A task's name is never taken for a path: write "./countdown" for a folder of that name.
    """
    return data.set in {row["name"] for row in list_tasks() if row["kind"] != "dataset"}


def load_questions(data: Data, *, from_cache: bool = False) -> Questions:
    r"""Return a recipe's questions.

    A file that `maxpo-bench llm prepare` wrote is not compared again with the evaluation sets that its report names.

    Args:
        data: what the recipe says of them.
        from_cache: never ask the hub, only its cache on this machine.

    Raises:
        UnknownNameError: neither a task, a known set, a path nor a hub name.
        MissingDataError: the data is not there.
        DataError: rows are malformed, missing, doubled or not as the table says.
        TypeError: a task does not have one of the options.
        ValueError: there are options of a data set, which has none, or nothing is left.
    """
    if is_task(data):
        if data.against:
            raise ValueError(f"data.against is for data sets: the splits of {data.set} share no problem, leave it out")
        task = make_task(data.set, data.split, **data.options)
        return Questions(tuple(task.problem(index) for index in range(len(task))), task, 0)
    if data.options:
        raise ValueError(f"data.options are a procedural task's, {data.set} is a data set: leave them out")
    with _offline() if from_cache else nullcontext():
        problems = load_problems(data.set, data.split, columns=_columns(data.set))
        against = [name for name in data.against if name not in compared_before(data.set)]
        kept = _cleaned(problems, against)
    if not kept:
        raise ValueError(f"no problem of {data.set} {data.split} is left: all are in {', '.join(against)}")
    return Questions(tuple(kept), None, len(problems) - len(kept))


def compared_before(path: str) -> list[str]:
    """Return the evaluation sets that `llm prepare` has removed from a file, by the report beside it.

    The report counts only for the very bytes that it names.
    """
    file = Path(path).expanduser()
    report = file.with_name(f"{file.name}.report.json")
    if not (file.is_file() and report.is_file()):
        return []
    found = json.loads(report.read_bytes())
    if found.get("output", {}).get("sha256") != hashlib.sha256(file.read_bytes()).hexdigest():
        return []
    return [entry["name"] for entry in found.get("against", [])]


def _offline() -> AbstractContextManager[None]:
    """Keep the hub's packages from asking it; without them nothing asks."""
    if find_spec("datasets") is None:
        return nullcontext()
    from maxpo_bench.envs.tasks.dataset_hub import offline

    return offline()


def _columns(path: str) -> dict[str, str] | None:
    """Return which column holds the problem in a file of ours, whose prompts are in a column of their own."""
    file = Path(path).expanduser()
    if file.suffix != ".jsonl" or not file.is_file():
        return None
    with file.open(encoding="utf-8-sig") as stream:
        first = stream.readline()
    try:
        row = json.loads(first)
    except ValueError:
        return None  # the loader says what is wrong, and where
    return {"problem": "problem"} if isinstance(row, dict) and {"problem", "prompt"} <= set(row) else None


def _cleaned(problems: Sequence[Problem], against: Sequence[str]) -> Sequence[Problem]:
    return decontaminate(problems, load_evaluation_sets(against)).kept if against else problems
