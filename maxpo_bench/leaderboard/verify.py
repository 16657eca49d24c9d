"""Verify a stored score: score the entry again on seeds that did not exist when it was submitted, and compare.

The seeds are made of the submission's hash and a *beacon*, a text that nobody knew at the time: a public random value
or a commit of later date, or 32 bytes drawn now. Bandits stay; groups, the certificate's hidden bandits and the mazes
are fresh. The reference is scored again on the same groups, so that ratios stay paired; as the seeds depend on the
submission, a rerun of the reference serves one verification only and is not kept.

On the maze the entry's own step size is trained with, so that the returns of both runs are exchangeable; that the
tuning chooses it, and everything else that is not random, is checked by scoring once more on the entry's own seeds.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from maxpo_bench.estimators import ESTIMATORS
from maxpo_bench.leaderboard import files, statuses, store
from maxpo_bench.leaderboard.agreement import Comparison, Run, compare
from maxpo_bench.leaderboard.checks import check_line
from maxpo_bench.leaderboard.recomputation import recompute
from maxpo_bench.leaderboard.reference import reference_of, scoring_command
from maxpo_bench.leaderboard.score import REFERENCE, ContractFailure, Progress, provenance, score, scorer_hash
from maxpo_bench.leaderboard.scored import EARLIER, WITHDRAWN, ScoredEntry
from maxpo_bench.leaderboard.source import Submission, SubmissionError, read_submission
from maxpo_bench.leaderboard.statuses import Verification, Withdrawal
from maxpo_bench.leaderboard.submission import Candidate, built_in
from maxpo_bench.leaderboard.suite import SUITES, Suite
from maxpo_bench.registry import UnknownNameError, suggest
from maxpo_bench.seeding import derive_seed

if TYPE_CHECKING:
    from maxpo_bench.sandbox import Level

RESULTS = Path("results")
SUBMISSIONS = Path("submissions")


@dataclass(frozen=True)
class Verified:
    """A verification and the entry that it was made of.

    Attributes:
        scored: the entry with its status after the verification.
        verification: what was compared.
        path: the file that holds it.
        is_new: False where this beacon had verified these numbers before, and nothing was run.
    """

    scored: ScoredEntry
    verification: Verification
    path: Path
    is_new: bool


def salt_of(digest: str, beacon: str) -> str:
    """Return what enters the seeds of a verification: SHA-256 of the submission's hash and the beacon."""
    return hashlib.sha256(f"{digest}\n{beacon}".encode()).hexdigest()


def draw_beacon() -> str:
    """Return 32 random bytes of the operating system, in hexadecimal."""
    return secrets.token_hex(32)


def verify(
    name: str,
    *,
    suite: str = "full",
    results: str | Path = RESULTS,
    beacon: str | None = None,
    by: str = "",
    submission: str | Path | None = None,
    level: Level = "strict",
    progress: Progress | None = None,
) -> Verified:
    """Score an entry again on fresh seeds, compare, and append the outcome to its verifications.

    Args:
        name: of the entry; aliases of built-in estimators work.
        suite: whose table.
        results: folder of the stored scores.
        beacon: a text that did not exist when the entry was submitted; drawn at random if not given.
        by: who verifies.
        submission: the file or folder that was scored; found in ``submissions/NAME`` if not given. Not for built-ins.
        level: of the sandbox in which a submission's code runs.
        progress: called with (stage, share done).

    Raises:
        UnknownNameError: no such entry.
        OSError: the outcome could not be stored; nothing is run then.
        ValueError: it is withdrawn, its source is not at hand or another one, or it was scored by other code.
        SubmissionError: the submission cannot be read.
        SandboxError: the sandbox is not offered, or the submission broke a limit.
    """
    chosen, folder = SUITES.get(suite), Path(results)
    if beacon is not None:
        check_line(beacon, "beacon")
    stored = {item.entry.name: item for item in store.load_all(folder, chosen.name)}
    reference_of(list(stored.values()), folder, chosen.name)
    scored = _find(stored, name, chosen.name, folder)
    subject = _subject(scored, submission)
    _check_current(scored, stored, chosen.name, folder)
    path = store.path_of(folder, chosen.name, scored.entry.name, scored.entry.submission_hash)
    done = verified_before(scored, path.parent, beacon)
    if beacon is not None and done is not None:
        return Verified(scored, done, path.parent / statuses.VERIFICATIONS, is_new=False)
    files.check_writable(path.parent)
    rerun = _Rerun(subject, chosen, level, beacon or draw_beacon(), progress or (lambda stage, done: None))
    verification = rerun.verify(scored, stored[REFERENCE], by)
    return Verified(
        path=statuses.add_verification(path.parent, verification),
        scored=store.load(path),
        verification=verification,
        is_new=True,
    )


