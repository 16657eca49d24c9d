"""Stored scores: ``<results>/<suite>/<name>/<submission hash>/<suite>.json``, one folder per version of an entry.

In the folder of a version lie

- ``<suite>.json``: its score, never changed, only replaced as a whole when the version is scored again;
- ``<suite>.1.json``, ``<suite>.2.json``, ...: the scores that were replaced, the oldest first, kept for good;
- ``verification.json`` and ``withdrawal.json``: see `maxpo_bench.leaderboard.statuses`;
- whatever else belongs to the version, under other names.

The version scored last is the one that is shown. A dispute or a withdrawal of an earlier one is shown with it until a
verification of it agrees.

Everything is written to a temporary file, synced, and renamed; what replaces something happens under the lock of the
folder. A reader sees a whole score or none, and at no moment is a score without a name.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from maxpo_bench.leaderboard import files
from maxpo_bench.leaderboard.files import UNFINISHED, publish
from maxpo_bench.leaderboard.scored import SCHEMA, ScoredEntry, decode
from maxpo_bench.leaderboard.statuses import carried, with_status
from maxpo_bench.leaderboard.suite import SUITES

__all__ = [
    "SCHEMA",
    "UNFINISHED",
    "DamagedScores",
    "Scan",
    "ScoredEntry",
    "history",
    "load",
    "load_all",
    "path_of",
    "publish",
    "save",
    "scan",
    "standing",
]

_PART = re.compile(r"[^\W_.][\w.+-]*|_[\w.+-]*")


class DamagedScores(ValueError):
    """Stored scores that cannot be read.

    Attributes:
        damaged: each file with what is wrong with it.
    """

    def __init__(self, results: Path, suite: str, damaged: Sequence[tuple[Path, str]]) -> None:
        count = f"{len(damaged)} stored files" if len(damaged) > 1 else "a stored file"
        lines = [f"{count} of suite {suite} cannot be used:"]
        lines += [f"  {path}: {reason}" for path, reason in damaged]
        flags = f"--suite {suite} --results {results}"
        lines += [
            "to go on, move what is damaged away (mv FILE FILE.damaged; nothing else is affected). Scores are made "
            f"again by `maxpo-bench leaderboard --score {flags}` (built-in estimators) or `maxpo-bench submit PATH "
            f"{flags}`; a version's earlier scores are kept beside it as {suite}.1.json, {suite}.2.json, ..."
        ]
        super().__init__("\n".join(lines))
        self.damaged = tuple(damaged)


@dataclass(frozen=True)
class Scan:
    """What lies in the folder of a suite.

    Attributes:
        scored: of every name the version scored last, by name.
        damaged: each file that cannot be read, with the reason.
    """

    scored: list[ScoredEntry]
    damaged: list[tuple[Path, str]]


def path_of(results: Path, suite: str, name: str, digest: str) -> Path:
    """Where a score is stored.

    Raises:
        ValueError: a part is no plain file name, or the digest is shorter than 16 characters.
    """
    for part, what in ((suite, "suite"), (name, "name"), (digest, "submission hash")):
        if not _PART.fullmatch(part):
            raise ValueError(f"{what} {part!r} cannot be a folder's name: letters, digits and '_ . + -' only")
    if len(digest) < 16:
        raise ValueError(f"a submission hash has at least 16 characters, got {digest!r}")
    return results / suite / name / digest[:16] / f"{suite}.json"


def history(path: Path) -> list[Path]:
    """Return the scores of the same version that ``path`` replaced, the oldest first."""
    numbered = {
        int(match[1]): other
        for other in path.parent.glob(f"{path.stem}.*.json")
        if (match := re.fullmatch(r"\.([1-9][0-9]*)", other.name[len(path.stem) : -len(".json")]))
    }
    return [numbered[number] for number in sorted(numbered)]


def save(results: Path, scored: ScoredEntry) -> Path:
    """Write one score; an earlier one of the same version is kept under a name of its own.

    Its status and verification are not written: files beside the score decide them.

    Raises:
        OSError: it cannot be written; what was stored before is untouched.
        ValueError: the entry's name, suite or hash cannot be part of a path, or a number is not finite.
    """
    entry = scored.entry
    path = path_of(results, entry.suite, entry.name, entry.submission_hash)
    content = scored.encoded()
    with files.locked(path.parent):
        files.clear_unfinished(path.parent)
        _keep_earlier(path)
        files.reached("kept")
        publish(path, content)
    return path


def _keep_earlier(path: Path) -> None:
    """Give what is about to be replaced, readable or not, the next free number."""
    if not path.exists():
        return
    kept = history(path)
    if kept and kept[-1].read_bytes() == path.read_bytes():  # a process was killed right here
        return
    last = int(kept[-1].name.split(".")[-2]) if kept else 0
    files.keep_as(path, path.with_name(f"{path.stem}.{last + 1}.json"))


def load(path: Path) -> ScoredEntry:
    """Read one stored score, with the status that the files beside it give it.

    Raises:
        ValueError: the file, or one beside it, is damaged, of another schema, or does not belong where it lies; the
            message names it.
        OSError: it cannot be read.
    """
    try:
        return _load(path)
    except ValueError as error:
        raise ValueError(f"{error}: move the file away (mv FILE FILE.damaged), then score the entry again") from error


def _load(path: Path) -> ScoredEntry:
    try:
        scored = decode(path.read_text(encoding="utf-8"))
        _check_place(path, scored)
        _check_bandits(scored)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from error
    return with_status(scored, path.parent)


def _check_place(path: Path, scored: ScoredEntry) -> None:
    entry = scored.entry
    expected = path_of(Path(), entry.suite, entry.name, entry.submission_hash).parts
    found = path.absolute().parts[-4:]
    if found != expected:
        raise ValueError(f"holds the score that belongs into {os.path.join(*expected)}")


def _check_bandits(scored: ScoredEntry) -> None:
    names = [instance.name for instance in SUITES.get(scored.entry.suite).instances()]
    if len(scored.noise) != len(names):
        raise ValueError(f"holds {len(scored.noise)} bandits, the suite has {len(names)}")
    for sums, name in zip(scored.noise, names, strict=True):
        if sums is not None and sums.instance != name:
            raise ValueError(f"holds the bandit {sums.instance!r} in the place of {name!r}")


def scan(results: Path, suite: str) -> Scan:
    """Read every stored score of a suite; of several versions of a name the one scored last counts."""
    versions, damaged = _versions(results, suite, "*")
    return Scan([carried(found[-1], found[:-1]) for found in versions.values()], damaged)


def standing(results: Path, scored: ScoredEntry) -> ScoredEntry:
    """Return a new score with the status under which it will be shown once it is stored.

    Raises:
        DamagedScores: a file of its name is damaged.
        ValueError: one beside it is.
    """
    entry = scored.entry
    versions, damaged = _versions(results, entry.suite, entry.name)
    if damaged:
        raise DamagedScores(results, entry.suite, damaged)
    others = [item for item in versions.get(entry.name, []) if item.entry.submission_hash != entry.submission_hash]
    folder = path_of(results, entry.suite, entry.name, entry.submission_hash).parent
    return carried(with_status(scored, folder), others)


def _versions(results: Path, suite: str, name: str) -> tuple[dict[str, list[ScoredEntry]], list[tuple[Path, str]]]:
    """Read the versions of every name that matches, those scored first first, and what of them is damaged."""
    versions: dict[str, list[ScoredEntry]] = {}
    damaged: list[tuple[Path, str]] = []
    for path in sorted((results / suite).glob(f"{name}/*/{suite}.json")):
        try:
            scored = _load(path)
        except (ValueError, OSError) as error:
            damaged.append(_fault(path, error))
            continue
        versions.setdefault(scored.entry.name, []).append(scored)
    return {name: sorted(found, key=_date) for name, found in versions.items()}, damaged


def _fault(path: Path, error: Exception) -> tuple[Path, str]:
    """Return the file to be named, which may be one beside the score, and the reason without the file."""
    text = str(error)
    for named in (path, *path.parent.glob("*.json")):
        if text.startswith(f"{named}: "):
            return named, text.removeprefix(f"{named}: ")
    return path, text


def _date(scored: ScoredEntry) -> str:
    return str(scored.entry.scorer.get("date", ""))


def load_all(results: Path, suite: str) -> list[ScoredEntry]:
    """Return of every name of a suite the version scored last, with what earlier ones leave to it (`carried`).

    Raises:
        DamagedScores: files are damaged; the message names all of them and says how to go on.
    """
    found = scan(results, suite)
    if found.damaged:
        raise DamagedScores(results, suite, found.damaged)
    return found.scored
