"""Tasks by name: one registry for procedural tasks, data sets and a user's own."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from maxpo_bench.envs.tasks.dataset_table import DATASETS
from maxpo_bench.envs.tasks.math_task import make_known_task
from maxpo_bench.envs.tasks.splits import SPLITS
from maxpo_bench.envs.tasks.task import Task
from maxpo_bench.registry import Registry, UnknownNameError, suggest

TaskFactory = Callable[..., Task]

_ADAPTER_PREFIX = "reasoning_gym/"
_ADAPTER_SUMMARY = "reasoning-gym's data set of that name"


@dataclass(frozen=True, slots=True)
class TaskEntry:
    """One registered task.

    Attributes:
        factory: called as ``factory(split, **options)``; or "module:name" of it, imported on first use.
        summary: one line.
        kind: "procedural", "dataset", or what else the tasks' groups are called.
        splits: the splits it has.
    """

    factory: TaskFactory | str
    summary: str
    kind: str
    splits: tuple[str, ...]

    def load(self) -> TaskFactory:
        """Return the factory, imported if it is given as a string."""
        if not isinstance(self.factory, str):
            return self.factory
        module, _, attribute = self.factory.partition(":")
        return getattr(importlib.import_module(module), attribute)


_TASKS: Registry[TaskEntry] = Registry("task")


def register_task(
    name: str,
    factory: TaskFactory | str,
    *,
    summary: str,
    kind: str = "own",
    splits: Sequence[str] = SPLITS,
) -> None:
    """Make a task available to `make_task` and the text environments.

    A task of one's own::

        class Parity(Task):
            name = "parity"

            def __init__(self, split="train", *, size=100):
                self.split, self.size = split, size

            def __len__(self):
                return self.size

            def problem(self, index):
                if not 0 <= index < self.size:
                    raise IndexError(index)
                number = 2 * index + (self.split == "test")
                answer = "odd" if number.bit_count() % 2 else "even"
                question = f"Is the number of ones in {number:b} odd or even?"
                return Problem(f"parity/{self.split}/{index}", question, answer)

            def grade(self, problems, completions):
                return [
                    Grade("correct" if completion.strip() == problem.answer else "wrong", completion)
                    for problem, completion in zip(problems, completions, strict=True)
                ]

        register_task("parity", Parity, summary="Parity of a number's ones.")

    Args:
        name: a new name; the prefix "reasoning_gym/" is taken.
        factory: called as ``factory(split, **options)``, such as a Task class; or "module:name" of it, which is
            imported on first use.
        summary: one line that says what is asked.
        kind: the group it is listed in.
        splits: the splits that the factory takes.

    Raises:
        ValueError: the name is registered already or has the prefix, or there are no splits.
        TypeError: the name is no string, or the factory neither callable nor a string of that form.
    """
    _check_name(name)
    if name.startswith(_ADAPTER_PREFIX):
        raise ValueError(f"the prefix {_ADAPTER_PREFIX!r} is the adapter's: choose another name than {name!r}")
    if not (callable(factory) or (isinstance(factory, str) and all(factory.partition(":")))):
        raise TypeError(f"the factory of task {name!r} must be callable or 'module:name', got {factory!r}")
    if not splits or isinstance(splits, str):
        raise ValueError(f"task {name!r} needs a sequence of at least one split, got {splits!r}")
    _TASKS.register(name, TaskEntry(factory, summary, kind, tuple(splits)))


def unregister_task(name: str) -> None:
    """Remove a task from the registry.

    Raises:
        UnknownNameError: with the nearest known names.
    """
    _TASKS.unregister(name)


def make_task(name: str, split: str = "train", **options: Any) -> Task:
    """Return a task by name.

    Args:
        name: a registered name (`list_tasks`), or "reasoning_gym/" with a data set's name.
        split: which part of it.
        options: the task's own arguments, such as ``size`` and ``difficulty``.

    Raises:
        UnknownNameError: the name is unknown, with the nearest known ones.
        ValueError: the task has no such split, or an option is out of range.
        TypeError: the name is no string, the task has no such option, or the factory returned no Task.
    """
    _check_name(name)
    if name.startswith(_ADAPTER_PREFIX):
        from maxpo_bench.envs.tasks.reasoning_gym import make_reasoning_gym_task

        return make_reasoning_gym_task(name, split, **options)
    if name not in _TASKS:
        raise UnknownNameError(f"unknown task {name!r}.{suggest(name, task_names())}")
    entry = _TASKS.get(name)
    if split not in entry.splits:
        raise ValueError(f"task {name!r} has no split {split!r}: choose one of {', '.join(entry.splits)}")
    factory = entry.load()
    _check_options(name, factory, options)
    task = factory(split, **options)
    if not isinstance(task, Task):
        raise TypeError(f"the factory of task {name!r} must return a Task, got {type(task).__name__}")
    return task


def task_names() -> list[str]:
    """Return every name that `make_task` knows: the registered ones, then the adapter's."""
    return [*_TASKS.names(), *_adapter_names()]


