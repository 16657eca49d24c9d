r"""Mathematical questions of a data set as a task, graded by the content of the last ``\boxed{}``."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence

from maxpo_bench.envs.tasks.dataset_checks import check_structure
from maxpo_bench.envs.tasks.dataset_table import DATASETS, AnswerFrom, dataset_named
from maxpo_bench.envs.tasks.grade import Grade
from maxpo_bench.envs.tasks.loading import load_problems
from maxpo_bench.envs.tasks.task import Problem, Task


class MathTask(Task):
    r"""A list of mathematical problems.

    A completion is right where the content of its last balanced ``\boxed{}`` equals the problem's answer in value
    (`maxpo_bench.envs.tasks.grade_answers`). Nothing outside a box is read.

    Args:
        problems: the problems, at least one, with ids that differ.
        name: what the task is called.
        split: what part of its source it is.

    Raises:
        DataError: there are no problems, ids are doubled, or questions or answers are missing or too long.
    """

    def __init__(self, problems: Iterable[Problem], *, name: str, split: str) -> None:
        self.name = name
        self.split = split
        self._problems = tuple(problems)
        check_structure(self._problems, f"{name} {split}", [f"problem {i}" for i in range(len(self._problems))])

    def __len__(self) -> int:
        """Number of problems."""
        return len(self._problems)

    def __repr__(self) -> str:
        """Name, split and size."""
        return f"<{self.name} {self.split}, {len(self)} problems>"

    def problem(self, index: int) -> Problem:
        """Return a problem.

        Raises:
            IndexError: the index is not in [0, len(self)).
        """
        if not 0 <= index < len(self):
            raise IndexError(f"{self.name} {self.split} has the problems 0 to {len(self) - 1}, got {index}")
        return self._problems[index]

    def grade(self, problems: Sequence[Problem], completions: Sequence[str]) -> list[Grade]:
        """Judge one completion per problem, all at once.

        Raises:
            ValueError: the two have different lengths.
        """
        from maxpo_bench.envs.tasks.grading.api import grade_answers

        if len(problems) != len(completions):
            raise ValueError(f"got {len(completions)} completions for {len(problems)} problems: give one for each")
        return grade_answers([problem.answer for problem in problems], completions)


def make_math_task(
    dataset: str | os.PathLike[str],
    split: str = "test",
    *,
    data_dir: str | os.PathLike[str] | None = None,
    levels: int | Collection[int] | None = None,
    subjects: str | Collection[str] | None = None,
    columns: Mapping[str, str] | None = None,
    answer_from: AnswerFrom | None = None,
    check: bool = True,
) -> MathTask:
    """Return the task of a data set.

    Args:
        dataset: a known name, a path or a hub name.
        split: its part.
        data_dir: folder of data sets.
        levels: only problems of these levels, or of this one.
        subjects: only problems of these subjects, or of this one.
        columns: see `load_problems`, as for all arguments.
        answer_from: how answers are read.
        check: whether the set must be as the table says.

    Raises:
        UnknownNameError: neither a known name, a path nor a hub name.
        MissingDataError: the data, or a package that reads it, is not there.
        DataError: rows are malformed, missing, doubled or not as the table says.
        TypeError: levels or subjects are of the wrong type.
        ValueError: the set has no such split, level or subject.
    """
    problems = load_problems(
        dataset,
        split,
        data_dir=data_dir,
        levels=levels,
        subjects=subjects,
        columns=columns,
        answer_from=answer_from,
        check=check,
    )
    name = os.fspath(dataset)
    return MathTask(problems, name=name if name in DATASETS else problems[0].id.partition("/")[0], split=split)


def make_known_task(
    dataset: str,
    split: str = "test",
    *,
    data_dir: str | os.PathLike[str] | None = None,
    levels: int | Collection[int] | None = None,
    subjects: str | Collection[str] | None = None,
    check: bool = True,
) -> MathTask:
    """Return the task of a data set of the table, as the registry of tasks makes it.

    Args:
        dataset: its name.
        split: its part.
        data_dir: folder of data sets; see `load_problems`, as for all arguments.
        levels: only problems of these levels, or of this one.
        subjects: only problems of these subjects, or of this one.
        check: whether the set must be as the table says.

    Raises:
        UnknownNameError: no data set has that name.
        MissingDataError: the data, or a package that reads it, is not there.
        DataError: rows are malformed, missing, doubled or not as the table says.
        TypeError: levels or subjects are of the wrong type.
        ValueError: the set has no such split, level or subject.
    """
    known = dataset_named(dataset)
    return make_math_task(known.name, split, data_dir=data_dir, levels=levels, subjects=subjects, check=check)
