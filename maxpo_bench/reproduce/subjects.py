"""The estimators of a figure: the paper's three, and whatever else is asked for, by name or as a file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from maxpo_bench.leaderboard.submission import Candidate, built_in, load_submission

PAPER = ("ei", "ei_l2o", "ei_l1o")


def load_subjects(added: Iterable[str]) -> list[Candidate]:
    """Return the paper's three estimators and the added ones. A file's code is run with the caller's rights.

    Args:
        added: registered names, aliases, .py files or folders of a submission.

    Raises:
        UnknownNameError: no such estimator; the message suggests the nearest.
        SubmissionError: a file that cannot be read.
        ValueError: an estimator for binary rewards only, or two of one name.
    """
    subjects = {name: built_in(name) for name in PAPER}
    for target in added:
        is_path = target.endswith(".py") or Path(target).is_dir()
        candidate = load_submission(target) if is_path else built_in(target)
        if candidate.metadata.domain == "binary":
            raise ValueError(
                f"{candidate.name} is for binary rewards, and the bandits of these figures pay real ones: leave it out"
            )
        known = subjects.get(candidate.name)
        if known is not None and known.digest != candidate.digest:
            raise ValueError(f"two estimators are named {candidate.name!r}: rename one of them in its docstring")
        subjects.setdefault(candidate.name, candidate)
    return list(subjects.values())