def list_tasks() -> list[dict[str, Any]]:
    """Return one row per task.

    Returns:
        ``name``, ``kind``, ``summary``, ``splits`` (a tuple) and ``options`` (each option's default by its name;
        an option without default has ``inspect.Parameter.empty``).
    """
    rows = [
        {
            "name": name,
            "kind": entry.kind,
            "summary": entry.summary,
            "splits": entry.splits,
            "options": _options(entry.load()),
        }
        for name in _TASKS
        for entry in [_TASKS.get(name)]
    ]
    return rows + _adapter_rows()


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not name:
        raise TypeError(f"a task's name must be a string with at least one character, got {name!r}")


def _adapter_names() -> list[str]:
    from maxpo_bench.envs.tasks.reasoning_gym import reasoning_gym_names

    return list(reasoning_gym_names())


def _adapter_rows() -> list[dict[str, Any]]:
    from maxpo_bench.envs.tasks.reasoning_gym import make_reasoning_gym_task

    options = {name: value for name, value in _options(make_reasoning_gym_task).items() if name != "name"}
    shared = {"kind": "reasoning_gym", "summary": _ADAPTER_SUMMARY, "splits": SPLITS, "options": options}
    return [{"name": name, **shared} for name in _adapter_names()]


def _options(factory: TaskFactory) -> dict[str, Any]:
    """Return the defaults of a factory's options, without its split."""
    named = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(factory).parameters.values()
    return {part.name: part.default for part in parameters if part.kind in named and part.name != "split"}


def _check_options(name: str, factory: TaskFactory, options: dict[str, Any]) -> None:
    parameters = inspect.signature(factory).parameters.values()
    if any(part.kind is inspect.Parameter.VAR_KEYWORD for part in parameters):
        return
    known = _options(factory)
    for option in options:
        if option not in known:
            hint = f"{suggest(option, known)} It takes {', '.join(known)}." if known else " It takes none."
            raise TypeError(f"task {name!r} has no option {option!r}.{hint}")


for _name, (_factory, _summary) in {
    "countdown": ("countdown:Countdown", "Join digits by + - * to make a target, evaluated from left to right."),
    "chain_sum": ("chain_sum:ChainSum", "Add, subtract and multiply several numbers."),
    "counting": ("counting:Counting", "Count a letter in a string, or a word or a colour in a list."),
    "comparison": ("comparison:Comparison", "Find the largest or smallest of numbers, or their order."),
    "modular": ("modular:Modular", "Remainders of sums, products and powers."),
}.items():
    register_task(_name, f"maxpo_bench.envs.tasks.{_factory}", kind="procedural", summary=_summary)

for _known in DATASETS.values():
    register_task(
        _known.name,
        partial(make_known_task, _known.name),
        kind="dataset",
        summary=_known.summary,
        splits=tuple(_known.rows),
    )
