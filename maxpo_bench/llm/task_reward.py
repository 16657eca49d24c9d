"""The reward function of any task for TRL: 1.0 for a completion that the task's own verifier calls correct."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from maxpo_bench.envs.tasks.task import Problem, Task
from maxpo_bench.llm.completion_text import Completion, completion_text
from maxpo_bench.llm.grade_log import LogExtra, LogMetric, log_grades

RewardFunction = Callable[..., list[float]]


def task_reward(task: Task, problems: Iterable[Problem] | None = None) -> RewardFunction:
    """Return a reward function whose data set has a column "problem_id".

    It takes the whole batch, as TRL's trainers call it, and logs the metrics "<task>/<status>", the fraction of
    completions of each status, and in the table of completions the columns "status" and "extracted". Of a conversation
    the last message of the assistant counts.

    Args:
        task: whose `grade` decides.
        problems: those that may be asked for; None for all of the task, which are then made here.

    Raises:
        ValueError: there are no problems, or two have the same id.
    """
    asked = list(problems) if problems is not None else [task.problem(index) for index in range(len(task))]
    known = {problem.id: problem for problem in asked}
    if not known:
        raise ValueError(f"{task.name} needs at least one problem")
    # A procedural train split may draw a problem's number once only, so equal ids are an error of the task's.
    if len(known) < len(asked):
        twice = next(key for key, count in Counter(problem.id for problem in asked).items() if count > 1)
        raise ValueError(f"two problems of {task.name} have the id {twice}: rewards are found by id")

    def reward(
        completions: Sequence[Completion],
        problem_id: Sequence[str] | None = None,
        log_extra: LogExtra | None = None,
        log_metric: LogMetric | None = None,
        **kwargs: Any,
    ) -> list[float]:
        if problem_id is None:
            raise ValueError("the data set needs a column 'problem_id'")
        unknown = next((key for key in problem_id if key not in known), None)
        if unknown is not None:
            raise ValueError(f"{task.name} {task.split} has no problem {unknown!r}: is the data set another task's?")
        texts = [completion_text(each, f"completions[{index}]") for index, each in enumerate(completions)]
        grades = task.grade([known[key] for key in problem_id], texts)
        log_grades(task.name, grades, log_extra, log_metric)
        return [grade.reward for grade in grades]

    reward.__name__ = f"{task.name}_reward"
    return reward
