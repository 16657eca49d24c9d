"""Math: the problems of a data set, answered in text and graded by the value of the boxed answer."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import Any

from gymnasium.vector import AutoresetMode

from maxpo_bench.envs.checks import StrictArguments
from maxpo_bench.envs.tasks.dataset_table import AnswerFrom
from maxpo_bench.envs.tasks.task import Task
from maxpo_bench.envs.text_env import TextEnv
from maxpo_bench.envs.text_vector import TextVectorEnv


class MathEnv(StrictArguments, TextEnv):
    r"""A mathematical problem, answered in text: reward 1 where the boxed answer has the right value.

    **Mission.** Solve the problem; with a group of answers to one problem, make the *best* of them right. Max@K of
    rewards 0 and 1 is pass@K, the objective of the paper's language-model experiments (arXiv 2606.06080).

    **Observation.** ``UnicodeText(16384)``: the problem alone, without any prompt (`maxpo_bench.llm.prompts` has those,
    with the request for a box); after the step the problem again.

    **Action.** ``UnicodeText(262144)``: the whole completion as text. Its answer is the content of the last balanced
    ``\boxed{}``, after ``</think>`` if there is one; nothing else is read.

    **Reward.** 1.0 where the answer equals the reference in value (`maxpo_bench.envs.tasks.grade_answers`), else 0.0.

    **Episode.** One step: every step terminates. It is never truncated. ``info`` has ``problem_id`` and ``index`` of
    the problem, after the step also ``status`` (why there is no reward, if there is none) and ``extracted``, the
    content of the box, and never the reference answer. ``reset(options={"index": i})`` asks problem ``i``. Stepping
    again before ``reset`` raises ``gymnasium.error.ResetNeeded``.

    **Seeds.** The data set is what it is; ``reset(seed=...)`` decides which of its problems are asked, each with the
    same probability, and nothing else. A copy of `MathVectorEnv` with the same seed asks the same.

    **Ids.** ``maxpo/Math-v0`` with ``gymnasium.make`` and, as `MathVectorEnv`, with ``gymnasium.make_vec``.

    Args:
        dataset: a known name ("gsm8k", "math", "math500", "aime24", "aime25", "amc23", "amc83", "minerva",
            "gsm8k+math1"), the path of a jsonl or parquet file or of a folder of such, or a hub name "owner/name".
        split: which part of it; None takes "train" where the set has it, else its only one: "test" for the sets made
            for evaluation. ``task.split`` says which.
        data_dir: folder of data sets, for known names; None takes the environment variable MAXPO_BENCH_DATA, else the
            hub.
        levels: only problems of these levels, or of this one, where the set has any.
        subjects: only problems of these subjects, or of this one, where the set has any.
        columns: for other sets than the known ones: the names of their columns, as for
            `maxpo_bench.envs.tasks.load_problems`.
        answer_from: for other sets than the known ones: where the answer is, "plain", "hash" or "boxed".
        check: whether a known set must have the rows and answers that it is known to have.
        render_mode: None or "ansi".

    Raises:
        UnknownNameError: no known name, path or hub name, with a suggestion; or an unknown render mode.
        MissingDataError: the data, or a package that reads it, is not there.
        DataError: the data is malformed, or not what it is known to be.
        TypeError: an argument is unknown or of the wrong type.
        ValueError: the set has no such split, level or subject; or no split is asked for, and the set has several
            without "train".
    """

    name = "maxpo/Math-v0"

    def __init__(
        self,
        dataset: str | os.PathLike[str] = "gsm8k",
        split: str | None = None,
        data_dir: str | os.PathLike[str] | None = None,
        levels: int | Collection[int] | None = None,
        subjects: str | Collection[str] | None = None,
        columns: Mapping[str, str] | None = None,
        answer_from: AnswerFrom | None = None,
        check: bool = True,
        render_mode: str | None = None,
    ) -> None:
        found = _load(dataset, split, data_dir, levels, subjects, columns, answer_from, check)
        self._set_up(*found, render_mode)


class MathVectorEnv(StrictArguments, TextVectorEnv):
    """A batch of problems of one data set; each step grades all completions with one call.

    Problems, rewards and seeds are those of `MathEnv`: with the same list of seeds both ask the same. Observations are
    tuples of ``num_envs`` texts, actions lists, tuples or arrays of them. Groups of one problem are as for
    `maxpo_bench.envs.TextReasoningVectorEnv`.

    Args:
        num_envs: batch size, at least 1.
        dataset: as for `MathEnv`.
        split: as for `MathEnv`.
        data_dir: as for `MathEnv`.
        levels: as for `MathEnv`.
        subjects: as for `MathEnv`.
        columns: as for `MathEnv`.
        answer_from: as for `MathEnv`.
        check: as for `MathEnv`.
        render_mode: as for `MathEnv`; `render` then gives a tuple with one text per environment.
        group_size: how many consecutive environments share a problem, a divisor of ``num_envs``.
        autoreset_mode: DISABLED (with masked reset), NEXT_STEP or SAME_STEP, as a member of ``AutoresetMode``, its
            value ("SameStep") or its name. In NEXT_STEP every second step of this one-step task only resets.

    Raises:
        UnknownNameError: as for `MathEnv`, or an unknown autoreset mode.
        MissingDataError: the data, or a package that reads it, is not there.
        DataError: the data is malformed, or not what it is known to be.
        TypeError: an argument is unknown or of the wrong type.
        ValueError: as for `MathEnv`, or ``group_size`` does not divide ``num_envs``.
    """

    name = MathEnv.name

    def __init__(
        self,
        num_envs: int = 1,
        dataset: str | os.PathLike[str] = "gsm8k",
        split: str | None = None,
        data_dir: str | os.PathLike[str] | None = None,
        levels: int | Collection[int] | None = None,
        subjects: str | Collection[str] | None = None,
        columns: Mapping[str, str] | None = None,
        answer_from: AnswerFrom | None = None,
        check: bool = True,
        render_mode: str | None = None,
        group_size: int = 1,
        autoreset_mode: AutoresetMode | str = AutoresetMode.DISABLED,
    ) -> None:
        found = _load(dataset, split, data_dir, levels, subjects, columns, answer_from, check)
        self._set_up(*found, num_envs, group_size, render_mode, autoreset_mode)


def _load(
    dataset: str | os.PathLike[str],
    split: str | None,
    data_dir: str | os.PathLike[str] | None,
    levels: int | Collection[int] | None,
    subjects: str | Collection[str] | None,
    columns: Mapping[str, str] | None,
    answer_from: AnswerFrom | None,
    check: bool,
) -> tuple[Task, tuple[Any, ...]]:
    """Return the task, and the arguments that made it."""
    from maxpo_bench.envs.tasks.loading import default_split
    from maxpo_bench.envs.tasks.math_task import make_math_task

    if not isinstance(dataset, str | os.PathLike):
        raise TypeError(f"dataset must be a name or a path, got {type(dataset).__name__}")
    split = default_split(dataset) if split is None else split
    task = make_math_task(
        dataset,
        split,
        data_dir=data_dir,
        levels=levels,
        subjects=subjects,
        columns=columns,
        answer_from=answer_from,
        check=check,
    )
    folder = None if data_dir is None else os.fspath(data_dir)
    return task, (os.fspath(dataset), split, folder, levels, subjects, columns, answer_from, check)
