"""TextReasoning: the questions of any registered task, answered in text and graded by the task's own verifier."""

from __future__ import annotations

from typing import Any

from gymnasium.vector import AutoresetMode

from maxpo_bench.envs.tasks.task import Task
from maxpo_bench.envs.text_env import TextEnv
from maxpo_bench.envs.text_vector import TextVectorEnv

_VECTOR_ARGUMENTS = ("num_envs", "group_size", "autoreset_mode")


class TextReasoningEnv(TextEnv):
    """A question in text, answered in text: reward 1 where the task's verifier finds it right.

    **Mission.** Answer the question; with a group of answers to one question, make the *best* of them right. Max@K of
    rewards 0 and 1 is pass@K, the objective of the paper's language-model experiments (arXiv 2606.06080).

    **Observation.** ``UnicodeText(16384)``: the question alone, without any prompt (`maxpo_bench.llm.prompts` has
    those); after the step the question again. The default task, "countdown", asks in a notation for tiny models
    trained on it: "3579=024:" wants an expression such as "9+7+5+3", with all the digits, whose value from left to
    right is 24. With ``style="text"`` it asks the same in words, as all other tasks do: take that for a language model.

    **Action.** ``UnicodeText(262144)``: the whole answer as text; what of it counts is the task's to say
    (``maxpo-bench tasks NAME`` shows it, with an example; ``list_tasks()`` has it as ``answer``).

    **Reward.** 1.0 where ``task.grade`` says "correct", else 0.0; there is no partial credit.

    **Episode.** One step: every step terminates. It is never truncated. ``info`` has ``problem_id`` and ``index`` of
    the question, after the step also ``status`` and ``extracted``, the answer as it was read, and never the reference
    answer. ``reset(options={"index": i})`` asks problem ``i``. Stepping again before ``reset`` raises
    ``gymnasium.error.ResetNeeded``.

    **Seeds.** The task's own options decide its problems; ``reset(seed=...)`` decides which of them are asked, each
    with the same probability, and nothing else. A copy of `TextReasoningVectorEnv` with the same seed asks the same.

    **Ids.** ``maxpo/TextReasoning-v0`` with ``gymnasium.make`` and, as `TextReasoningVectorEnv`, with
    ``gymnasium.make_vec``. With ``vectorization_mode="async"`` the latter needs
    ``vector_kwargs={"shared_memory": False}``: texts have no fixed size.

    Args:
        task: a name (`maxpo_bench.envs.tasks.list_tasks`) or a ``Task`` of your own. ``gymnasium.make`` copies the
            latter with everything in it; the class itself takes it as it is.
        split: which part of a task given by name, "train" or "test". A ``Task`` has its own.
        render_mode: None or "ansi".
        task_options: what else the task's factory takes, such as ``size`` and ``difficulty``.

    Raises:
        UnknownNameError: there is no such task or render mode, with a suggestion.
        TypeError: the task has no such option, or ``task`` is neither a name nor a Task.
        ValueError: an option is out of range, or the split contradicts the Task's.
    """

    name = "maxpo/TextReasoning-v0"

    def __init__(
        self,
        task: str | Task = "countdown",
        split: str = "train",
        render_mode: str | None = None,
        **task_options: Any,
    ) -> None:
        for option in _VECTOR_ARGUMENTS:
            if option in task_options:
                raise TypeError(f"{option} belongs to gymnasium.make_vec, or to TextReasoningVectorEnv: leave it out")
        self._set_up(*_find_task(task, split, task_options), render_mode)


class TextReasoningVectorEnv(TextVectorEnv):
    """A batch of questions of one task; each step grades all answers with one call.

    Questions, rewards and seeds are those of `TextReasoningEnv`: with the same list of seeds both ask the same.
    Observations are tuples of ``num_envs`` texts, actions lists, tuples or arrays of them.

    Groups: with ``group_size=n``, or ``reset(options={"group_size": n})`` for one call, each block of ``n`` consecutive
    environments gets the same question, drawn from the stream of its first member; a mask takes groups as a whole.
    So ``rewards.reshape(-1, n)`` has one row per question, as the advantage estimators want it.

    ``gymnasium.make_vec`` takes this class unless told otherwise. With ``vectorization_mode="async"`` it runs copies
    of `TextReasoningEnv` in processes of their own, and needs ``vector_kwargs={"shared_memory": False}``.

    Args:
        num_envs: batch size, at least 1.
        task: as for `TextReasoningEnv`.
        split: as for `TextReasoningEnv`.
        render_mode: as for `TextReasoningEnv`; `render` then gives a tuple with one text per environment.
        group_size: how many consecutive environments share a question, a divisor of ``num_envs``.
        autoreset_mode: DISABLED (with masked reset), NEXT_STEP or SAME_STEP, as a member of ``AutoresetMode``, its
            value ("SameStep") or its name. In NEXT_STEP every second step of this one-step task only resets.
        task_options: as for `TextReasoningEnv`.

    Raises:
        UnknownNameError: there is no such task or mode, with a suggestion.
        TypeError: the task has no such option, or an argument is of the wrong type.
        ValueError: an argument is out of range, or ``group_size`` does not divide ``num_envs``.
    """

    name = TextReasoningEnv.name

    def __init__(
        self,
        num_envs: int = 1,
        task: str | Task = "countdown",
        split: str = "train",
        render_mode: str | None = None,
        group_size: int = 1,
        autoreset_mode: AutoresetMode | str = AutoresetMode.DISABLED,
        **task_options: Any,
    ) -> None:
        self._set_up(*_find_task(task, split, task_options), num_envs, group_size, render_mode, autoreset_mode)


def _find_task(task: str | Task, split: str, options: dict[str, Any]) -> tuple[Task, tuple[Any, ...]]:
    """Return the task, and what tells it from others: the arguments that made it, or the task itself."""
    if isinstance(task, str):
        from maxpo_bench.envs.tasks.registry import make_task

        return make_task(task, split, **options), (task, split, options)
    if not isinstance(task, Task):
        raise TypeError(f"task must be the name of a task or a Task, got {type(task).__name__}")
    if options:
        raise TypeError(f"{', '.join(options)}: options are for a task given by name; set them on the Task itself")
    if split not in ("train", task.split):
        raise ValueError(f"split={split!r} contradicts the Task's {task.split!r}: leave split out")
    return task, (task,)
