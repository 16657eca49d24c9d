r"""Rewards of mathematical answers for TRL and for verl: 1.0 for a right answer in a box, else 0.0.

Both use the grader of the process (`maxpo_bench.envs.tasks.grade_answers`): an answer that hangs or crashes the
comparison costs its limit and earns 0.0, as a wrong one does; how often that happens is reported, never hidden. Neither
library needs to be installed, and torch is not imported here.

TRL: ``GRPOTrainer(reward_funcs=math_reward, train_dataset=...)``, whose data set has a column "answer" with the
reference answer alone (not GSM8K's "... #### 18": `maxpo_bench.envs.tasks.load_problems` reads 18 from it).

verl: ``reward.custom_reward_function.path=pkg://maxpo_bench.llm.rewards`` with ``name=compute_score``, or
``name=acompute_score`` for its asynchronous reward managers, which then hold no thread while an answer is compared.

`maxpo_bench.envs.tasks.configure_grader` sets the grader's limits in this process; Ray's workers inherit the variables
MAXPO_BENCH_GRADER_WORKERS and MAXPO_BENCH_GRADER_TIME_LIMIT.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any

from maxpo_bench.envs.tasks.grade import Grade
from maxpo_bench.envs.tasks.grading.api import agrade_answers, grade_answers, shared_grader
from maxpo_bench.envs.tasks.grading.golds import check_gold
from maxpo_bench.llm.completion_text import completion_text
from maxpo_bench.llm.grade_log import LogExtra, LogMetric, log_grades

_logger = logging.getLogger(__name__)

Message = Mapping[str, Any]
# What TRL's trainers pass beside the data set's columns.
_TRL_ARGUMENTS = {"prompts", "completion_ids", "trainer_state", "environments"}


def math_reward(
    completions: Sequence[str] | Sequence[Sequence[Message]],
    answer: Sequence[str | int | None] | None = None,
    log_extra: LogExtra | None = None,
    log_metric: LogMetric | None = None,
    **kwargs: Any,
) -> list[float | None]:
    r"""Reward completions in TRL: its trainers call this with the whole batch.

    Logs the metrics "math_reward/<status>", the fraction of completions of each status, and in the table of
    completions the columns "status" and "extracted".

    Args:
        completions: texts, or conversations, of which the last message of the assistant counts.
        answer: the data set's column of reference answers, texts or whole numbers, each the answer alone; None in rows
            that another reward function is for. Required.
        log_extra: given by the trainer.
        log_metric: given by the trainer.
        **kwargs: the data set's other columns and what else the trainer gives; named where "answer" is missing.

    Returns:
        One reward per completion: 1.0 or 0.0, and None, which TRL leaves out, where the reference answer is None.

    Raises:
        TypeError: an answer is neither a string, a whole number nor None, or a completion is neither a string nor a
            conversation.
        ValueError: there is no ``answer``, the two have different lengths, or an answer is empty, holds "####" or a
            box, which would make every completion wrong.
        GraderError: answers cannot be compared at all.
    """
    if answer is None:
        columns = ", ".join(sorted(set(kwargs) - _TRL_ARGUMENTS)) or "no other columns"
        raise ValueError(f"the data set needs a column 'answer'; it has: {columns}")
    if len(completions) != len(answer):
        raise ValueError(f"{len(completions)} completions and {len(answer)} answers: give one answer per completion")
    asked = [index for index, gold in enumerate(answer) if gold is not None]
    golds = [_gold(answer[index], f"answer[{index}]") for index in asked]
    grades = grade_answers(golds, [completion_text(completions[index], f"completions[{index}]") for index in asked])
    _report(grades)
    found: list[Grade | None] = [None] * len(answer)
    for index, grade in zip(asked, grades, strict=True):
        found[index] = grade
    log_grades("math_reward", found, log_extra, log_metric)
    return [grade.reward if grade else None for grade in found]


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: str | int,
    extra_info: Mapping[str, Any] | None = None,
    **kwargs: Any,
) -> dict[str, Any]:
    """Reward one completion in verl; for all its reward managers that score one sample at a time.

    Args:
        data_source: not used.
        solution_str: the completion.
        ground_truth: the reference answer alone, a text or a whole number.
        extra_info: not used.
        **kwargs: what else a reward manager gives; not used.

    Returns:
        "score" and "acc", 1.0 or 0.0; "pred", the extracted answer, which verl's majority votes are taken on, empty
        where there is none or it is too long; "status"; "unjudged", 1.0 where the comparison timed out or crashed.
        verl keeps them with each sample and reports the means of the numbers when it validates.

    Raises:
        TypeError: the completion is not a string, or the reference answer neither a string nor a whole number.
        ValueError: the reference answer is empty, holds "####" or a box, which would make every completion wrong.
        GraderError: answers cannot be compared at all.
    """
    return _score(grade_answers(*_one(ground_truth, solution_str))[0])


async def acompute_score(
    data_source: str,
    solution_str: str,
    ground_truth: str | int,
    extra_info: Mapping[str, Any] | None = None,
    **kwargs: Any,
) -> dict[str, Any]:
    """Reward one completion as `compute_score` does, without blocking the event loop of verl's reward worker."""
    return _score((await agrade_answers(*_one(ground_truth, solution_str)))[0])


def _one(ground_truth: Any, solution: Any) -> tuple[list[str], list[str]]:
    if not isinstance(solution, str):
        raise TypeError(f"solution_str must be a string, got {solution!r} of type {type(solution).__name__}")
    return [_gold(ground_truth, "ground_truth")], [solution]


def _gold(value: Any, name: str) -> str:
    """Return a reference answer as text."""
    if isinstance(value, Integral) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string or a whole number, got {value!r} of type {type(value).__name__}")
    check_gold(value, name)
    return value


def _score(grade: Grade) -> dict[str, Any]:
    _report([grade])
    # verl packs the texts of a batch into one array, each as wide as the longest.
    prediction = "" if grade.status == "too_long" else grade.extracted or ""
    return {
        "score": grade.reward,
        "acc": grade.reward,
        "pred": prediction,
        "status": grade.status,
        "unjudged": float(_is_unjudged(grade)),
    }


def _is_unjudged(grade: Grade) -> bool:
    return grade.status in ("timeout", "crash")


def _report(grades: Sequence[Grade]) -> None:
    """Warn of comparisons that were stopped: of the first, and each time their number in this process has doubled."""
    new = sum(map(_is_unjudged, grades))
    if new:
        stats = shared_grader().stats()
        total = stats.statuses["timeout"] + stats.statuses["crash"]
        if total.bit_length() != max(0, total - new).bit_length():
            _logger.warning("%d answers could not be compared and were rewarded 0 so far: %s", total, stats)
