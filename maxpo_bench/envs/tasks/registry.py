"""Tasks by name: one registry for procedural tasks, data sets and a user's own."""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from maxpo_bench.envs.tasks.dataset_table import DATASETS
from maxpo_bench.envs.tasks.math_task import make_known_task
from maxpo_bench.envs.tasks.reasoning_gym import (
    make_reasoning_gym_task,
    reasoning_gym_names,
)
from maxpo_bench.envs.tasks.reasoning_gym_admission import ADMITTED, EXCLUDED
from maxpo_bench.envs.tasks.splits import SPLITS
from maxpo_bench.envs.tasks.task import Task
from maxpo_bench.registry import Registry, UnknownNameError, suggest

TaskFactory = Callable[..., Task]

_ADAPTER_PREFIX = "reasoning_gym/"
_WHERE = r"the last \boxed{} after </think>, else the whole text after </think>"
_BOXED_VALUE = r"in the last \boxed{} after </think>: any text of the reference's value; nothing outside a box is read"


@dataclass(frozen=True, slots=True)
class TaskEntry:
    """One registered task.

    Attributes:
        factory: called as ``factory(split, **options)``; or "module:name" of it, imported on first use.
        summary: one line.
        kind: "procedural", "dataset", or what else the tasks' groups are called.
        splits: the splits it has.
        answer: how an answer must look, "" where nothing is said of it.
    """

    factory: TaskFactory | str
    summary: str
    kind: str
    splits: tuple[str, ...]
    answer: str = ""

    def load(self) -> TaskFactory:
        """Return the factory, imported if it is given as a string."""
        if not isinstance(self.factory, str):
            return self.factory
        module, _, attribute = self.factory.partition(":")
        return getattr(importlib.import_module(module), attribute)

    def options(self) -> dict[str, Any] | None:
        """Return the defaults of the factory's options, None where it cannot be imported or inspected."""
        try:
            return _options(self.load())
        except Exception:
            # an import runs code that may raise anything; one broken task must not hide the others
            return None


_TASKS: Registry[TaskEntry] = Registry("task")


def register_task(
    name: str,
    factory: TaskFactory | str,
    *,
    summary: str,
    kind: str = "own",
    splits: Sequence[str] = SPLITS,
    answer: str = "",
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
        answer: how an answer must look, for people.

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
    _TASKS.register(name, TaskEntry(factory, summary, kind, tuple(splits), answer))


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
        ValueError: the task has no such split, an option is out of range, or the data set of reasoning-gym is excluded.
        TypeError: the name is no string, the task has no such option, or the factory returned no Task.
        ImportError: the task's factory, or a package that it needs, cannot be imported.
    """
    _check_name(name)
    if name.startswith(_ADAPTER_PREFIX):
        return make_reasoning_gym_task(name, split, **options)
    if name not in _TASKS:
        raise unknown_task(name)
    entry = _TASKS.get(name)
    if split not in entry.splits:
        raise ValueError(f"task {name!r} has no split {split!r}: choose one of {', '.join(entry.splits)}")
    factory = _load(name, entry)
    _check_options(name, factory, options)
    task = factory(split, **options)
    if not isinstance(task, Task):
        raise TypeError(f"the factory of task {name!r} must return a Task, got {type(task).__name__}")
    return task


def unknown_task(name: str) -> UnknownNameError:
    """Return the error that an unknown name is answered with: the nearest names, or why it is excluded."""
    return UnknownNameError(f"unknown task {name!r}.{_suggest_task(name)}")


def task_names() -> list[str]:
    """Return every name that `make_task` knows: the registered ones, then the adapter's."""
    return [*_TASKS.names(), *reasoning_gym_names()]


def list_tasks() -> list[dict[str, Any]]:
    """Return one row per task.

    Returns:
        ``name``, ``kind``, ``summary``, ``splits`` (a tuple), ``options`` (each option's default by its name; an
        option without default has ``inspect.Parameter.empty``; None in place of all where the factory cannot be
        imported) and ``answer`` (how an answer must look). The data sets of reasoning-gym are among them whether or
        not it is installed, and have options of their own beside these.
    """
    rows = [
        {
            "name": name,
            "kind": entry.kind,
            "summary": entry.summary,
            "splits": entry.splits,
            "options": entry.options(),
            "answer": entry.answer,
        }
        for name in _TASKS
        for entry in [_TASKS.get(name)]
    ]
    return rows + _adapter_rows()


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not name:
        raise TypeError(f"a task's name must be a string with at least one character, got {name!r}")


def _load(name: str, entry: TaskEntry) -> TaskFactory:
    """Return the factory.

    Raises:
        ImportError: it cannot be imported: a ModuleNotFoundError where a module is missing.
    """
    try:
        return entry.load()
    except (ImportError, AttributeError) as error:
        kind = ModuleNotFoundError if isinstance(error, ModuleNotFoundError) else ImportError
        message = f"the factory {entry.factory!r} of task {name!r} cannot be imported: {error}"
        raise kind(message, name=getattr(error, "name", None)) from error


def _suggest_task(name: str) -> str:
    """Return the nearest names with their prefix, why that one is excluded, or the names that are not the adapter's."""
    if name in EXCLUDED:
        return f" {_ADAPTER_PREFIX}{name} is excluded: {EXCLUDED[name]}."
    known = {full.removeprefix(_ADAPTER_PREFIX): full for full in reversed(task_names())}
    known |= {full: full for full in task_names()}
    near = [known[each] for each in difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.6)]
    if near:
        return " Did you mean " + " or ".join(repr(each) for each in dict.fromkeys(near)) + "?"
    return f" Known: {', '.join(_TASKS)}, and {len(ADMITTED)} data sets of reasoning-gym: list_tasks() has them all."


def _adapter_rows() -> list[dict[str, Any]]:
    options = {name: value for name, value in _options(make_reasoning_gym_task).items() if name != "name"}
    return [
        {
            "name": name,
            "kind": "reasoning_gym",
            "summary": f"reasoning-gym's data set {name.removeprefix(_ADAPTER_PREFIX)}.",
            "splits": SPLITS,
            "options": options,
            "answer": f"{_WHERE}: the reference, character by character"
            + (f"; also accepted: {accepted}" if accepted else ""),
        }
        for name, accepted in zip(reasoning_gym_names(), ADMITTED.values(), strict=True)
    ]


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


for _name, (_factory, _summary, _answer) in {
    "countdown": (
        "countdown:Countdown",
        'Join digits by + - * to make a target, evaluated from left to right; for a language model with style="text".',
        "an expression such as 9+7+5+3 with all the digits, any that makes the target",
    ),
    "chain_sum": ("chain_sum:ChainSum", "Add, subtract and multiply several numbers.", "an integer"),
    "counting": ("counting:Counting", "Count a letter in a string, or a word or a colour in a list.", "an integer"),
    "comparison": (
        "comparison:Comparison",
        "Find the largest or smallest of numbers, or their order.",
        "a number of the right value, as integer, decimal or fraction; for an order all of them, with commas",
    ),
    "modular": ("modular:Modular", "Remainders of sums, products and powers.", "an integer"),
}.items():
    register_task(
        _name,
        f"maxpo_bench.envs.tasks.{_factory}",
        kind="procedural",
        summary=_summary,
        answer=f"{_WHERE}: {_answer}",
    )

for _known in DATASETS.values():
    register_task(
        _known.name,
        partial(make_known_task, _known.name),
        kind="dataset",
        summary=_known.summary,
        splits=tuple(_known.rows),
        answer=_BOXED_VALUE,
    )
