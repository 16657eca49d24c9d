"""What users call: score the built-in estimators, submit one of their own, read the table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import replace as changed
from functools import partial
from pathlib import Path
from typing import Any

from maxpo_bench.estimators import BUILT_IN, ESTIMATORS
from maxpo_bench.leaderboard import files, store
from maxpo_bench.leaderboard.board import build_board
from maxpo_bench.leaderboard.entry import Leaderboard
from maxpo_bench.leaderboard.examination import open_submission
from maxpo_bench.leaderboard.language import with_language_model
from maxpo_bench.leaderboard.limits import SCORE_LIMITS
from maxpo_bench.leaderboard.pool import ScoringInterrupted, exit_without, in_processes
from maxpo_bench.leaderboard.reference import reference_of
from maxpo_bench.leaderboard.score import REFERENCE, Progress, score, scorer_hash
from maxpo_bench.leaderboard.stages import overall
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

__all__ = [
    "RESULTS",
    "ScoringInterrupted",
    "Submitted",
    "exit_without",
    "score_built_ins",
    "score_one",
    "submit",
    "table",
]

RESULTS = Path("results")
Progressing = Callable[[float, int, str], None]


@dataclass(frozen=True)
class Submitted:
    """A scored submission with the status that it is shown with, its file, and the table with it in its place."""

    scored: store.ScoredEntry
    path: Path
    board: Leaderboard


def table(suite: str = "full", results: str | Path = RESULTS) -> Leaderboard:
    """Make the table of a suite from the stored scores.

    Raises:
        UnknownNameError: no such suite.
        ValueError: a stored file is damaged, or the reference has no score.
        OSError: nor could it be stored there.
    """
    name, folder = SUITES.get(suite).name, Path(results)
    stored = store.load_all(folder, name)
    reference_of(stored, folder, name)
    return build_board(name, with_language_model(folder, stored))


def submit(
    submission: str | Path | Callable[..., Any],
    *,
    suite: str = "full",
    results: str | Path = RESULTS,
    level: Level = "strict",
    limits: Limits = SCORE_LIMITS,
    replace: bool = False,
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
        replace: is this a new version of the entry that has the name? Then it takes its place, and a dispute or a
            withdrawal stays with the name until a verification of the new version agrees.
        progress: called with (stage, share done).
        metadata: keys of `Metadata`, taking precedence over what the file declares.

    Raises:
        SubmissionError: the submission cannot be read, or another one has its name and ``replace`` is not given.
        SandboxUnavailable: this machine does not offer the level.
        SandboxError: its code failed, or broke a limit or the sandbox's protocol.
        ContractFailure: it breaks the contract; the message shows the smallest examples.
        ValueError: the reference has no score on this suite.
        OSError: the folder cannot be written to; nothing is scored then.
    """
    chosen, folder = SUITES.get(suite), Path(results)
    if isinstance(submission, str | Path):
        read_submission(submission, **metadata)  # a faulty file is the first thing to be told of
    stored = store.load_all(folder, chosen.name)
    reference = reference_of(stored, folder, chosen.name)
    files.check_writable(folder / chosen.name)
    with _opened(submission, metadata, level, limits) as candidate:
        if not replace:
            _refuse_taken_name(stored, candidate.name, candidate.digest)
        scored = score(candidate, chosen, reference, progress)
    return _store(folder, scored, replace=replace)


def _store(results: Path, new: store.ScoredEntry, *, replace: bool) -> Submitted:
    """Store a new score, unless the table with it cannot be made."""
    suite, name = new.entry.suite, new.entry.name
    stored = store.load_all(results, suite)  # again: others may have been stored while this one was scored
    if not replace:
        _refuse_taken_name(stored, name, new.entry.submission_hash)
    scorer = {**new.entry.scorer, "first": _first_date(results, new)}
    shown = store.standing(results, changed(new, entry=changed(new.entry, scorer=scorer)))
    others = [item for item in stored if item.entry.name != name]
    board = build_board(suite, with_language_model(results, [*others, shown]))
    return Submitted(shown, store.save(results, shown), board)


def _refuse_taken_name(stored: Sequence[store.ScoredEntry], name: str, digest: str) -> None:
    known = next((item.entry for item in stored if item.entry.name == name), None)
    if known is None or known.submission_hash == digest:
        return
    author = f" by {known.authors}" if known.authors else ""
    raise SubmissionError(
        f"the name {name!r} is taken: {known.suite} shows another submission{author} under it (hash "
        f"{known.submission_hash[:16]}, this one's is {digest[:16]}). Choose another name, or say with --replace that "
        "this is a new version of that entry (in Python: replace=True)"
    )


def _first_date(results: Path, new: store.ScoredEntry) -> str:
    """When this very submission was first scored; another one of the same name has a date of its own."""
    entry = new.entry
    path = store.path_of(results, entry.suite, entry.name, entry.submission_hash)
    scorers = [entry.scorer] + ([store.load(path).entry.scorer] if path.is_file() else [])
    return min(str(scorer.get("first", scorer["date"])) for scorer in scorers)


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
    progress: Progressing | None = None,
) -> list[Path]:
    """Score registered estimators, each in a process of its own; stored scores of the same code are kept.

    Interrupt it at will: the next call goes on with the estimators that are missing.

    Args:
        suite: name of a frozen suite.
        results: folder of the stored scores.
        names: which estimators; all built-in ones by default. The reference is scored first if it has no score yet.
        workers: processes.
        force: score again what is stored.
        progress: called with (done, total, names under way) at every step; done counts parts of estimators too.

    Returns:
        The files, in the order of ``names``.

    Raises:
        ScoringInterrupted: a process was killed; what was finished is stored.
        OSError: the folder cannot be written to; nothing is scored then.
    """
    chosen, folder = SUITES.get(suite), Path(results)
    wanted = [ESTIMATORS.canonical(name) for name in names or [spec.name for spec in BUILT_IN]]
    todo = [name for name in wanted if force or not _is_current(folder, chosen.name, name)]
    first = [REFERENCE] if REFERENCE in todo or not _is_current(folder, chosen.name, REFERENCE) else []
    todo = [name for name in todo if name != REFERENCE]
    total = len({*first, *wanted})
    done = total - len(first) - len(todo)
    report = progress or (lambda done, total, current: None)
    report(done, total, "")
    if first or todo:
        files.check_writable(folder / chosen.name)
    for names in (first, todo):
        in_processes(score_one, names, (suite, folder), workers=workers, report=partial(_count, report, done, total))
        done += len(names)
    return [_path(folder, chosen.name, name) for name in wanted]


def _count(report: Progressing, before: int, total: int, done: float, current: str) -> None:
    report(before + done, total, current)


def score_one(name: str, suite: str, results: Path, progress: Progress | None = None) -> None:
    """Score one registered estimator against the stored reference, on one thread, and store it.

    Args:
        name: of the estimator.
        suite: name of the suite.
        results: folder of the stored scores.
        progress: called with (stage, share of the whole done).
    """
    import torch

    torch.set_num_threads(1)
    chosen = SUITES.get(suite)
    reference = None if name == REFERENCE else store.load(_path(results, chosen.name, REFERENCE))
    store.save(results, score(built_in(name), chosen, reference, overall(progress) if progress else None))


def _path(results: Path, suite: str, name: str) -> Path:
    return store.path_of(results, suite, name, built_in(name).digest)


def _is_current(results: Path, suite: str, name: str) -> bool:
    path = _path(results, suite, name)
    return path.is_file() and store.load(path).entry.scorer.get("source") == scorer_hash()
