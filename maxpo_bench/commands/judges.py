"""Who grades completions: the grader of mathematical answers by a gold, or a procedural task by its own rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from maxpo_bench.commands.task_problems import TaskProblems
from maxpo_bench.commands.ungraded import Sample
from maxpo_bench.envs.tasks import Grade, Grader


class Judge(Protocol):
    """Grades samples, from several threads at once."""

    def grade(self, samples: Sequence[Sample]) -> list[Grade]:
        """Judge each sample, in order."""
        ...

    def close(self) -> None:
        """End what is being graded."""
        ...


class GoldJudge:
    """Compares mathematical answers with the samples' golds, in processes of its own."""

    def __init__(self, workers: int | None, time_limit: float) -> None:
        self._grader = Grader(workers, time_limit=time_limit)

    def grade(self, samples: Sequence[Sample]) -> list[Grade]:
        """Judge each sample, in order."""
        golds, completions = [sample.kept["gold"] for sample in samples], [sample.completion for sample in samples]
        return self._grader.grade(golds, completions)

    def close(self) -> None:
        """End what is being graded."""
        self._grader.close()


class TaskJudge:
    """Asks a task."""

    def __init__(self, problems: TaskProblems) -> None:
        self._problems = problems

    def grade(self, samples: Sequence[Sample]) -> list[Grade]:
        """Judge each sample, in order."""
        problems = [self._problems.get(sample.kept["problem_id"], sample.where) for sample in samples]
        return self._problems.task.grade(problems, [sample.completion for sample in samples])

    def close(self) -> None:
        """Do nothing: a task's grading is short."""
