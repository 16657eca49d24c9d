"""Stored scores: ``<results>/<suite>/<name>/<submission hash>/<suite>.json``, one file per version of an entry."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maxpo_bench.leaderboard.entry import Entry
from maxpo_bench.leaderboard.fingerprint import Fingerprint
from maxpo_bench.leaderboard.noise import BlockSums

SCHEMA = 2
UNFINISHED = ".writing-"
"""How the names of files begin that are being written."""


@dataclass(frozen=True)
class ScoredEntry:
    """An entry with the raw sums its metrics were made from.

    Attributes:
        entry: the row; ``linked_to`` and the metrics relative to the reference are set when a table is made.
        noise: block sums per bandit of the suite, in its order; None where the estimator is not defined.
        learning: return on the maze per evaluation seed, or None.
        fingerprint: see `maxpo_bench.leaderboard.fingerprint`.
        certificate: the certificate's figures.
        contract: results of the contract tests.
    """

    entry: Entry
    noise: list[BlockSums | None]
    learning: dict[str, Any] | None
    fingerprint: Fingerprint
    certificate: dict[str, Any]
    contract: list[dict[str, str]]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "schema": SCHEMA,
            "entry": self.entry.to_dict(),
            "noise": [None if sums is None else sums.to_dict() for sums in self.noise],
            "learning": self.learning,
            "fingerprint": self.fingerprint,
            "certificate": self.certificate,
            "contract": self.contract,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ScoredEntry:
        """Read what `to_dict` wrote.

        Raises:
            ValueError: another schema, or a key is missing.
        """
        if data.get("schema") != SCHEMA:
            raise ValueError(f"schema {data.get('schema')!r} is not {SCHEMA}: score the entry again")
        try:
            return cls(
                entry=Entry.from_dict(data["entry"]),
                noise=[None if sums is None else BlockSums(**sums) for sums in data["noise"]],
                learning=data["learning"],
                fingerprint=data["fingerprint"],
                certificate=data["certificate"],
                contract=data["contract"],
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a stored score: {error}") from error


def path_of(results: Path, suite: str, name: str, digest: str) -> Path:
    """Where a score is stored."""
    return results / suite / name / digest[:16] / f"{suite}.json"


def save(results: Path, scored: ScoredEntry) -> Path:
    """Write one score atomically; the same version of an entry replaces itself."""
    entry = scored.entry
    path = path_of(results, entry.suite, entry.name, entry.submission_hash)
    text = json.dumps(scored.to_dict(), sort_keys=True, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    publish(path, text + "\n")
    return path


def publish(path: Path, text: str) -> None:
    """Write a text file in one step: a reader sees the old file or the new one, whenever the writer is stopped.

    Args:
        path: its folder is made if it is missing.
        text: its content.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=UNFINISHED, suffix=path.suffix)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def load(path: Path) -> ScoredEntry:
    """Read one stored score.

    Raises:
        ValueError: the file is damaged or of another schema; the message names it.
    """
    try:
        return ScoredEntry.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from error


def load_all(results: Path, suite: str) -> list[ScoredEntry]:
    """Every stored score of a suite; of several versions of a name the one scored last.

    Raises:
        ValueError: a file is damaged.
    """
    newest: dict[str, ScoredEntry] = {}
    for path in sorted((results / suite).glob("*/*/*.json")):
        if path.name.startswith("."):
            continue
        scored = load(path)
        known = newest.get(scored.entry.name)
        if known is None or str(scored.entry.scorer.get("date")) >= str(known.entry.scorer.get("date")):
            newest[scored.entry.name] = scored
    return list(newest.values())
