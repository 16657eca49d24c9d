"""`maxpo-bench explain`."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from maxpo_bench.estimators import ESTIMATORS
from maxpo_bench.leaderboard.board import build_board
from maxpo_bench.leaderboard.document import Document
from maxpo_bench.leaderboard.document_text import TerminalDocument, render_document_markdown
from maxpo_bench.leaderboard.evidence import evidence_of
from maxpo_bench.leaderboard.explanation import explanation_of, explanation_without_score
from maxpo_bench.leaderboard.language import with_language_model
from maxpo_bench.leaderboard.score import REFERENCE
from maxpo_bench.leaderboard.source import Metadata, read_submission
from maxpo_bench.leaderboard.store import ScoredEntry, load, load_all, path_of, publish
from maxpo_bench.leaderboard.suite import SUITES
from maxpo_bench.registry import UnknownNameError, suggest


@dataclass(frozen=True)
class Found:
    """What a name or path stands for.

    Attributes:
        name: of the estimator.
        stored: the scores to explain it by, its own version among them if it has one.
        is_scored: has it a score?
        command: what would score it.
        check: what certifies it in seconds, without a score.
        metadata: what a submission without a score declares.
        note: one more sentence on what was found.
    """

    name: str
    stored: Sequence[ScoredEntry]
    is_scored: bool = True
    command: str = ""
    check: str = ""
    metadata: Metadata | None = None
    note: str = ""


def run_explain(name: str, *, suite: str, results: Path, as_json: bool, markdown: bool, html: Path | None) -> int:
    """Print or write all that is known of one estimator."""
    outputs = [flag for flag, given in {"--json": as_json, "--markdown": markdown, "--html": html}.items() if given]
    if len(outputs) > 1:
        raise ValueError(f"{' and '.join(outputs)} exclude each other: give one")
    suite = SUITES.canonical(suite)
    found = find(name, suite, results)
    if as_json:
        print(json.dumps(as_data(found, suite), indent=2, sort_keys=True, allow_nan=False))
        return 0
    if html is not None:
        publish(html, page_of(found, suite))
        print(html)
        return 0
    document = document_of(found, suite)
    if markdown:
        print(render_document_markdown(document), end="")
    else:
        from rich.console import Console

        Console().print(TerminalDocument(document))
    return 0


def find(name: str, suite: str, results: Path) -> Found:
    """Find what a name (stored, built-in, alias) or the path of a submission stands for.

    Raises:
        UnknownNameError: it is neither; the message suggests the nearest names.
        SubmissionError: the path holds no submission.
        DamagedScores: stored files are damaged.
    """
    stored = with_language_model(results, load_all(results, suite))
    names = [item.entry.name for item in stored]
    canonical = name if name in names or name not in ESTIMATORS else ESTIMATORS.canonical(name)
    if canonical in names:
        return Found(canonical, stored)
    flags = f"--suite {suite} --results {shlex.quote(str(results))}"
    if canonical in ESTIMATORS:
        score, check = f"maxpo-bench leaderboard --score {flags}", f"maxpo-bench certify {canonical}"
        return Found(canonical, stored, is_scored=False, command=score, check=check)
    if Path(name).exists() or name.endswith(".py"):
        return _find_submission(Path(name), stored, suite, results, flags)
    known = [*names, *ESTIMATORS, *(alias for each in ESTIMATORS for alias in ESTIMATORS.aliases(each))]
    raise UnknownNameError(
        f"unknown estimator {name!r}.{suggest(name, known)} Give a built-in estimator's name, that of a score in "
        f"{results / suite}, or the path of a submission."
    )


def _find_submission(path: Path, stored: Sequence[ScoredEntry], suite: str, results: Path, flags: str) -> Found:
    """Find the score of a submission by its hash: of the version that counts, or of an earlier one."""
    submission = read_submission(path)
    same = next((item for item in stored if item.entry.submission_hash == submission.digest), None)
    if same is not None:
        return Found(same.entry.name, stored)
    own = path_of(results, suite, submission.name, submission.digest)
    if own.is_file():
        others = [item for item in stored if item.entry.name != submission.name]
        return Found(submission.name, [*others, *with_language_model(results, [load(own)])])
    note = ""
    if any(item.entry.name == submission.name for item in stored):
        note = f"Another version of it is scored: `maxpo-bench explain {submission.name}` explains that one."
    quoted = shlex.quote(str(path))
    command, check = f"maxpo-bench submit {quoted} {flags}", f"maxpo-bench check {quoted}"
    return Found(submission.name, stored, False, command, check, submission.metadata, note)


def document_of(found: Found, suite: str) -> Document:
    """Return what is known as a document."""
    if found.is_scored:
        return explanation_of(found.name, found.stored)
    commands = [("To certify it, in seconds", found.check), ("To have it scored", found.command)]
    return explanation_without_score(found.name, commands, suite=suite, metadata=found.metadata, note=found.note)


def page_of(found: Found, suite: str) -> str:
    """Return the page of a scored entry, one HTML file.

    Raises:
        ValueError: it has no score, and so nothing to be drawn.
    """
    from maxpo_bench.leaderboard.site_entry import render_entry

    if not found.is_scored:
        raise ValueError(
            f"--html needs a score, and {found.name} has none on {suite}: leave --html out, or make one by "
            f"`{found.command}`"
        )
    board = build_board(suite, found.stored)
    entry = next(item for item in board.entries if item.name == found.name)
    shown = [item for item in found.stored if item.entry.name in (found.name, REFERENCE)]
    evidence = {item.entry.name: evidence_of(item, found.stored) for item in shown}
    return render_entry(board, entry, evidence, is_alone=True)


def as_data(found: Found, suite: str) -> dict[str, Any]:
    """Return what is known as plain JSON."""
    declared = _declared(found)
    if not found.is_scored:
        return {
            "name": found.name,
            "suite": suite,
            "is_scored": False,
            "declared": declared,
            "command": found.command,
            "check": found.check,
            "note": found.note,
        }
    board = build_board(suite, found.stored)
    entry = next(item for item in board.entries if item.name == found.name)
    scored = next(item for item in found.stored if item.entry.name == found.name)
    rank = board.ranks[found.name]
    return {
        "name": found.name,
        "suite": suite,
        "is_scored": True,
        "declared": declared,
        "entry": entry.to_dict(),
        "table": entry.klass,
        "rank": None if rank is None else list(rank),
        "copies": [item.name for item in board.entries if item.linked_to == found.name],
        "contract": scored.contract,
        "evidence": evidence_of(scored, found.stored),
    }


def _declared(found: Found) -> dict[str, Any]:
    if found.metadata is not None:
        return asdict(found.metadata)
    if found.name not in ESTIMATORS:
        return {}
    spec = ESTIMATORS.get(found.name)
    names = ("summary", "relation", "paper", "equation", "scale", "unbiased_at", "centered", "domain", "k_range")
    return {**{name: getattr(spec, name) for name in names}, "aliases": list(spec.aliases)}
