r"""The data sets of reasoning-gym as tasks named "reasoning_gym/<data set>".

Source: Stojanovski et al. 2025, "Reasoning Gym: Reasoning Environments for Reinforcement Learning with Verifiable
Rewards", arXiv:2505.24760; the package reasoning-gym, Apache-2.0. `reasoning_gym_admission` says which are admitted.
"""

from __future__ import annotations

import dataclasses
import decimal
import functools
import importlib.metadata
import random
import threading
import warnings
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from maxpo_bench.envs.checks import check_integer
from maxpo_bench.envs.tasks.answer_text import read_answer
from maxpo_bench.envs.tasks.grade import Grade
from maxpo_bench.envs.tasks.procedural import DEFAULT_SIZE
from maxpo_bench.envs.tasks.reasoning_gym_admission import ADMITTED, AUDITED_VERSION, EXCLUDED
from maxpo_bench.envs.tasks.splits import SPLITS, split_of
from maxpo_bench.envs.tasks.task import MAX_QUESTION_LENGTH, Problem, Task
from maxpo_bench.registry import UnknownNameError, suggest
from maxpo_bench.seeding import derive_seed

PREFIX = "reasoning_gym/"
ANSWER_LIMIT = 1000
MAX_DRAWS = 2000
MAX_FAILURES = 100

_SOURCE_SIZE = 2**62
_CACHED_PROBLEMS = 4096
_OWN_OPTIONS = ("seed", "size")
# The caller's own precision and rounding would change what some generators make and some scorers accept.
_DECIMAL_CONTEXT = decimal.Context(
    prec=28,
    rounding=decimal.ROUND_HALF_EVEN,
    traps=[decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow],
)


def reasoning_gym_names() -> list[str]:
    """Return the names of the admitted data sets, with their prefix; the package need not be installed."""
    return [PREFIX + name for name in ADMITTED]


def excluded_reasoning_gym() -> dict[str, str]:
    """Return why each data set that is not admitted is not, by its name with the prefix.

    Where the package is installed, data sets that it has and the table has not are "not audited".
    """
    reasons = {PREFIX + name: reason for name, reason in EXCLUDED.items()}
    try:
        registered = _library().DATASETS
    except ModuleNotFoundError:
        return reasons
    unknown = sorted(set(registered) - set(ADMITTED) - set(EXCLUDED))
    return reasons | {PREFIX + name: f"not audited: only version {AUDITED_VERSION} was" for name in unknown}


def make_reasoning_gym_task(
    name: str, split: str = "train", *, size: int = DEFAULT_SIZE, instance: int = 0, **options: Any
) -> ReasoningGymTask:
    """Return the task of an admitted data set.

    Args:
        name: the data set's name, with or without the prefix "reasoning_gym/".
        split: "train" or "test".
        size: number of problems, at least 1; a smaller task is the beginning of a larger one.
        instance: any integer; other instances draw other problems.
        options: fields of the data set's own configuration, such as its difficulty; "seed" is not among them. The
            audit is of the default options; others can make a generator slow or its questions few.

    Raises:
        ModuleNotFoundError: reasoning-gym is not installed.
        UnknownNameError: there is no such data set, with the nearest names.
        ValueError: the data set is excluded, with the reason, or an argument is out of range.
        TypeError: the data set has no such option.
    """
    return ReasoningGymTask(name.removeprefix(PREFIX), split, size=size, instance=instance, options=options)


