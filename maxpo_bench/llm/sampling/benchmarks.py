"""What is asked: the problems of a data set, a procedural task or a file, under the name they are reported by."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from maxpo_bench.envs.tasks import MathTask, Problem, Task, load_problems, make_math_task, make_task

_COLLECTION = "reasoning_gym"


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Problems that are sampled and graded together.

    Attributes:
        name: what stands before the first "/" of the problems' ids (before the second of reasoning-gym's), as
            `maxpo_bench.evaluation.read_samples` has it; the task's name where problems of several sets are together.
        problems: in order, at least one.
        source: where they come from, as JSON.
        task: grades procedural problems; None where each problem's answer is a mathematical gold.
    """

    name: str
    problems: tuple[Problem, ...]
    source: Mapping[str, Any] = field(default_factory=dict)
    task: Task | None = None

    @property
    def file_name(self) -> str:
        """The name as part of a file's name."""
        return self.name.replace("/", "-")


def dataset_benchmark(
    name: str, split: str = "test", *, limit: int | None = None, data_dir: str | os.PathLike[str] | None = None
) -> Benchmark:
    """Return a data set of mathematical problems, see `maxpo_bench.envs.tasks.load_problems`.

    Args:
        name: a known name, a path or a hub name.
        split: its part.
        limit: only the first so many problems.
        data_dir: folder of data sets.

    Raises:
        UnknownNameError: no such data set.
        DataError: the data are missing or malformed.
        ValueError: the set has no such split, or the limit is below 1.
    """
    task = make_math_task(name, split, data_dir=data_dir)
    return _benchmark(task, limit, {"dataset": name, "split": split})


def task_benchmark(
    name: str, split: str = "test", *, limit: int | None = None, options: Mapping[str, Any] | None = None
) -> Benchmark:
    """Return the problems of a task by name, see `maxpo_bench.envs.tasks.make_task`.

    Args:
        name: such as "countdown" or "reasoning_gym/gcd".
        split: its part.
        limit: only the first so many problems.
        options: the task's own, such as ``{"difficulty": 5}``.

    Raises:
        UnknownNameError: no such task.
        TypeError: the task has no such option.
        ValueError: the task has no such split, an option is out of range, or the limit is below 1.
    """
    task = make_task(name, split, **(options or {}))
    return _benchmark(task, limit, {"task": name, "split": split, "options": dict(options or {})})


def file_benchmark(path: str | os.PathLike[str], *, limit: int | None = None) -> Benchmark:
    """Return the problems of a .jsonl or .parquet file with question and answer, as `llm prepare` writes them.

    Args:
        path: the file.
        limit: only the first so many problems.

    Raises:
        DataError: the file is missing or malformed.
        ValueError: the limit is below 1.
    """
    path = Path(path)
    task = MathTask(load_problems(path), name=path.stem, split="test")
    return _benchmark(task, limit, {"file": path.name})


def benchmark_name(problems: Sequence[Problem], otherwise: str) -> str:
    """Return what all problems' ids begin with, as `maxpo_bench.evaluation.read_samples` reads it, or the other."""
    names = {_prefix(problem.id) for problem in problems}
    return names.pop() or otherwise if len(names) == 1 else otherwise


def _prefix(identity: str) -> str:
    prefix, _, rest = identity.partition("/")
    if prefix == _COLLECTION and "/" in rest:
        return f"{prefix}/{rest.partition('/')[0]}"
    return prefix if rest else ""


def _benchmark(task: Task, limit: int | None, source: dict[str, Any]) -> Benchmark:
    if limit is not None and limit < 1:
        raise ValueError(f"limit must be at least 1 problem, got {limit}")
    count = len(task) if limit is None else min(limit, len(task))
    problems = tuple(task.problem(index) for index in range(count))
    own = None if isinstance(task, MathTask) else task
    return Benchmark(benchmark_name(problems, task.name), problems, {**source, "limit": limit}, own)
