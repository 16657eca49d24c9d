r"""From a data set's rows to problems: columns, ids, reference answers, levels and subjects."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from maxpo_bench.envs.tasks.dataset_files import ColumnError, DataError, RawRows, Row
from maxpo_bench.envs.tasks.dataset_table import ANSWERS_FROM, DATASETS, AnswerFrom, Columns, Correction, Dataset
from maxpo_bench.envs.tasks.grading.extract import extract_boxed
from maxpo_bench.envs.tasks.task import Problem
from maxpo_bench.registry import suggest

ROLES = ("problem", "answer", "id", "level", "subject")

_PROBLEM_NAMES = ("problem", "question")
_ANSWER_NAMES = ("answer", "ground_truth", "final_answer")
_ID_NAMES = ("id", "unique_id")
# The layout of a data folder. Where a row has `answer_tex`, that is the answer as it is graded.
_OWN = Columns(id="id", level="level", subject="subject")
_GRADED = "answer_tex"


def known_columns(known: Dataset, found: Sequence[str]) -> Columns | None:
    """Return how to read a known set's copy by its columns: our own layout's, a hub copy's, or None."""
    for columns in (_OWN, *(hub.columns for hub in known.hubs), replace(_OWN, id=None)):
        needed = [columns.problem, columns.answer, *([columns.id] if columns.id else [])]
        if set(needed) <= set(found):
            return _with_optional(columns, found)
    return None


def guessed_columns(raw: RawRows, mapping: Mapping[str, str] | None, answer_from: AnswerFrom | None) -> Columns:
    """Return how to read rows of any origin, by a user's mapping and by the common column names.

    Args:
        raw: the rows.
        mapping: column names for some of `ROLES`.
        answer_from: how the answer is read; None guesses: "boxed" from a column ``solution``, "hash" where every
            answer has ``####``, else "plain".

    Raises:
        ColumnError: a role is not known, a column is not there, or more than one could be meant.
        ValueError: ``answer_from`` is not known.
    """
    mapping = dict(mapping or {})
    for role, column in mapping.items():
        if role not in ROLES:
            raise ColumnError(f"columns maps {role!r}, which is none of {', '.join(ROLES)}.{suggest(role, ROLES)}")
        if column not in raw.columns:
            raise ColumnError(f"{raw.source} has no column {column!r} for {role}: it has {_listed(raw.columns)}")
    if answer_from is not None and answer_from not in ANSWERS_FROM:
        raise ValueError(f"answer_from must be one of {', '.join(ANSWERS_FROM)}, got {answer_from!r}")
    problem = mapping.get("problem") or _only(raw, "problem", _PROBLEM_NAMES, or_else="prompt")
    answer = mapping.get("answer") or _only(raw, "answer", _ANSWER_NAMES, or_else="solution")
    key = mapping.get("id") or next((name for name in _ID_NAMES if name in raw.columns), None)
    columns = Columns(problem, answer, answer_from or _guessed_reading(raw, answer), key)
    optional = {role: mapping.get(role) or (role if role in raw.columns else None) for role in ("level", "subject")}
    return replace(columns, **optional)


def problems_from(
    raw: RawRows,
    columns: Columns,
    prefix: str,
    corrections: Sequence[Correction] = (),
    *,
    slashed_keys_are_ids: bool = False,
) -> list[Problem]:
    r"""Return the problems that rows hold; what is missing or malformed comes out empty, for the checks to name.

    Args:
        raw: the rows.
        columns: how to read them.
        prefix: what an id begins with, such as "math/train"; a row's own key follows it, or else its number. A key that
            begins with a data set's name, such as "math/train/5", stays as it is.
        corrections: answers to replace.
        slashed_keys_are_ids: whether every key with a slash stays as it is, so that ids of one's own are kept.

    Returns:
        Problems with ``level`` (an integer or None) and ``subject`` in their metadata where there are such columns;
        never with an answer or a solution there, as metadata is shown beside the question.

    Raises:
        DataError: a value is a list or an object instead of a text or a number.
    """
    corrected = {correction.question: correction for correction in corrections}
    problems: list[Problem] = []
    for number, row in enumerate(raw.rows):
        try:
            problem = _problem(row, number, columns, prefix, slashed_keys_are_ids)
        except TypeError as error:
            raise DataError(f"{raw.source}, {raw.places[number]}: {error}") from error
        correction = corrected.get(question_digest(problem.question)) if corrected else None
        if correction is not None and problem.answer == correction.before:
            problem = replace(problem, answer=correction.after)
        problems.append(problem)
    return problems


