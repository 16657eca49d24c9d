"""What became of a score after it was stored: verified, disputed, withdrawn. Files beside it say so, never it itself.

``verification.json`` is a list to which every verification is appended, ``withdrawal.json`` says since when and why an
entry is withdrawn. Neither is ever deleted by this package.

A verification speaks of the file that it compared: when that changes, because the version was scored again or somebody
wrote into it, it stays in the list and no longer makes the entry verified. Of those that count, the first that
disagrees makes the entry *disputed*, and `CLEARED_BY` later ones in a row that agree, each with a beacon of its own,
make it *verified* again: a false alarm can be cleared, and nobody clears a true one by trying once more. Nor by
changing something: a dispute outlives a new score of the same version until as many agree with that, and a new version
of the name (`carried`) until a verification agrees with it; so does a withdrawal.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from maxpo_bench.leaderboard import files
from maxpo_bench.leaderboard.checks import check_keys, check_line, json_object
from maxpo_bench.leaderboard.scored import EARLIER, OWN_STATUS, WITHDRAWN, ScoredEntry

SCHEMA = 1
VERIFICATIONS = "verification.json"
WITHDRAWAL = "withdrawal.json"
CLEARED_BY = 2
"""Agreeing verifications in a row that end a dispute."""
SHOWN = ("date", "beacon", "agrees", "by", "comparisons")


@dataclass(frozen=True, kw_only=True)
class Verification:
    """One verification of a score.

    Attributes:
        date: when, in UTC.
        beacon: the text from which, with the submission's hash, the seeds were made.
        salt: what entered the seeds.
        measured: `measured_digest` of the score that was verified.
        agrees: do all comparisons agree?
        by: who verified; empty if not said.
        comparisons: one per metric, see `maxpo_bench.leaderboard.agreement.Comparison`.
        sandbox: level under which the submission's code ran.
        scorer: versions, commit and processor of the verifying run.
    """

    date: str
    beacon: str
    salt: str
    measured: str
    agrees: bool
    by: str = ""
    comparisons: list[dict[str, Any]]
    sandbox: str = "none"
    scorer: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("date", "beacon", "salt", "measured"):
            check_line(getattr(self, name), f"verification: {name}")
        if self.by:
            check_line(self.by, "verification: by")
        if not isinstance(self.agrees, bool):
            raise TypeError(f"verification: agrees must be true or false, got {self.agrees!r}")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Read what `to_dict` wrote.

        Raises:
            ValueError: a key is missing or unknown, or a value is refused.
            TypeError: a value has the wrong type.
        """
        check_keys(data, tuple(cls.__dataclass_fields__), "verification")
        return cls(**json_object(data, "verification"))


@dataclass(frozen=True, kw_only=True)
class Withdrawal:
    """Since when, why and by whom an entry is withdrawn."""

    date: str
    reason: str
    by: str = ""

    def __post_init__(self) -> None:
        check_line(self.date, "withdrawal: date")
        check_line(self.reason, "withdrawal: reason")
        if self.by:
            check_line(self.by, "withdrawal: by")


def measured_digest(scored: ScoredEntry) -> str:
    """Hash of everything that a score's file says: columns, block sums, returns, metadata, and what computed it.

    Of all of it the table or a page shows something, so that nothing can be changed under a verification.
    """
    return hashlib.sha256(scored.encoded().encode()).hexdigest()


def verifications(folder: Path) -> list[Verification]:
    """Return the verifications of the version in a folder, the oldest first.

    Raises:
        ValueError: the file is damaged; the message names it.
    """
    stored = _read(folder / VERIFICATIONS, "verifications")
    if stored is None:
        return []
    try:
        if not isinstance(stored["verifications"], list):
            raise TypeError("verifications must be a list")
        return [Verification.from_dict(item) for item in stored["verifications"]]
    except (ValueError, TypeError) as error:
        raise ValueError(f"{folder / VERIFICATIONS}: {error}") from error


def add_verification(folder: Path, new: Verification) -> Path:
    """Append one verification to the list of the version in a folder.

    Raises:
        ValueError: the list is damaged; it is left as it is.
        OSError: it cannot be written; the list is left as it is.
    """
    path = folder / VERIFICATIONS
    with files.locked(folder):
        known = [item.to_dict() for item in verifications(folder)]
        _write(path, {"schema": SCHEMA, "verifications": [*known, new.to_dict()]})
    return path


