"""Verify every built-in estimator, several at a time; what is verified already is kept."""

from __future__ import annotations

from pathlib import Path

from maxpo_bench.estimators import ESTIMATORS
from maxpo_bench.leaderboard import files, statuses, store
from maxpo_bench.leaderboard.api import Progressing
from maxpo_bench.leaderboard.checks import check_line
from maxpo_bench.leaderboard.pool import in_processes
from maxpo_bench.leaderboard.reference import scoring_command
from maxpo_bench.leaderboard.score import REFERENCE, Progress
from maxpo_bench.leaderboard.scored import ScoredEntry
from maxpo_bench.leaderboard.stages import overall
from maxpo_bench.leaderboard.suite import SUITES
from maxpo_bench.leaderboard.verify import RESULTS, draw_beacon, verified_before, verify


def verify_built_ins(
    suite: str = "full",
    results: str | Path = RESULTS,
    *,
    beacon: str | None = None,
    by: str = "",
    workers: int = 1,
    progress: Progressing | None = None,
) -> list[ScoredEntry]:
    """Verify the built-in estimators that have a score, each in a process of its own.

    Those with a verification of their present numbers (with this beacon, if one is given) are left as they are.
    Interrupt it at will: the next call goes on with the ones that are missing.

    Args:
        suite: whose table.
        results: folder of the stored scores.
        beacon: a text that did not exist when the scores were made; drawn at random if not given.
        by: who verifies.
        workers: processes.
        progress: called with (done, total, names under way) at every step; done counts parts of estimators too.

    Returns:
        The built-in entries with the status they have now, by name.

    Raises:
        ScoringInterrupted: a process was killed; what was finished is stored.
        ValueError: there is no built-in estimator's score, or a score is not up to date.
        OSError: nor could one be stored there.
    """
    folder, name = Path(results), SUITES.get(suite).name
    if beacon is not None:
        check_line(beacon, "beacon")
    entries = _built_in_entries(folder, name)
    if not entries:
        files.check_writable(folder / name)
        raise ValueError(
            f"{folder / name} holds no score of a built-in estimator: call `{scoring_command(folder, name)}` first"
        )
    todo = [item.entry.name for item in entries if not _is_done(folder, item, beacon)]
    kept, report = len(entries) - len(todo), progress or (lambda done, total, current: None)
    report(kept, len(entries), "")
    in_processes(
        verify_one,
        todo,
        (name, folder, beacon or draw_beacon(), by),
        workers=workers,
        report=lambda done, current: report(kept + done, len(entries), current),
    )
    return _built_in_entries(folder, name)


def _built_in_entries(results: Path, suite: str) -> list[ScoredEntry]:
    stored = store.load_all(results, suite)
    return [item for item in stored if item.entry.origin == "built-in" and item.entry.name in ESTIMATORS]


def _is_done(results: Path, scored: ScoredEntry, beacon: str | None) -> bool:
    entry = scored.entry
    folder = store.path_of(results, entry.suite, entry.name, entry.submission_hash).parent
    return statuses.withdrawal(folder) is not None or verified_before(scored, folder, beacon) is not None


def verify_one(name: str, suite: str, results: Path, beacon: str, by: str, progress: Progress | None = None) -> None:
    """Verify one built-in estimator on one thread."""
    import torch

    torch.set_num_threads(1)
    parts = 2 if name == REFERENCE else 3
    verify(name, suite=suite, results=results, beacon=beacon, by=by, progress=progress and overall(progress, parts))
