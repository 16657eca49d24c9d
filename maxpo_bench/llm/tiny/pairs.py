r"""What a tiny model is pretrained on: questions with solutions of a task's train split, as tokens.

A task that has ``examples(count, generator)``, as countdown has, gives fresh pairs without end. Of any other the
problems themselves are used: the solution is the reference answer, in ``\boxed{}`` for mathematical tasks, where
nothing outside a box is graded.
"""

from __future__ import annotations

import hashlib
import json
import string
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from maxpo_bench.envs.tasks import MathTask, ReasoningGymTask, Task, make_task
from maxpo_bench.envs.tasks.countdown import COUNTDOWN_ALPHABET, Countdown
from maxpo_bench.envs.tasks.procedural import ProceduralTask
from maxpo_bench.llm.tiny.tokenizer import CharTokenizer
from maxpo_bench.seeding import derive_seed

Pair = tuple[str, str]
"""A question and a solution of it."""

SHOWN = 1_000
"""Examples that lengths and characters are read off, of a task that has them without end."""
IDENTIFYING = 16
"""Problems that stand for a task which its arguments determine."""
MARGIN = 1.25
"""Room for longer questions than those seen, where their lengths differ."""

_BASIC = string.digits + string.ascii_letters + string.punctuation + " \n"


@runtime_checkable
class HasExamples(Protocol):
    """A task that makes pairs of question and solution without end."""

    def examples(self, count: int, generator: np.random.Generator) -> list[Pair]:
        """Return random pairs of its split."""
        ...


def train_task(task: Task | str, options: dict[str, Any] | None = None) -> Task:
    """Return the train split of a task.

    Args:
        task: its name; or a task, which is used itself if it is the train split, else with the same options.
        options: of the task, if it is given by name.

    Raises:
        UnknownNameError: no task has that name.
        TypeError: options beside a task.
        ValueError: the task has no train split, or one that its arguments do not say.
    """
    if isinstance(task, str):
        return make_task(task, "train", **(options or {}))
    if options:
        raise TypeError(f"options are for a task given by name: {task!r} has its own")
    if task.split == "train":
        return task
    if isinstance(task, ReasoningGymTask):
        return ReasoningGymTask(task.dataset, "train", size=task.size, instance=task.instance, options=task.options)
    if isinstance(task, ProceduralTask):
        style = {"style": task.style} if isinstance(task, Countdown) else {}
        return type(task)("train", difficulty=task.difficulty, instance=task.instance, **style)
    raise ValueError(
        f"{task.name} is given as its split {task.split!r}, and a model is pretrained on problems of the train split "
        "only: pass that split, or the base model's folder"
    )


class PairSource:
    """Pairs of a task, drawn in batches; batch number i is the same whatever was drawn before.

    Args:
        task: a train split.
        most: at most so many of its problems are used, where it has no examples without end.

    Attributes:
        tokenizer: of the characters that its questions and solutions need.
        context: tokens of the longest question and solution with the end of sequence. Where questions differ in length,
            there is room for some longer ones.
        longest_solution: tokens of the longest solution, the end of sequence included.

    Raises:
        ValueError: the task has no problems.
    """

    def __init__(self, task: Task, most: int) -> None:
        self.task = task
        self._source = task.examples if isinstance(task, HasExamples) else None
        if self._source is not None:
            seen = self._source(SHOWN, _generator(0, "alphabet"))
        else:
            seen = self._pairs = [_pair(task, index) for index in range(min(len(task), most))]
        if not seen:
            raise ValueError(f"{task.name} has no problems to pretrain on")
        self._seen = seen
        self.tokenizer = tokenizer_for(task, seen)
        questions = [len(question) for question, _ in seen]
        self.longest_solution = 1 + max(len(solution) for _, solution in seen)
        room = max(questions) if len(set(questions)) == 1 else int(MARGIN * max(questions))
        self.context = room + self.longest_solution

    def identity(self) -> dict[str, Any]:
        """Return what determines the pairs: the task's name and size and a hash of its problems.

        All pairs that are used are hashed; of tasks that follow from their arguments `SHOWN` or `IDENTIFYING` of them,
        with their ids, which hold the arguments.
        """
        task = self.task
        is_made = isinstance(task, ProceduralTask | ReasoningGymTask)
        last = min(IDENTIFYING if is_made else 1, len(task))
        text = json.dumps([[task.problem(index).id for index in range(last)], self._seen])
        return {
            "name": task.name,
            "class": f"{type(task).__module__}.{type(task).__qualname__}",
            "split": task.split,
            "size": len(task),
            "pairs": hashlib.sha256(text.encode()).hexdigest(),
        }

    def batch(self, seed: int, number: int, size: int) -> list[Pair]:
        """Return the pairs of one batch, drawn with replacement.

        Args:
            seed: root of the random streams.
            number: of the batch.
            size: number of pairs.
        """
        generator = _generator(seed, "batch", number)
        if self._source is not None:
            return self._source(size, generator)
        return [self._pairs[index] for index in generator.integers(len(self._pairs), size=size).tolist()]


def tokenizer_for(task: Task, pairs: Sequence[Pair]) -> CharTokenizer:
    """Return the tokenizer for a task.

    Countdown's compact questions need `COUNTDOWN_ALPHABET`, and nothing else is ever read. For every other task the
    alphabet is printable ASCII, the line feed, and all characters of the pairs; a character outside it, in a question
    that comes later, is read as the token "unknown", and in a solution is an error (``encode(..., strict=True)``).
    """
    seen = set[str]().union(*map(set, (text for pair in pairs for text in pair)))
    if isinstance(task, Countdown) and seen <= set(COUNTDOWN_ALPHABET):
        return CharTokenizer(COUNTDOWN_ALPHABET)
    return CharTokenizer("".join(sorted(seen | set(_BASIC))), unknown=True)


def _pair(task: Task, index: int) -> Pair:
    problem = task.problem(index)
    return problem.question, rf"\boxed{{{problem.answer}}}" if isinstance(task, MathTask) else problem.answer


def _generator(seed: int, *path: str | int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(derive_seed(seed, "pretraining", *path)))
