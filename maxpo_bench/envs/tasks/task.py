"""A task: questions by index, and a verifier of answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from maxpo_bench.envs.tasks.grade import Grade

MAX_QUESTION_LENGTH = 16_384
MAX_ANSWER_LENGTH = 262_144


@dataclass(frozen=True, slots=True)
class Problem:
    """One question.

    Attributes:
        id: unique within the suite, such as "countdown/test/17" or "math/train/5".
        question: the text a model reads, without any prompt around it; at most `MAX_QUESTION_LENGTH` characters.
        answer: the reference ("gold") answer.
        metadata: what else is known, such as level and subject, or a procedural problem's parameters.
    """

    id: str
    question: str
    answer: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


class Task(ABC):
    """A finite sequence of problems with a verifier.

    The same constructor arguments give the same problems in every process. Problems are made or read by index, in any
    order, and are equal each time.

    Attributes:
        name: the name it was made by.
        split: "train", "test", or what else the source calls its parts.
    """

    name: str
    split: str

    @abstractmethod
    def __len__(self) -> int:
        """Number of problems."""

    @abstractmethod
    def problem(self, index: int) -> Problem:
        """Return a problem.

        Raises:
            IndexError: the index is not in [0, len(self)).
        """

    @abstractmethod
    def grade(self, problems: Sequence[Problem], completions: Sequence[str]) -> list[Grade]:
        """Judge one completion per problem, all at once and in order.

        Args:
            problems: problems of this task.
            completions: the whole text that was answered to each; what counts as the answer is the task's to say.

        Raises:
            ValueError: the two have different lengths.
        """
