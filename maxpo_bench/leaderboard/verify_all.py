"""Verify every built-in estimator, several at a time; what is verified already is kept."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from maxpo_bench.estimators import ESTIMATORS
from maxpo_bench.leaderboard import store
from maxpo_bench.leaderboard.api import ScoringInterrupted, exit_without
from maxpo_bench.leaderboard.checks import check_line
from maxpo_bench.leaderboard.scored import ScoredEntry
from maxpo_bench.leaderboard.suite import SUITES
from maxpo_bench.leaderboard.verify import RESULTS, draw_beacon, verified_before, verify


def verify_built_ins(
    suite: str = "full",
    results: str | Path = RESULTS,
    *,
    beacon: str | None = None,
    by: str = "",
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
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
        progress: called with (done, total) after each estimator.

    Returns:
        The built-in entries with the status they have now, by name.

    Raises:
        ScoringInterrupted: a process was killed; what was finished is stored.
        ValueError: there is no built-in estimator's score, or a score is not up to date.
    """
    folder, name = Path(results), SUITES.get(suite).name
    if beacon is not None:
        check_line(beacon, "beacon")
    entries = _built_in_entries(folder, name)
    if not entries:
        raise ValueError(
            f"{folder / name} holds no score of a built-in estimator: call `maxpo-bench leaderboard --score`"
        )
    todo = [item.entry.name for item in entries if not _is_done(folder, item, beacon)]
    report = progress or (lambda done, total: None)
    report(len(entries) - len(todo), len(entries))
    if todo:
        _verify(
            todo,
            name,
            folder,
            beacon or draw_beacon(),
            by,
            workers,
            lambda left: report(len(entries) - left, len(entries)),
        )
    return _built_in_entries(folder, name)


def _built_in_entries(results: Path, suite: str) -> list[ScoredEntry]:
    stored = store.load_all(results, suite)
    return [item for item in stored if item.entry.origin == "built-in" and item.entry.name in ESTIMATORS]


def _is_done(results: Path, scored: ScoredEntry, beacon: str | None) -> bool:
    entry = scored.entry
    folder = store.path_of(results, entry.suite, entry.name, entry.submission_hash).parent
    return entry.status == "withdrawn" or verified_before(scored, folder, beacon) is not None


def _verify(
    names: Sequence[str], suite: str, results: Path, beacon: str, by: str, workers: int, report: Callable[[int], None]
) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with concurrent.futures.ProcessPoolExecutor(
        workers, mp_context=context, initializer=exit_without, initargs=(os.getpid(),)
    ) as pool:
        futures = [pool.submit(verify_one, name, suite, results, beacon, by) for name in names]
        try:
            for done, future in enumerate(concurrent.futures.as_completed(futures), start=1):
                future.result()
                report(len(names) - done)
        except concurrent.futures.BrokenExecutor as error:
            raise ScoringInterrupted(
                "a verifying process was killed: the same call goes on with what is missing"
            ) from error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def verify_one(name: str, suite: str, results: Path, beacon: str, by: str) -> None:
    """Verify one built-in estimator on one thread."""
    import torch

    torch.set_num_threads(1)
    verify(name, suite=suite, results=results, beacon=beacon, by=by)