def verified_before(scored: ScoredEntry, folder: Path, beacon: str | None = None) -> Verification | None:
    """Return the last verification of an entry's present numbers, with this beacon if one is given, or None."""
    digest = statuses.measured_digest(scored)
    known = [item for item in statuses.verifications(folder) if item.measured == digest]
    return next((item for item in reversed(known) if beacon in (None, item.beacon)), None)


def withdraw(
    name: str, reason: str, *, suite: str = "full", results: str | Path = RESULTS, by: str = ""
) -> tuple[ScoredEntry, Path]:
    """Mark an entry as withdrawn; its row and its score stay, without a rank.

    Args:
        name: of the entry.
        reason: one line, shown with the entry.
        suite: whose table.
        results: folder of the stored scores.
        by: who withdraws it.

    Returns:
        The entry as it is shown now, and the file that says so.

    Raises:
        UnknownNameError: no such entry.
        ValueError: it is withdrawn already, or it is the reference.
    """
    chosen, folder = SUITES.get(suite), Path(results)
    found = {item.entry.name: item for item in store.load_all(folder, chosen.name)}
    entry = _find(found, name, chosen.name, folder).entry
    if entry.name == REFERENCE:
        raise ValueError(f"{REFERENCE} is the reference of every score: it cannot be withdrawn")
    path = store.path_of(folder, chosen.name, entry.name, entry.submission_hash)
    try:
        written = statuses.withdraw(path.parent, Withdrawal(date=_now(), reason=reason, by=by))
    except ValueError as error:
        raise ValueError(f"{entry.name} cannot be withdrawn: {error}") from error
    return store.load(path), written


@dataclass(frozen=True)
class _Rerun:
    """The two scorings of a verification: on the entry's own seeds, and on fresh ones."""

    subject: Submission | str
    suite: Suite
    level: Level
    beacon: str
    progress: Progress

    def verify(self, stored: ScoredEntry, reference: ScoredEntry, by: str) -> Verification:
        salt = salt_of(stored.entry.submission_hash, self.beacon)
        try:
            comparisons, sandbox = self._compare(stored, reference, salt)
        except ContractFailure as failure:
            comparisons, sandbox = [_broken(failure)], stored.entry.sandbox
        return Verification(
            date=_now(),
            beacon=self.beacon,
            salt=salt,
            measured=statuses.measured_digest(stored),
            agrees=all(each.agrees for each in comparisons),
            by=by,
            comparisons=[each.to_dict() for each in comparisons],
            sandbox=sandbox,
            scorer=provenance(),
        )

    def _compare(self, stored: ScoredEntry, reference: ScoredEntry, salt: str) -> tuple[list[Comparison], str]:
        is_reference = stored.entry.name == REFERENCE
        again = self._score("own seeds", self.suite, None if is_reference else reference, "")
        fresh_reference = None
        if not is_reference:
            report = self._report("reference")
            fresh_reference = score(built_in(REFERENCE), self._fresh_suite(reference), None, report, salt=salt)
        fresh = self._score("fresh seeds", self._fresh_suite(stored), fresh_reference, salt)
        found = compare(
            Run(stored, reference),
            Run(fresh, fresh_reference or fresh),
            np.random.default_rng(derive_seed(0, "verification", salt)),
        )
        return [recompute(stored, again), *found], fresh.entry.sandbox

    def _fresh_suite(self, stored: ScoredEntry) -> Suite:
        """The suite with the entry's own step size only: the tuning is checked on the entry's own seeds."""
        rate = stored.entry.learning_rate
        if rate is None or rate not in self.suite.maze.learning_rates:
            return self.suite
        return replace(self.suite, maze=replace(self.suite.maze, learning_rates=(rate,)))

    def _score(self, stage: str, suite: Suite, reference: ScoredEntry | None, salt: str) -> ScoredEntry:
        with _opened(self.subject, self.level) as candidate:
            return score(candidate, suite, reference, self._report(stage), salt=salt)

    def _report(self, stage: str) -> Progress:
        return lambda part, done: self.progress(f"{stage}: {part}", done)


