"""What users call: score the built-in estimators, submit one of their own, read the table."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from maxpo_bench.estimators import BUILT_IN, ESTIMATORS
from maxpo_bench.leaderboard import store
from maxpo_bench.leaderboard.board import build_board
from maxpo_bench.leaderboard.entry import Leaderboard
from maxpo_bench.leaderboard.examination import SCORE_LIMITS, open_submission
from maxpo_bench.leaderboard.language import with_language_model
from maxpo_bench.leaderboard.score import REFERENCE, Progress, score, scorer_hash
from maxpo_bench.leaderboard.submission import (
    Candidate,
    Metadata,
    SubmissionError,
    built_in,
    from_function,
    read_submission,
)
from maxpo_bench.leaderboard.suite import SUITES
from maxpo_bench.sandbox import Level, Limits

RESULTS = Path("results")


@dataclass(frozen=True)
class Submitted:
    """A scored submission, where it is stored, and the table with it in its place."""

    scored: store.ScoredEntry
    path: Path
    board: Leaderboard


def table(suite: str = "full", results: str | Path = RESULTS) -> Leaderboard:
    """Make the table of a suite from the stored scores.

    Raises:
        UnknownNameError: no such suite.
        ValueError: a stored file is damaged, or the reference has no score.
    """
    name = SUITES.get(suite).name
    return build_board(name, with_language_model(Path(results), store.load_all(Path(results), name)))


def submit(
    submission: str | Path | Callable[..., Any],
    *,
    suite: str = "full",
    results: str | Path = RESULTS,
    level: Level = "strict",
    limits: Limits = SCORE_LIMITS,
    progress: Progress | None = None,
    **metadata: str | int | None,
) -> Submitted:
    """Check, certify and score an estimator, store the result and rank it.

    The code of a file runs in a sandbox. A function is the caller's own and runs in this process, unlocked, which is
    recorded with its score.

    Args:
        submission: a ``.py`` file, a folder with ``submission.py`` and ``submission.toml``, or a function
            ``f(rewards, k)`` on rewards [groups, n], named by ``name=`` or by its own name.
        suite: name of a frozen suite.
        results: folder of the stored scores; it must hold the reference's.
        level: of the sandbox; "none" is for code that you trust.
        limits: of the sandbox's worker.
        progress: called with (stage, share done).
        metadata: keys of `Metadata`, taking precedence over what the file declares.

    Raises:
        SubmissionError: the submission cannot be read.
        SandboxUnavailable: this machine does not offer the level.
        SandboxError: its code failed, or broke a limit or the sandbox's protocol.
        ContractFailure: it breaks the contract; the message shows the smallest examples.
        ValueError: the reference has no score on this suite.
    """
    chosen = SUITES.get(suite)
    if isinstance(submission, str | Path):
        read_submission(submission, **metadata)  # a faulty file is the first thing to be told of
    stored = store.load_all(Path(results), chosen.name)
    reference = next((item for item in stored if item.entry.name == REFERENCE), None)
    if reference is None:
        raise ValueError(
            f"{Path(results) / chosen.name} holds no score of {REFERENCE}, to which scores are relative: call "
            f"`maxpo-bench leaderboard --score --suite {suite} --results {results}` first, or name another folder"
        )
    with _opened(submission, metadata, level, limits) as candidate:
        scored = score(candidate, chosen, reference, progress)
    earlier = [item.entry.scorer for item in stored if item.entry.name == scored.entry.name]
    dates = [str(scorer.get("first", scorer["date"])) for scorer in [scored.entry.scorer, *earlier]]
    scored = replace(scored, entry=replace(scored.entry, scorer={**scored.entry.scorer, "first": min(dates)}))
    path = store.save(Path(results), scored)
    others = [item for item in stored if item.entry.name != scored.entry.name]
    shown = with_language_model(Path(results), [*others, scored])
    return Submitted(scored, path, build_board(chosen.name, shown))


@contextmanager
def _opened(
    submission: str | Path | Callable[..., Any], metadata: dict[str, Any], level: Level, limits: Limits
) -> Iterator[Candidate]:
    if isinstance(submission, str | Path):
        with open_submission(read_submission(submission, **metadata), level=level, limits=limits) as candidate:
            yield candidate
        return
    given = {key: value for key, value in metadata.items() if value is not None}
    given.setdefault("name", getattr(submission, "__name__", ""))
    if given["name"] in ESTIMATORS:
        raise SubmissionError(f"{given['name']!r} is a built-in estimator's name: choose another")
    yield from_function(submission, Metadata(**given))


def score_built_ins(
    suite: str = "full",
    results: str | Path = RESULTS,
    *,
    names: Sequence[str] | None = None,
    workers: int = 1,
    force: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Score registered estimators, each in a process of its own; stored scores of the same code are kept.

    Interrupt it at will: the next call goes on with the estimators that are missing.

    Args:
        suite: name of a frozen suite.
        results: folder of the stored scores.
        names: which estimators; all built-in ones by default. The reference is scored first if it has no score yet.
        workers: processes.
        force: score again what is stored.
        progress: called with (done, total) after each estimator.

    Returns:
        The files, in the order of ``names``.
    """
    chosen, folder = SUITES.get(suite), Path(results)
    wanted = [ESTIMATORS.canonical(name) for name in names or [spec.name for spec in BUILT_IN]]
    todo = [name for name in wanted if force or not _is_current(folder, chosen.name, name)]
    report = progress or (lambda done, total: None)
    if not _is_current(folder, chosen.name, REFERENCE) or (force and REFERENCE in todo):
        report(len(wanted) - len(todo), len(wanted))
        score_one(REFERENCE, suite, folder)
    todo = [name for name in todo if name != REFERENCE]
    done = len(wanted) - len(todo)
    report(done, len(wanted))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    parent = os.getpid()
    with concurrent.futures.ProcessPoolExecutor(
        workers, mp_context=context, initializer=exit_without, initargs=(parent,)
    ) as pool:
        futures = [pool.submit(score_one, name, suite, folder) for name in todo]
        try:
            for future in concurrent.futures.as_completed(futures):
                future.result()
                done += 1
                report(done, len(wanted))
        except concurrent.futures.BrokenExecutor as error:
            raise ScoringInterrupted(
                "a scoring process was killed: the same call goes on with what is missing"
            ) from error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [_path(folder, chosen.name, name) for name in wanted]


class ScoringInterrupted(RuntimeError):
    """A process that scored an estimator died; what was finished is stored."""


def exit_without(parent: int) -> None:
    """Start a watch that ends this process within a second of its parent's death, however that died."""

    def watch() -> None:
        while True:
            time.sleep(1.0)
            try:
                os.kill(parent, 0)
            except ProcessLookupError:
                os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def score_one(name: str, suite: str, results: Path) -> None:
    """Score one registered estimator against the stored reference, on one thread, and store it."""
    import torch

    torch.set_num_threads(1)
    chosen = SUITES.get(suite)
    reference = None if name == REFERENCE else store.load(_path(results, chosen.name, REFERENCE))
    store.save(results, score(built_in(name), chosen, reference))


def _path(results: Path, suite: str, name: str) -> Path:
    return store.path_of(results, suite, name, built_in(name).digest)


def _is_current(results: Path, suite: str, name: str) -> bool:
    path = _path(results, suite, name)
    return path.is_file() and store.load(path).entry.scorer.get("source") == scorer_hash()
