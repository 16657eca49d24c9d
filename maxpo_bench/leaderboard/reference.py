"""The score to which all scores of a suite are relative, or how to come by it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from maxpo_bench.leaderboard import files
from maxpo_bench.leaderboard.score import REFERENCE
from maxpo_bench.leaderboard.scored import ScoredEntry


def reference_of(stored: Sequence[ScoredEntry], results: Path, suite: str) -> ScoredEntry:
    """Return the reference's score.

    Args:
        stored: the scores of the suite.
        results: where they are stored.
        suite: the suite's name.

    Raises:
        ValueError: it is not there; the message names the command that makes it.
        OSError: nor could it be stored there.
    """
    found = next((item for item in stored if item.entry.name == REFERENCE), None)
    if found is None:
        files.check_writable(results / suite)
        raise ValueError(
            f"{results / suite} holds no score of {REFERENCE}, to which scores are relative: call "
            f"`{scoring_command(results, suite)}` first, or name another folder"
        )
    return found


def scoring_command(results: Path, suite: str) -> str:
    """Return the command line that scores the built-in estimators, quoted for a shell."""
    return shlex.join(["maxpo-bench", "leaderboard", "--score", "--suite", suite, "--results", str(results)])
