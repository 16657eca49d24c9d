"""Which of the table's columns stand in a row of the page; the others stand in the row that opens below it."""

from __future__ import annotations

import re

from maxpo_bench.leaderboard.columns import NONE, Cell, Column, columns
from maxpo_bench.leaderboard.entry import ETA_GROUPS, PASS_K, Entry, Leaderboard

IN_ROW = ("rank", "name", "kind", "b95", "solved", "bias", "variance", "cosine", "cost", "learning", "gain")
WITH_INTERVAL_BELOW = ("b95", "variance", "learning", "gain")
"""Columns of which the row has the value only: their intervals stand in the opened row."""
DRAWN = (*(f"eta{groups}" for groups in ETA_GROUPS), "pass", *(f"pass{k}" for k in PASS_K))
"""Columns that the opened row draws as curves."""
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")

VERIFIED = Column(
    "verified",
    "Verified",
    "self-run: scored by whoever submitted it. verified: scored again by somebody else, with seeds fixed after the "
    "submission, and in agreement. disputed: not in agreement. withdrawn: by its authors. The last two have no rank.",
    lambda board, entry: Cell(entry.status),
    0,
    is_numeric=False,
)
DATE = Column(
    "date", "Date", "The day it was scored.", lambda board, entry: Cell(scored_on(entry) or NONE), 0, is_numeric=False
)


def row_columns(board: Leaderboard) -> list[Column]:
    """Return the columns of a row, left to right."""
    by_key = {column.key: column for column in columns(board)}
    return [*(by_key[key] for key in IN_ROW), VERIFIED, DATE]


def other_columns(board: Leaderboard) -> list[Column]:
    """Return the columns that the opened row lists: those with intervals that the row leaves out, and all others."""
    left_out = [*(key for key in IN_ROW if key not in WITH_INTERVAL_BELOW), *DRAWN, "status"]
    return [column for column in columns(board) if column.key not in left_out]


def scored_on(entry: Entry) -> str:
    """Return the day an entry was scored, as far as it is known."""
    date = str(entry.scorer.get("date") or "")
    day = _DAY.match(date)
    return day[0] if day else date


def last_scored(board: Leaderboard) -> str:
    """Return the last day on which an entry of a board was scored, or an empty text."""
    return max((day for day in map(scored_on, board.entries) if _DAY.fullmatch(day)), default="")
