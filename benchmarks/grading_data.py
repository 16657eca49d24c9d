"""The data sets, labelled outputs and solutions that the grader is measured on, read from folders of jsonl files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maxpo_bench.envs.tasks.grade import Grade
from maxpo_bench.envs.tasks.grading.extract import box_answer
from maxpo_bench.envs.tasks.grading.service import Grader

GSM8K = ("gsm8k/train", "gsm8k/test")
MATH = ("math/train", "math/test")
SMALL = ("math500/test", "aime24/test", "aime25/test", "amc23/test", "amc83/test", "minerva/test")
QWEN, OPENAI = "qwen25math_math100x8", "openai_gsm8k_4systems"
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Item:
    """A problem with its gold answer, and what was answered where anything was.

    Attributes:
        id: of the problem, with the sample's number where there are several.
        gold: the reference answer.
        completion: the whole text of the answer.
        question: the problem's text.
        label: whether the completion is right, as its source says.
    """

    id: str
    gold: str
    completion: str = ""
    question: str = ""
    label: bool | None = None


def read_rows(path: Path) -> list[Row]:
    """Read a jsonl file; the data hold line separators of Unicode, so that only the newline ends a line."""
    with path.open(encoding="utf-8", newline="\n") as lines:
        return [json.loads(line) for line in lines]


def golds(data: Path, name: str) -> list[Item]:
    """Return a data set's problems; an ``answer_tex``, where there is one, is the gold answer."""
    return [
        Item(row["id"], row.get("answer_tex", row["answer"]), question=row["problem"])
        for row in read_rows(data / f"{name}.jsonl")
    ]


def solutions(data: Path, name: str) -> list[Item]:
    """Return the human solutions of a data set; what GSM8K marks by ``####`` is put in a box."""
    gold_of = {item.id: item.gold for item in golds(data, name)}
    rows = read_rows(data / f"{name}.solutions.jsonl")
    mark = name in GSM8K
    return [
        Item(row["id"], gold_of[row["id"]], box_answer(row["solution"]) if mark else row["solution"]) for row in rows
    ]


def outputs(folder: Path, name: str, is_boxed: bool = False) -> list[Item]:
    """Return labelled outputs; with ``is_boxed`` the answer that they mark in their own way is put in a box."""
    return [
        Item(
            f"{row['problem_id']}/{row['source']}/{row['sample']}",
            row["gold"],
            box_answer(row["completion"]) if is_boxed else row["completion"],
            label=row["correct"],
        )
        for row in read_rows(folder / f"{name}.jsonl")
    ]


def boxed(answer: str) -> str:
    """Put an answer in a box."""
    return rf"\boxed{{{answer}}}"


def grade(grader: Grader, items: Sequence[Item]) -> list[Grade]:
    """Grade the completions of items."""
    return grader.grade([item.gold for item in items], [item.completion for item in items])


def described(item: Item, found: Grade) -> Row:
    """Describe one verdict that is to be listed."""
    return {
        "id": item.id,
        "gold": item.gold,
        "extracted": None if found.extracted is None else found.extracted[:200],
        "label": item.label,
        "status": found.status,
    }
