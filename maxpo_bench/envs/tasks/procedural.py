"""What all procedural tasks share: problems drawn by index, in one of two disjoint splits, graded by own parsers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np

from maxpo_bench.envs.checks import StrictArguments, check_integer
from maxpo_bench.envs.tasks.answer_text import ANSWER_LIMIT, canonical_integer, read_answer
from maxpo_bench.envs.tasks.grade import Grade
from maxpo_bench.envs.tasks.splits import SPLITS, split_of
from maxpo_bench.envs.tasks.task import Problem, Task
from maxpo_bench.registry import suggest
from maxpo_bench.seeding import derive_seed

DEFAULT_SIZE = 10_000
DEFAULT_TEST_SIZE = 1_000
MAX_DRAWS = 100_000

_BLOCK = 16
_FIRST_SEARCH = 64
_MOST_REPEATS = 20_000

Content = TypeVar("Content")


class ProceduralTask(StrictArguments, Task, Generic[Content]):
    r"""Problems made by a generator, any number of them.

    Problem ``index`` has a generator of its own, seeded by a hash of instance, task, difficulty, split and index; it
    draws until the problem's canonical key hashes to the split (`splits.split_of`). So train and test never share a
    problem, whatever the instance, size and difficulty, and problems are equal in every process and in any order. A
    train problem may occur more than once, as draws are with replacement; test problems are all different, since
    intervals over problems take them for independent.

    Args:
        split: "train" or "test".
        size: number of problems, at least 1; a smaller task is the beginning of a larger one. None: 10,000 for train,
            and for test 1,000 or as many as there are.
        difficulty: one of the class's ``difficulties``.
        instance: any integer; other instances draw other problems.

    Raises:
        TypeError: an unknown argument, or one of the wrong type.
        ValueError: a split, size or difficulty out of range, or there are not so many different test problems.
    """

    difficulties: ClassVar[range] = range(1, 6)
    test_problems: ClassVar[Mapping[int, int]] = {}
    """How many different test problems there are, by difficulty, where that may be fewer than one asks for."""
    default_difficulty: ClassVar[int] = 1
    difficulty_note: ClassVar[str] = ""

    def __init__(
        self, split: str = "train", *, size: int | None = None, difficulty: int = 1, instance: int = 0
    ) -> None:
        if split not in SPLITS:
            raise ValueError(f"unknown split {split!r} of {self.name}.{suggest(str(split), SPLITS)}")
        self.split = split
        self.difficulty = check_integer("difficulty", difficulty)
        self.instance = check_integer("instance", instance)
        if self.difficulty not in self.difficulties:
            raise ValueError(
                f"difficulty of {self.name} must be {self.difficulties[0]} to {self.difficulties[-1]}, "
                f"got {difficulty}{self.difficulty_note}"
            )
        self._id_prefix = f"{self.name}{self._variant()}/{split}/"
        self.size = check_integer("size", self._default_size() if size is None else size, 1)
        there = self.test_problems.get(self.difficulty, 2**62) if split == "test" else 2**62
        if self.size > there:
            raise ValueError(
                f"{self.name} has {there} problems of difficulty {difficulty} in its {split} split: lower {size=}"
            )
        self._different: tuple[tuple[int, ...], frozenset[str]] = (), frozenset()

    def __len__(self) -> int:
        """Number of problems."""
        return self.size

    def __repr__(self) -> str:
        """Name, variant, split and size."""
        return f"<{self.name}{self._variant()} {self.split}, {self.size} problems>"

    def problem(self, index: int) -> Problem:
        """Return a problem.

        Raises:
            TypeError: the index is no integer.
            IndexError: it is not in [0, len(self)).
        """
        number, generator, (_, content) = self._find(index)
        question, answer, metadata = self._write(content, generator)
        return Problem(f"{self._id_prefix}{number}", question, answer, {"difficulty": self.difficulty, **metadata})

    def key(self, index: int) -> str:
        """Return the canonical key of a problem: what it asks, without how it is written.

        Raises:
            TypeError: the index is no integer.
            IndexError: it is not in [0, len(self)).
        """
        return self._find(index)[2][0]

    def grade(self, problems: Sequence[Problem], completions: Sequence[str]) -> list[Grade]:
        """Judge one completion per problem: exact, without partial credit.

        Statuses: "correct", "wrong", "malformed" (not of the form that the question asks for) and "too_long" (more
        than `ANSWER_LIMIT` characters). What counts as the answer is said in `answer_text`.

        Raises:
            ValueError: the two have different lengths.
            TypeError: a completion is no string.
        """
        if len(problems) != len(completions):
            raise ValueError(
                f"each problem needs one completion, got {len(problems)} problems and {len(completions)} completions"
            )
        return [self._grade(problem, completion) for problem, completion in zip(problems, completions, strict=True)]

    def _grade(self, problem: Problem, completion: str) -> Grade:
        if not isinstance(completion, str):
            raise TypeError(f"completions must be strings, got {type(completion).__name__} for problem {problem.id}")
        answer = read_answer(completion)
        if len(answer) > ANSWER_LIMIT:
            return Grade("too_long")
        correct = self._is_correct(problem, answer)
        if correct is None:
            return Grade("malformed", answer)
        return Grade("correct" if correct else "wrong", answer)

    def _find(self, index: int) -> tuple[int, np.random.Generator, tuple[str, Content]]:
        """Draw until the key is of this split; the generator goes on to write the problem."""
        number = check_integer("index", index)
        if not 0 <= number < self.size:
            raise IndexError(f"{self.name} has problems 0 to {self.size - 1}, got index {number}")
        return number, *self._draw(number if self.split == "train" else self._test_source(number))

    def _draw(self, source: int) -> tuple[np.random.Generator, tuple[str, Content]]:
        """Return the first problem of this split that a source draws."""
        seed = derive_seed(self.instance, "task", self.name, self.difficulty, self.split, source)
        generator = np.random.Generator(np.random.PCG64(seed))
        for drawn in islice(self._draws(generator), MAX_DRAWS):
            if split_of(self.name, drawn[0]) == self.split:
                return generator, drawn
        raise RuntimeError(
            f"{self.name} drew {MAX_DRAWS} times and found no {self.split} problem of difficulty {self.difficulty}"
        )

    def _test_source(self, number: int) -> int:
        """Return the source of a test problem: sources that repeat an earlier problem are left out.

        Sources are looked through as far as they are needed, and what is found is replaced as a whole: two threads may
        look twice, but find the same.
        """
        if number < len(self._different[0]):
            return self._different[0][number]
        sources, keys = list(self._different[0]), set(self._different[1])
        wanted = min(max(number + 1, 2 * len(sources), _FIRST_SEARCH), self.size)
        source = sources[-1] + 1 if sources else 0
        repeats = 0
        while len(sources) < wanted and repeats < _MOST_REPEATS:
            key = self._draw(source)[1][0]
            repeats += 1
            if key not in keys:
                keys.add(key)
                sources.append(source)
                repeats = 0
            source += 1
        self._different = tuple(sources), frozenset(keys)
        if number >= len(sources):
            raise ValueError(
                f"{self.name} has about {len(sources)} problems of difficulty {self.difficulty} in its test split, "
                f"size={self.size} is more: lower it"
            )
        return sources[number]

    def _default_size(self) -> int:
        if self.split == "train":
            return DEFAULT_SIZE
        return min(DEFAULT_TEST_SIZE, self.test_problems.get(self.difficulty, DEFAULT_TEST_SIZE))

    def _settings(self) -> dict[str, Any]:
        """Return the arguments that change the problems and are not at their defaults, for the ids."""
        values = {"difficulty": self.difficulty, "instance": self.instance}
        defaults = {"difficulty": self.default_difficulty, "instance": 0}
        return {name: value for name, value in values.items() if value != defaults[name]}

    def _variant(self) -> str:
        settings = ",".join(f"{name}={value}" for name, value in self._settings().items())
        return f"[{settings}]" if settings else ""

    @abstractmethod
    def _draws(self, generator: np.random.Generator) -> Iterator[tuple[str, Content]]:
        """Yield, without end, a problem's canonical key and what it asks."""

    @abstractmethod
    def _write(self, content: Content, generator: np.random.Generator) -> tuple[str, str, dict[str, Any]]:
        """Return question, reference answer and metadata."""

    def _is_correct(self, problem: Problem, answer: str) -> bool | None:
        """Whether an answer of at most `ANSWER_LIMIT` characters is right; None if malformed. Here: an integer."""
        integer = canonical_integer(answer)
        return None if integer is None else integer == problem.answer


def integer_rows(generator: np.random.Generator, bounds: Sequence[int]) -> Iterator[list[int]]:
    """Yield, without end, rows of independent integers, each uniform below its bound.

    They are drawn in blocks: a call of the generator costs more than most problems do.
    """
    highs = np.asarray(bounds)
    high = bounds[0] if len(set(bounds)) == 1 else highs
    while True:
        yield from generator.integers(high, size=(_BLOCK, len(highs))).tolist()
