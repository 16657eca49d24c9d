"""Small tasks of text for the tests, and makers of environments over them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from maxpo_bench.envs import TextReasoningEnv, TextReasoningVectorEnv
from maxpo_bench.envs.tasks import Grade, Problem, Task

GOLD = "gold-{}-\u2207"
SIZE = 50


class Riddles(Task):
    """Problem i has the answer GOLD with i; it counts its calls of grade."""

    name = "riddles"

    def __init__(
        self, size: int = SIZE, split: str = "train", question: str = "riddle {}: √2 \u2028 \U0001f600"
    ) -> None:
        self.size, self.split, self.question = size, split, question
        self.batches: list[int] = []

    def __len__(self) -> int:
        return self.size

    def problem(self, index: int) -> Problem:
        if not 0 <= index < self.size:
            raise IndexError(index)
        return Problem(f"riddles/{self.split}/{index}", self.question.format(index), GOLD.format(index))

    def grade(self, problems, completions):
        self.batches.append(len(completions))
        return [_grade(problem, text) for problem, text in zip(problems, completions, strict=True)]


def _grade(problem: Problem, text: str) -> Grade:
    answer = text.strip()
    if not answer:
        return Grade("no_box")
    return Grade("correct" if answer == problem.answer else "wrong", answer)


def scalar(task: Task | None = None, **kwargs: Any) -> TextReasoningEnv:
    return TextReasoningEnv(Riddles() if task is None else task, **kwargs)


def vector(num_envs: int, task: Task | None = None, **kwargs: Any) -> TextReasoningVectorEnv:
    return TextReasoningVectorEnv(num_envs, Riddles() if task is None else task, **kwargs)


def answers(info: dict[str, Any], right: Any) -> list[str]:
    """Return an answer per environment: the right one where ``right`` is True."""
    return [
        GOLD.format(i) if is_right else f"no {i}" for i, is_right in zip(info["index"].tolist(), right, strict=True)
    ]


def math_file(folder: Any, count: int = 12) -> Any:
    """Write a data set of our own, of the kind that `maxpo/Math-v0` reads, and return its path."""
    path = folder / "sums.jsonl"
    rows = [
        {"problem": f"What is {1000 + i} + {2 * i}?", "answer": str(1000 + 3 * i), "level": i % 3 + 1, "id": f"s{i}"}
        for i in range(count)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def all_values(thing: Any) -> list[Any]:
    """Return every key and value inside nested dictionaries, sequences and arrays."""
    if isinstance(thing, dict):
        return [value for pair in thing.items() for part in pair for value in all_values(part)]
    if isinstance(thing, list | tuple | set | np.ndarray):
        return [value for part in thing for value in all_values(part)]
    return [thing]
