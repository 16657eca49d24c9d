"""Question sources and verifiers: what the text environments and the language-model track ask and grade.

Names load on first use: importing this package loads neither sympy nor any data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maxpo_bench.lazy import lazy_names

if TYPE_CHECKING:
    from maxpo_bench.envs.tasks.dataset_files import DataError, MissingDataError
    from maxpo_bench.envs.tasks.dataset_table import DATASETS
    from maxpo_bench.envs.tasks.decontamination import DecontaminationReport, decontaminate
    from maxpo_bench.envs.tasks.grade import STATUSES, Grade, Status
    from maxpo_bench.envs.tasks.grading.api import agrade_answers, configure_grader, grade_answers
    from maxpo_bench.envs.tasks.grading.jobs import GraderError
    from maxpo_bench.envs.tasks.grading.service import Grader
    from maxpo_bench.envs.tasks.grading.tally import GraderStats
    from maxpo_bench.envs.tasks.loading import load_evaluation_sets, load_problems
    from maxpo_bench.envs.tasks.math_task import MathTask, make_math_task
    from maxpo_bench.envs.tasks.reasoning_gym import (
        ReasoningGymTask,
        excluded_reasoning_gym,
        make_reasoning_gym_task,
        reasoning_gym_names,
    )
    from maxpo_bench.envs.tasks.registry import list_tasks, make_task, register_task, task_names, unregister_task
    from maxpo_bench.envs.tasks.task import MAX_ANSWER_LENGTH, MAX_QUESTION_LENGTH, Problem, Task

__all__ = [
    "DATASETS",
    "MAX_ANSWER_LENGTH",
    "MAX_QUESTION_LENGTH",
    "STATUSES",
    "DataError",
    "DecontaminationReport",
    "Grade",
    "Grader",
    "GraderError",
    "GraderStats",
    "MathTask",
    "MissingDataError",
    "Problem",
    "ReasoningGymTask",
    "Status",
    "Task",
    "agrade_answers",
    "configure_grader",
    "decontaminate",
    "excluded_reasoning_gym",
    "grade_answers",
    "list_tasks",
    "load_evaluation_sets",
    "load_problems",
    "make_math_task",
    "make_reasoning_gym_task",
    "make_task",
    "reasoning_gym_names",
    "register_task",
    "task_names",
    "unregister_task",
]

_MODULES = {
    "DATASETS": "dataset_table",
    "MAX_ANSWER_LENGTH": "task",
    "MAX_QUESTION_LENGTH": "task",
    "STATUSES": "grade",
    "DataError": "dataset_files",
    "DecontaminationReport": "decontamination",
    "Grade": "grade",
    "Grader": "grading.service",
    "GraderError": "grading.jobs",
    "GraderStats": "grading.tally",
    "MathTask": "math_task",
    "MissingDataError": "dataset_files",
    "Problem": "task",
    "ReasoningGymTask": "reasoning_gym",
    "Status": "grade",
    "Task": "task",
    "agrade_answers": "grading.api",
    "configure_grader": "grading.api",
    "decontaminate": "decontamination",
    "excluded_reasoning_gym": "reasoning_gym",
    "grade_answers": "grading.api",
    "list_tasks": "registry",
    "load_evaluation_sets": "loading",
    "load_problems": "loading",
    "make_math_task": "math_task",
    "make_reasoning_gym_task": "reasoning_gym",
    "make_task": "registry",
    "reasoning_gym_names": "reasoning_gym",
    "register_task": "registry",
    "task_names": "registry",
    "unregister_task": "registry",
}

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
