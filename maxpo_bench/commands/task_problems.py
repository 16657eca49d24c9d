"""A task as the command line names it: its options, and its problems by their ids."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from maxpo_bench.envs.tasks import Problem, Task


class TaskProblems:
    """The problems of a task by id.

    Args:
        task: most tasks' ids end in the problem's number, which is tried first; else all problems are made once.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        self._found: dict[str, Problem] = {}
        self._has_all = False

    def get(self, identity: str, where: str) -> Problem:
        """Return the problem of that id.

        Raises:
            ValueError: the task has none; the message begins with `where`.
        """
        if identity not in self._found and not self._has_all:
            self._look_for(identity)
        if identity not in self._found:
            raise ValueError(
                f"{where}: {self.task.name} {self.task.split} has no problem {identity!r}; its ids look like "
                f"{self.task.problem(0).id!r}: give the task's split and options, or another task"
            )
        return self._found[identity]

    def _look_for(self, identity: str) -> None:
        number = identity.rpartition("/")[2]
        if number.isdecimal() and int(number) < len(self.task):
            problem = self.task.problem(int(number))
            self._found[problem.id] = problem
        if identity not in self._found:
            self._found = {problem.id: problem for problem in map(self.task.problem, range(len(self.task)))}
            self._has_all = True


def parse_options(texts: Sequence[str], difficulty: int | None = None) -> dict[str, Any]:
    """Return a task's options from "name=value" texts; values are read as JSON where they are, else as text.

    Args:
        texts: such as ``["size=100", "style=text"]``.
        difficulty: shorthand for one of them.

    Raises:
        ValueError: a text has no "=", or an option is named twice.
    """
    options: dict[str, Any] = {} if difficulty is None else {"difficulty": difficulty}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise ValueError(f"--option {text!r} must be NAME=VALUE, such as size=100")
        if name in options:
            raise ValueError(f"option {name!r} of the task is given twice")
        try:
            options[name] = json.loads(value)
        except ValueError:
            options[name] = value
    return options