def question_digest(question: str) -> str:
    """Return the first 12 hexadecimal digits of a question's SHA-256, white space collapsed."""
    return hashlib.sha256(" ".join(question.split()).encode()).hexdigest()[:12]


def order_digest(problems: Sequence[Problem]) -> str:
    """Return the SHA-256 of all questions in order, white space collapsed."""
    return hashlib.sha256("\n".join(" ".join(problem.question.split()) for problem in problems).encode()).hexdigest()


def _problem(row: Row, number: int, columns: Columns, prefix: str, slashed_keys_are_ids: bool) -> Problem:
    metadata: dict[str, Any] = {}
    if columns.level is not None:
        metadata["level"] = _level(row.get(columns.level))
    if columns.subject is not None:
        metadata["subject"] = _text(row.get(columns.subject)).strip() or None
    key = row.get(columns.id) if columns.id is not None else number
    question = _text(row.get(columns.problem)).strip()
    return Problem(_id(prefix, key, slashed_keys_are_ids), question, _answer(row, columns), metadata)


def _with_optional(columns: Columns, found: Sequence[str]) -> Columns:
    return replace(
        columns,
        level=columns.level if columns.level in found else None,
        subject=columns.subject if columns.subject in found else None,
    )


def _only(raw: RawRows, role: str, names: Sequence[str], or_else: str | None = None) -> str:
    """Return the only column of some names that the rows have."""
    found = [name for name in names if name in raw.columns]
    if not found and or_else in raw.columns:
        return str(or_else)
    if len(found) == 1:
        return found[0]
    wrong = f"more than one column that may be the {role} ({_listed(found)})" if found else f"no known {role} column"
    name = found[0] if found else "NAME"
    raise ColumnError(
        f"{raw.source} has {wrong}; it has {_listed(raw.columns)}: say which, as in --column {role}={name} on the "
        f"command line or columns={{{role!r}: {name!r}}} in Python"
    )


def _guessed_reading(raw: RawRows, column: str) -> AnswerFrom:
    if column == "solution":
        return "boxed"
    marked = sum("####" in _text(row.get(column)) for row in raw.rows)
    if marked not in (0, len(raw.rows)):
        raise ColumnError(
            f"{raw.source}: {marked} of {len(raw.rows)} rows have #### in column {column!r}: say how the answers are "
            "read, by --answer-from hash or plain on the command line, answer_from='hash' or 'plain' in Python"
        )
    return "hash" if marked else "plain"


def _answer(row: Row, columns: Columns) -> str:
    """Return a row's answer as it is graded, "" where there is none."""
    if row.get(_GRADED) is not None:
        answer = _text(row[_GRADED])
    elif columns.answer_from == "plain":
        answer = _text(row.get(columns.answer))
    elif columns.answer_from == "hash":
        _, marker, after = _text(row.get(columns.answer)).rpartition("####")
        answer = after.replace(",", "") if marker else ""
    else:
        answer = extract_boxed(_text(row.get(columns.answer))) or ""
    answer = answer.strip()
    # The full stop of a sentence; six answers of MATH have it. Dots that mean "and so on" stay.
    return answer if answer.endswith("..") else answer.removesuffix(".").rstrip()


def _level(value: Any) -> int | str | None:
    """Return a level as an integer, None where it is stated as unknown, else the text for the checks to refuse."""
    text = _text(value).strip().removeprefix("Level").strip()
    if text in ("", "?"):
        return None
    return int(text) if text.isascii() and text.isdigit() else text


def _id(prefix: str, key: Any, slashed_keys_are_ids: bool) -> str:
    text = _text(key).strip()
    if not text:
        return ""
    first, slash, _ = text.partition("/")
    is_whole = slash and (slashed_keys_are_ids or first in (*DATASETS, prefix.partition("/")[0]))
    return text if is_whole else f"{prefix}/{text}"


def _text(value: Any) -> str:
    """Return a value as text, "" where it is missing (null, or not a number)."""
    if isinstance(value, str):
        return value
    if value is None or value != value:
        return ""
    if not isinstance(value, int | float):
        raise TypeError(
            f"a text or number is needed, got a {type(value).__name__} ({str(value)[:40]}): flatten it first"
        )
    return str(value)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names)) if names else "no columns"
