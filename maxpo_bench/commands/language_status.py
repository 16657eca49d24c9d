"""`maxpo-bench score-lm --status`: which entries have the language-model column, in part or not at all."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from maxpo_bench.commands.language_runs import num_finished
from maxpo_bench.leaderboard.columns import format_percent, format_points
from maxpo_bench.leaderboard.entry import Entry
from maxpo_bench.leaderboard.language import (
    FILE,
    GAIN_K,
    LanguageRecord,
    frozen_reference,
    gain,
    language_path,
    load_language,
)
from maxpo_bench.leaderboard.language_track import LanguageTrack, track_of
from maxpo_bench.leaderboard.store import load_all
from maxpo_bench.leaderboard.suite import SUITES
from maxpo_bench.sandbox import LEVELS

State = Literal["complete", "partly done", "missing"]


@dataclass(frozen=True)
class Row:
    """One entry.

    Attributes:
        name: of the entry.
        state: whether its record is stored, some of its runs are finished on this machine, or none.
        is_scored: has it a score in the table?
        runs: finished runs; of a complete one all.
        of: runs it takes.
        passed: pass@`GAIN_K` after training, None unless it is complete.
        gain: the same minus the reference's.
        how: "trained" or "imported"; empty unless it is complete.
        date: when it was made.
    """

    name: str
    state: State
    is_scored: bool
    runs: int
    of: int
    passed: float | None = None
    gain: float | None = None
    how: str = ""
    date: str = ""


def status_rows(suite: str, results: Path) -> list[Row]:
    """Return one row per scored entry, in alphabetical order, then those that have a record without a score.

    Raises:
        UnknownNameError: no such suite.
        ValueError: a stored file is damaged.
    """
    suite = SUITES.canonical(suite)
    track = track_of(suite)
    entries = sorted((item.entry for item in load_all(results, suite)), key=lambda entry: entry.name)
    rows = [_row(entry, load_language(_path(results, entry), track), track) for entry in entries]
    scored = {_path(results, entry) for entry in entries}
    others = [path for path in sorted((results / suite).glob(f"*/*/{FILE}")) if path not in scored]
    return rows + [_complete(record, False) for path in others if (record := load_language(path, track))]


def run_status(suite: str, results: Path, *, as_json: bool) -> int:
    """Print the rows."""
    rows = status_rows(suite, results)
    if as_json:
        from maxpo_bench.cli.shared import print_json

        print_json([asdict(row) for row in rows])
    else:
        for line in status_lines(suite, rows):
            print(line)
    return 0


def status_lines(suite: str, rows: list[Row]) -> list[str]:
    """Return a heading, one line per entry and the command that goes on."""
    track = track_of(suite)
    counts = {state: sum(row.state == state for row in rows) for state in ("complete", "partly done", "missing")}
    lines = [
        f"{track.name}, {track.num_runs} training runs an entry: "
        + ", ".join(f"{count} {state}" for state, count in counts.items())
    ]
    width = max((len(row.name) for row in rows), default=0)
    lines += [f"  {row.name:{width}}  {_said(row)}" for row in rows]
    unfinished = next((row for row in rows if row.state != "complete"), None)
    if unfinished is not None:
        lines.append(
            f"To go on: maxpo-bench score-lm {unfinished.name} --suite {suite} (a submission: its file or folder)"
        )
    return lines


def _path(results: Path, entry: Entry) -> Path:
    return language_path(results, entry.suite, entry.name, entry.submission_hash)


def _row(entry: Entry, record: LanguageRecord | None, track: LanguageTrack) -> Row:
    if record is not None:
        return _complete(record, True)
    levels = (None,) if entry.origin == "built-in" else LEVELS
    finished = max(num_finished(track, entry.name, entry.submission_hash, level) for level in levels)
    return Row(entry.name, "partly done" if finished else "missing", True, finished, track.num_runs)


def _complete(record: LanguageRecord, is_scored: bool) -> Row:
    track = record.track
    return Row(
        name=record.name,
        state="complete",
        is_scored=is_scored,
        runs=track.num_runs,
        of=track.num_runs,
        passed=float(record.at(GAIN_K).mean()),
        gain=gain(record, frozen_reference(track)).value,
        how=str(record.provenance.get("how", "")),
        date=str(record.provenance.get("date", "")),
    )


def _said(row: Row) -> str:
    if row.state == "missing":
        return "missing"
    if row.state == "partly done":
        return f"partly done: {row.runs} of {row.of} runs on this machine"
    figures = f"pass@{GAIN_K} {format_percent(row.passed)}, gain {format_points(row.gain)} points"
    return f"complete: {figures}, {row.how} {row.date[:10]}" + ("" if row.is_scored else ", without a score")
