"""What a data set's problems look like: numbers of rows, forms of answers, levels, lengths."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from maxpo_bench.envs.tasks.task import Problem

ANSWER_FORMS = ("integer", "decimal", "fraction", "expression")

_FORMS = (
    ("integer", re.compile(r"-?\d+", re.ASCII)),
    ("decimal", re.compile(r"-?\d*\.\d+", re.ASCII)),
    ("fraction", re.compile(r"-?(\d+/\d+|\\[dt]?frac\{-?\d+\}\{-?\d+\})", re.ASCII)),
)


def answer_form(answer: str) -> str:
    """Return which of `ANSWER_FORMS` an answer has; whatever is no plain number is an expression."""
    return next((form for form, pattern in _FORMS if pattern.fullmatch(answer)), "expression")


def summarise(problems: Sequence[Problem]) -> dict[str, Any]:
    """Return what a table says of a split.

    Args:
        problems: its problems, at least one.

    Returns:
        ``rows``; ``answers``: number of answers by form; ``levels``: number of problems by level, "none" for those
        without one, empty where no problem has a level; ``longest_question`` and ``longest_answer`` in characters;
        ``first_id`` and ``last_id``, what samples of these problems are labelled with.

    Raises:
        ValueError: there are no problems.
    """
    if not problems:
        raise ValueError("there are no problems to summarise")
    forms = Counter(answer_form(problem.answer) for problem in problems)
    levels = Counter(problem.metadata.get("level") for problem in problems)
    unlevelled = levels.pop(None, 0)
    by_level = {str(level): levels[level] for level in sorted(levels, key=str)}
    return {
        "rows": len(problems),
        "answers": {form: forms[form] for form in ANSWER_FORMS if forms[form]},
        "levels": by_level | ({"none": unlevelled} if by_level and unlevelled else {}),
        "longest_question": max(len(problem.question) for problem in problems),
        "longest_answer": max(len(problem.answer) for problem in problems),
        "first_id": problems[0].id,
        "last_id": problems[-1].id,
    }