class ReasoningGymTask(Task):
    r"""Problems of one data set of reasoning-gym.

    A problem is drawn by a seed that is a hash of instance, data set, split, index and attempt, until the hash of its
    question puts it into the split (`splits.split_of`; a tenth of all questions are for tests). So train and test
    share no question, whatever the instance, size and options; problems are equal in every process and in any order;
    and a question may occur more than once within a split. The same problem in other words is another question. Draws
    are passed over whose generator raises, whose question is longer than `MAX_QUESTION_LENGTH` or whose reference
    answer is empty or not paid by the data set's own scorer. A problem of the test split costs ten draws: seconds for
    futoshiki and zebra_puzzles (0.1 to 0.3 s per draw), tenths of one for sudoku and rearc, else milliseconds.

    The answer is the content of the last ``\boxed{}`` after ``</think>``, else the whole text after ``</think>``,
    stripped. It is right where the data set's own scorer gives the full 1.0; there is no partial credit. The scorer
    runs in the caller's process, which is why only audited data sets are admitted.

    Attributes:
        dataset: the data set's name, without the prefix.
        size: number of problems.
        instance: which draws.
        options: what was given of the data set's configuration.
    """

    def __init__(
        self, dataset: str, split: str = "train", *, size: int, instance: int, options: dict[str, Any]
    ) -> None:
        library = _library()
        _check_admitted(dataset, library)
        if split not in SPLITS:
            raise ValueError(f"unknown split {split!r} of {PREFIX}{dataset}.{suggest(str(split), SPLITS)}")
        self.dataset = dataset
        self.name = PREFIX + dataset
        self.split = split
        self.size = check_integer("size", size, 1)
        self.instance = check_integer("instance", instance)
        self.options = dict(options)
        self._source = _make_source(dataset, self.options, library)
        self._lock = threading.RLock()
        self._cached = functools.lru_cache(_CACHED_PROBLEMS)(self._draw)

    def __len__(self) -> int:
        """Number of problems."""
        return self.size

    def __repr__(self) -> str:
        """Name, variant, split and size."""
        return f"<{self.name}{self._variant()} {self.split}, {self.size} problems>"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the arguments only: the problems follow from them."""
        make = functools.partial(ReasoningGymTask, size=self.size, instance=self.instance, options=self.options)
        return make, (self.dataset, self.split)

    def problem(self, index: int) -> Problem:
        """Return a problem; the last few thousand are kept.

        Raises:
            TypeError: the index is no integer.
            IndexError: it is not in [0, len(self)).
            RuntimeError: the data set makes no question of the split with these options.
        """
        number = check_integer("index", index)
        if not 0 <= number < self.size:
            raise IndexError(f"{self.name} has problems 0 to {self.size - 1}, got index {number}")
        # Some generators keep state between lines of one call: one thread at a time.
        with self._lock:
            return self._cached(number)

    def grade(self, problems: Sequence[Problem], completions: Sequence[str]) -> list[Grade]:
        """Judge one completion per problem by the data set's scorer.

        Statuses: "correct", "wrong", "malformed" (empty, or the scorer raised) and "too_long" (more than
        `ANSWER_LIMIT` characters, and more than twice as long as the reference).

        Raises:
            ValueError: the two have different lengths, or a problem is of another task.
            TypeError: a completion is no string.
        """
        if len(problems) != len(completions):
            raise ValueError(
                f"each problem needs one completion, got {len(problems)} problems and {len(completions)} completions"
            )
        with decimal.localcontext(_DECIMAL_CONTEXT):
            return [self._grade(problem, completion) for problem, completion in zip(problems, completions, strict=True)]

    def _grade(self, problem: Problem, completion: str) -> Grade:
        if not isinstance(completion, str):
            raise TypeError(f"completions must be strings, got {type(completion).__name__} for problem {problem.id}")
        if problem.metadata.get("source_dataset") != self.dataset:
            raise ValueError(f"problem {problem.id!r} is not of {self.name}: grade it by its own task")
        answer = read_answer(completion)
        if len(answer) > max(ANSWER_LIMIT, 2 * len(problem.answer)):
            return Grade("too_long")
        entry = {"question": problem.question, "answer": problem.answer, "metadata": problem.metadata}
        correct = self._is_paid(answer, entry)
        if correct is None:
            return Grade("malformed", answer)
        return Grade("correct" if correct else "wrong", answer)

    def _is_paid(self, answer: str, entry: dict[str, Any]) -> bool | None:
        """Whether the scorer gives the full reward; None if there is nothing to score or it raises."""
        if not answer:
            return None
        try:
            # Not 1.0 up to rounding: some scorers add up to just below 1 for partly right answers.
            return float(self._source.score_answer(answer, entry)) >= 1.0
        except Exception:
            return None

    def _draw(self, number: int) -> Problem:
        failures: list[Exception] = []
        with decimal.localcontext(_DECIMAL_CONTEXT):
            for attempt in range(MAX_DRAWS):
                seed = derive_seed(self.instance, "reasoning_gym", self.dataset, self.split, number, attempt)
                try:
                    entry = self._source[seed % _SOURCE_SIZE]
                except Exception as error:
                    failures.append(error)
                    if len(failures) == MAX_FAILURES:
                        break
                    continue
                if self._is_usable(entry):
                    problem_id = f"{self.name}{self._variant()}/{self.split}/{number}"
                    return Problem(problem_id, entry["question"], entry["answer"], entry["metadata"])
        raise RuntimeError(
            f"{self.name}{self._variant()} made no question for problem {number} of the {self.split} split "
            f"({len(failures)} draws failed): its options leave too few questions, or make them too long"
        ) from (failures[-1] if failures else None)

    def _is_usable(self, entry: dict[str, Any]) -> bool:
        """Whether the question is of this split and of allowed length, and its reference can be answered."""
        question, answer = entry["question"], entry["answer"]
        if split_of(self.name, question) != self.split or len(question) > MAX_QUESTION_LENGTH:
            return False
        return isinstance(answer, str) and self._is_paid(answer.strip(), entry) is True

    def _variant(self) -> str:
        instance = {} if self.instance == 0 else {"instance": self.instance}
        values = instance | dict(sorted(self.options.items()))
        return f"[{','.join(f'{name}={value}' for name, value in values.items())}]" if values else ""


@functools.cache
def _library() -> ModuleType:
    """Return reasoning-gym's registry; importing it takes a second."""
    state = random.getstate()
    try:
        from reasoning_gym import factory
    except ModuleNotFoundError as error:
        if error.name != "reasoning_gym":
            raise
        raise ModuleNotFoundError(
            f"the tasks {PREFIX}... need the package reasoning-gym: pip install 'maxpo-bench[text]'",
            name=error.name,
        ) from error
    finally:
        # One of the packages that it imports draws from Python's global generator.
        random.setstate(state)
    version = importlib.metadata.version("reasoning-gym")
    if version != AUDITED_VERSION:
        warnings.warn(
            f"reasoning-gym {version} is installed, but its scorers were audited in {AUDITED_VERSION}: install that "
            "version, or run benchmarks/audit_reasoning_gym.py",
            stacklevel=2,
        )
    return factory


def _check_admitted(dataset: str, library: ModuleType) -> None:
    excluded = excluded_reasoning_gym()
    if PREFIX + dataset in excluded:
        raise ValueError(f"{PREFIX}{dataset} is excluded: {excluded[PREFIX + dataset]}")
    if dataset not in ADMITTED or dataset not in library.DATASETS:
        raise UnknownNameError(f"unknown data set {dataset!r} of reasoning-gym.{suggest(dataset, ADMITTED)}")


def _make_source(dataset: str, options: dict[str, Any], library: ModuleType) -> Any:
    """Return the data set: its item ``i`` is drawn by a generator seeded by ``i`` alone."""
    fields = dataclasses.fields(library.DATASETS[dataset][1])
    known = [field.name for field in fields if field.name not in _OWN_OPTIONS]
    for option in options:
        if option not in known:
            own = " Use size and instance." if option in _OWN_OPTIONS else suggest(option, known)
            raise TypeError(f"{PREFIX}{dataset} has no option {option!r}.{own}")
    try:
        return library.create_dataset(dataset, seed=0, size=_SOURCE_SIZE, **options)
    except (AssertionError, TypeError, ValueError) as error:
        raise ValueError(f"{PREFIX}{dataset} refuses the options {options}: {error}") from error