def withdrawal(folder: Path) -> Withdrawal | None:
    """Return the withdrawal of the version in a folder, or None.

    Raises:
        ValueError: the file is damaged; the message names it.
    """
    stored = _read(folder / WITHDRAWAL, "withdrawal")
    if stored is None:
        return None
    try:
        check_keys(stored["withdrawal"], ("date", "reason", "by"), "withdrawal")
        return Withdrawal(**stored["withdrawal"])
    except (ValueError, TypeError) as error:
        raise ValueError(f"{folder / WITHDRAWAL}: {error}") from error


def withdraw(folder: Path, new: Withdrawal) -> Path:
    """Mark the version in a folder as withdrawn; its score and its row stay.

    Raises:
        ValueError: it is withdrawn already, or the file is damaged.
        OSError: it cannot be written.
    """
    path = folder / WITHDRAWAL
    with files.locked(folder):
        known = withdrawal(folder)
        if known is not None:
            raise ValueError(f"it is withdrawn since {known.date}: {known.reason} ({path})")
        _write(path, {"schema": SCHEMA, "withdrawal": asdict(new)})
    return path


def with_status(scored: ScoredEntry, folder: Path) -> ScoredEntry:
    """Return a score with the status of its version, its last verification and its withdrawal (in ``entry.extra``).

    Args:
        scored: as it was read.
        folder: of its version.

    Raises:
        ValueError: a file is damaged; the message names it.
    """
    withdrawn, known = withdrawal(folder), verifications(folder)
    entry = scored.entry
    if known:
        digest = measured_digest(scored)
        counting = [item for item in known if item.measured == digest]
        before = _unresolved([item for item in known if item.measured != digest])
        entry = replace(entry, status=status_of([*before, *counting]))
        for last in [*before, *counting][-1:]:
            entry = replace(entry, verification={key: getattr(last, key) for key in SHOWN})
    if withdrawn is not None:
        entry = replace(entry, status="withdrawn", extra={**entry.extra, WITHDRAWN: asdict(withdrawn)})
    return scored if entry is scored.entry else replace(scored, entry=entry)


def carried(shown: ScoredEntry, earlier: Sequence[ScoredEntry]) -> ScoredEntry:
    """Return the version of a name that is shown, with the dispute or the withdrawal that earlier ones leave to it.

    It lasts until a verification of the version shown agrees; its own dispute or withdrawal comes first.

    Args:
        shown: with the status of its own.
        earlier: the other versions of the name with theirs, the oldest first.
    """
    left = None
    for item in earlier:
        if item.entry.status != OWN_STATUS:
            left = None if item.entry.status == "verified" else item.entry
    entry = shown.entry
    if left is None or entry.status != OWN_STATUS:
        return shown
    said = {WITHDRAWN: left.extra[WITHDRAWN]} if left.status == "withdrawn" else {}
    extra = {**entry.extra, **said, EARLIER: left.submission_hash}
    return replace(shown, entry=replace(entry, status=left.status, verification=left.verification, extra=extra))


def _unresolved(others: Sequence[Verification]) -> list[Verification]:
    """Of verifications of earlier scores of a version, those that disagree and that no later score has cleared."""
    found: list[Verification] = []
    for measured in dict.fromkeys(item.measured for item in others):
        group = [item for item in others if item.measured == measured]
        cleared = status_of([*found, *group]) == "verified"
        found = [] if cleared else [*found, *(item for item in group if not item.agrees)]
    return found


def status_of(counting: Sequence[Verification]) -> str:
    """Return the status that verifications give, in their order."""
    if not counting:
        return OWN_STATUS
    disagreeing = [place for place, item in enumerate(counting) if not item.agrees]
    if not disagreeing:
        return "verified"
    used = {item.beacon for item in counting[: disagreeing[-1] + 1]}
    since = {item.beacon for item in counting[disagreeing[-1] + 1 :]} - used
    return "verified" if len(since) >= CLEARED_BY else "disputed"


def _read(path: Path, key: str) -> dict[str, Any] | None:
    """Return the content of one of the files beside a score, or None where there is none."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        check_keys(data, ("schema", key), "file")
        if data["schema"] != SCHEMA:
            raise ValueError(f"schema {data['schema']!r:.40} is not {SCHEMA}")
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{path}: {error}") from error
    return data


def _write(path: Path, data: dict[str, Any]) -> None:
    files.publish(path, json.dumps(data, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n")