def _broken(failure: ContractFailure) -> Comparison:
    failed = [f"{result.name}: {result.message}" for result in failure.results if result.status == "fail"]
    return Comparison(metric="contract", stored="kept", rerun="broken", agrees=False, note="; ".join(failed))


@contextmanager
def _opened(subject: Submission | str, level: Level) -> Iterator[Candidate]:
    """Yield the estimator: a built-in one as it is, a submission's in a worker."""
    if isinstance(subject, str):
        yield built_in(subject)
        return
    from maxpo_bench.leaderboard.examination import open_submission
    from maxpo_bench.leaderboard.limits import SCORE_LIMITS

    with open_submission(subject, level=level, limits=SCORE_LIMITS) as candidate:
        yield candidate


def _find(stored: dict[str, ScoredEntry], name: str, suite: str, results: Path) -> ScoredEntry:
    wanted = ESTIMATORS.canonical(name) if name not in stored and name in ESTIMATORS else name
    if wanted not in stored:
        raise UnknownNameError(f"no entry {name!r} in {results / suite}.{suggest(name, stored)}")
    return stored[wanted]


def _subject(scored: ScoredEntry, path: str | Path | None) -> Submission | str:
    """Return what to score again: a built-in estimator's name, or the submission as it was scored."""
    entry = scored.entry
    if entry.origin == "built-in":
        if path is not None:
            raise ValueError(f"{entry.name} is a built-in estimator: leave the submission out")
        if built_in(entry.name).digest != entry.submission_hash:
            raise ValueError(f"{entry.name} is not the code that was scored: score the built-in estimators again")
        return entry.name
    found = _source_of(entry.name, path)
    declared: dict[str, Any] = {key: getattr(entry, key) for key in ("name", "scale", "domain", "track")}
    submission = read_submission(found, **declared)
    if submission.digest != entry.submission_hash:
        raise SubmissionError(
            f"{found} is not what was scored as {entry.name}: its hash is {submission.digest[:16]}, the entry's "
            f"{entry.submission_hash[:16]}. Give the file or folder exactly as it was submitted"
        )
    return submission


def _source_of(name: str, path: str | Path | None) -> Path:
    places = [SUBMISSIONS / name, SUBMISSIONS / f"{name}.py"] if path is None else [Path(path)]
    found = next((place for place in places if place.exists()), None)
    if found is None:
        tried = " and ".join(map(str, places))
        raise SubmissionError(f"the source of {name} is needed and not at {tried}: give its file or folder")
    return found


def _check_current(scored: ScoredEntry, stored: dict[str, ScoredEntry], suite: str, results: Path) -> None:
    entry = scored.entry
    if entry.status == "withdrawn" and EARLIER not in entry.extra:
        raise ValueError(f"{entry.name} is withdrawn: {entry.extra[WITHDRAWN]['reason']}")
    now = scorer_hash()
    for item in (stored[REFERENCE], scored):
        if item.entry.scorer.get("source") != now:
            again = scoring_command(results, suite)
            if item.entry.origin != "built-in":
                again = again.replace("leaderboard --score", "submit PATH", 1)
            raise ValueError(
                f"{item.entry.name} was scored by other code than this: score it again first ({again}), or verify with "
                f"the version that scored it (commit {item.entry.scorer.get('commit')})"
            )


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
