"""The estimators of a figure: the paper's three, and whatever else is asked for, by name or as a file."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from maxpo_bench.leaderboard.contract import check_contract
from maxpo_bench.leaderboard.score import ContractFailure
from maxpo_bench.leaderboard.submission import Candidate, built_in, load_submission

PAPER = ("ei", "ei_l2o", "ei_l1o")
WRITTEN = re.compile(r"cells|fig\d+[-a-z]*\..*|table1\..*|README\.md")
"""What we write into a folder that is a submission's too."""


def load_subjects(added: Iterable[str], *, out: Path | None = None) -> list[Candidate]:
    """Return the paper's three estimators and the added ones. A file's code is run with the caller's rights.

    The digest of a folder's submission covers all files of the folder, since its code may read any of them; that of a
    single file covers that file.

    Args:
        added: registered names, aliases, .py files or folders of a submission.
        out: where we write; if that is in a submission's folder, what lies there is no part of the submission.

    Raises:
        UnknownNameError: no such estimator; the message suggests the nearest.
        SubmissionError: a file that cannot be read.
        ContractFailure: a submission that fails contract tests; the message shows them.
        ValueError: an estimator for binary rewards only, or two of one name.
    """
    subjects = {name: built_in(name) for name in PAPER}
    for target in added:
        candidate = _load(target, out)
        if candidate.metadata.domain == "binary":
            raise ValueError(
                f"{candidate.name} is for binary rewards, and the bandits of these figures pay real ones: leave it out"
            )
        known = subjects.get(candidate.name)
        if known is not None and known.digest != candidate.digest:
            raise ValueError(f"two estimators are named {candidate.name!r}: rename one of them in its docstring")
        subjects.setdefault(candidate.name, candidate)
    return list(subjects.values())


def _load(target: str, out: Path | None) -> Candidate:
    path = Path(target)
    if not path.is_dir() and path.suffix != ".py":
        return built_in(target)
    candidate = load_submission(path)
    contract = check_contract(candidate)
    if any(result.status == "fail" for result in contract):
        raise ContractFailure(candidate.name, contract)
    return replace(candidate, digest=folder_digest(path, out)) if path.is_dir() else candidate


def folder_digest(folder: Path, out: Path | None = None) -> str:
    """SHA-256 over the names and contents of a folder's files, without hidden ones, caches and what lies in ``out``."""
    digest = hashlib.sha256()
    for path in sorted(_files(folder.resolve(), None if out is None else out.resolve())):
        content = path.read_bytes()
        name = os.fsencode(path.relative_to(folder.resolve()))
        digest.update(name + b"\0%d\0" % len(content) + content)
    return digest.hexdigest()


def _files(folder: Path, out: Path | None) -> Iterator[Path]:
    for path in folder.iterdir():
        is_ours = out == path or (out == folder and WRITTEN.fullmatch(path.name))
        if is_ours or path.name.startswith(".") or path.name == "__pycache__":
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _files(path, out)
        elif path.is_file():
            yield path
