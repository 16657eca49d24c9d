"""Checks of a data set's problems: what is missing, doubled, too long, or not of the set's form is an error."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Callable, Sequence

from maxpo_bench.envs.tasks.dataset_files import DataError
from maxpo_bench.envs.tasks.dataset_rows import order_digest
from maxpo_bench.envs.tasks.dataset_table import AnswerKind, Dataset
from maxpo_bench.envs.tasks.task import MAX_QUESTION_LENGTH, Problem

MAX_GOLD_LENGTH = 1000
SHOWN = 5

_NUMBER = re.compile(r"-?\d+(\.\d+)?(/0*[1-9]\d*)?", re.ASCII)
_BRACES = re.compile(r"\\.|[{}]", re.DOTALL)


class OrderWarning(UserWarning):
    """The questions of a set are not those, or not in the order, that its ids were given to."""


def check_structure(problems: Sequence[Problem], source: str, places: Sequence[str]) -> None:
    """Check what every data set must fulfil.

    Args:
        problems: the problems of all rows.
        source: where they were read, for the message.
        places: where each one is, for the message.

    Raises:
        DataError: there are no rows; or questions or answers are missing, ids missing or doubled, questions longer than
            `MAX_QUESTION_LENGTH` or answers longer than `MAX_GOLD_LENGTH`. The message names the rows.
    """
    if not problems:
        raise DataError(f"{source} holds no rows")
    times = Counter(problem.id for problem in problems)
    wrongs: list[tuple[str, Callable[[Problem], bool]]] = [
        ("has no question", lambda problem: not problem.question),
        ("has no answer", lambda problem: not problem.answer),
        ("has no id", lambda problem: not problem.id),
        ("has an id that another row has too", lambda problem: times[problem.id] > 1),
        (
            f"has a question longer than {MAX_QUESTION_LENGTH} characters",
            lambda problem: len(problem.question) > MAX_QUESTION_LENGTH,
        ),
        (
            f"has an answer longer than {MAX_GOLD_LENGTH} characters, which no grader reads",
            lambda problem: len(problem.answer) > MAX_GOLD_LENGTH,
        ),
    ]
    for wrong, is_wrong in wrongs:
        _refuse(problems, source, places, wrong, is_wrong)


def check_known(known: Dataset, split: str, problems: Sequence[Problem], source: str, places: Sequence[str]) -> None:
    """Check what the table says of a known set: number of rows, form of the answers, levels, subjects, order.

    Raises:
        DataError: something else; the message names the rows, and how to load it all the same.
    """
    expected = known.rows[split]
    if len(problems) != expected:
        raise DataError(
            f"{known.name} {split} has {expected} rows, {source} has {len(problems)}: it is another or an incomplete "
            "copy; load it by its path, or with check=False"
        )
    kind = known.answers
    wrong = {"number": "is no integer, decimal or fraction", "latex": "is not balanced", "text": ""}[kind]
    _refuse(problems, source, places, f"has an answer that {wrong}", lambda problem: not has_form(problem.answer, kind))
    if known.levels:
        _check_levels(known, split, problems, source, places)
    if known.subjects:
        _refuse(
            problems,
            source,
            places,
            f"has a subject that is none of {', '.join(known.subjects)}",
            lambda problem: problem.metadata.get("subject") not in known.subjects,
        )


def warn_of_order(known: Dataset, split: str, problems: Sequence[Problem], source: str) -> None:
    """Warn where ids are row numbers of a copy that is not the one which the ids stand for."""
    if split in known.orders and order_digest(problems) != known.orders[split]:
        warnings.warn(
            f"{source}: the questions of {known.name} {split} are not, or not in the order, the ones that its ids were "
            "given to: the ids are row numbers of this copy, and others' results by id cannot be compared with them",
            OrderWarning,
            stacklevel=4,
        )


def has_form(answer: str, kind: AnswerKind) -> bool:
    r"""Whether an answer has a form.

    Args:
        answer: the reference answer.
        kind: "number": an integer, decimal or fraction in digits; "latex": balanced braces and as many ``\left`` as
            ``\right``; "text": anything.
    """
    if kind == "number":
        return _NUMBER.fullmatch(answer) is not None
    return kind == "text" or (is_balanced(answer) and _count(answer, "left") == _count(answer, "right"))


def is_balanced(text: str) -> bool:
    r"""Whether every brace of a LaTeX text has its partner; ``\{`` and ``\}`` are characters."""
    depth = 0
    for token in _BRACES.findall(text):
        depth += (token == "{") - (token == "}")
        if depth < 0:
            return False
    return depth == 0


def _check_levels(known: Dataset, split: str, problems: Sequence[Problem], source: str, places: Sequence[str]) -> None:
    allowed = f"{known.levels[0]} to {known.levels[-1]}"
    _refuse(
        problems,
        source,
        places,
        f"has a level out of {allowed}",
        lambda problem: problem.metadata.get("level") not in (None, *known.levels),
    )
    unlevelled = sum(problem.metadata.get("level") is None for problem in problems)
    if unlevelled > known.unlevelled.get(split, 0):
        _refuse(
            problems,
            source,
            places,
            f"has no level ({known.unlevelled.get(split, 0)} such rows are known)",
            lambda problem: problem.metadata.get("level") is None,
        )


def _refuse(
    problems: Sequence[Problem],
    source: str,
    places: Sequence[str],
    wrong: str,
    is_wrong: Callable[[Problem], bool],
) -> None:
    rows = [
        f"{place} ({problem.id or 'no id'}: {problem.answer[:40]!r})"
        for problem, place in zip(problems, places, strict=True)
        if is_wrong(problem)
    ]
    if rows:
        more = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
        raise DataError(f"{source}: {len(rows)} row(s): {wrong}: {', '.join(rows[:SHOWN])}{more}")


def _count(text: str, command: str) -> int:
    return len(re.findall(rf"\\{command}(?![A-Za-z])", text))
