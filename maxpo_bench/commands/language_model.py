"""`maxpo-bench score-lm`: the language-model column, apart from the score, with a status of its own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from maxpo_bench.commands.language_runs import Incomplete, Subject, measure
from maxpo_bench.commands.progress import counting
from maxpo_bench.estimators import ESTIMATORS
from maxpo_bench.leaderboard.columns import format_percent, format_points
from maxpo_bench.leaderboard.language import (
    GAIN_K,
    LanguageRecord,
    figures,
    frozen_reference,
    gain,
    language_path,
    load_language,
    save_language,
)
from maxpo_bench.leaderboard.language_track import LanguageTrack, track_of
from maxpo_bench.leaderboard.score import provenance
from maxpo_bench.leaderboard.submission import Metadata, SubmissionError, built_in
from maxpo_bench.leaderboard.suite import SUITES
from maxpo_bench.registry import UnknownNameError, suggest

if TYPE_CHECKING:
    from maxpo_bench.estimators import Estimator
    from maxpo_bench.leaderboard.source import Submission
    from maxpo_bench.sandbox import Level

ROUNDING = 1e-9
"""The reference is stored to twelve digits."""


@dataclass(frozen=True)
class Asked:
    """What the command line says.

    Attributes:
        target: a built-in estimator's name, or a submission's file or folder.
        name: of a submission in the table; None: the one it declares.
        suite: whose table.
        results: folder of the stored scores.
        seeds: evaluation seeds to stop after; None: all.
        level: sandbox level of a submission.
        table: folder of `reproduce tiny-lm` to take a built-in estimator's runs from; None: train.
        as_json: print JSON.
        quiet: no progress, only the result.
    """

    target: str
    suite: str
    results: Path
    name: str | None = None
    seeds: int | None = None
    level: Level = "strict"
    table: Path | None = None
    as_json: bool = False
    quiet: bool = False


def run_score_lm(asked: Asked) -> int:
    """Train what is missing of an entry's runs, store the record and print it.

    Returns:
        0; 3 where fewer seeds were asked for than the record needs.

    Raises:
        ValueError: an option does not fit, the estimator is not declared for the track's n and K, or its code fails.
    """
    suite = SUITES.canonical(asked.suite)
    track = track_of(suite)
    if asked.name is not None and asked.target in ESTIMATORS:
        raise ValueError("--name is for submissions: a built-in estimator has its own")
    if asked.seeds is not None and not 1 <= asked.seeds <= track.seeds:
        raise ValueError(f"--seeds must be 1 to {track.seeds}, the seeds of {track.name}, got {asked.seeds}")
    record = _stored(asked, suite, track)
    is_new = record is None
    if record is None:
        try:
            record = _made(asked, track)
        except Incomplete as unfinished:
            print(f"{asked.target}: {unfinished}; the same command without --seeds goes on", file=sys.stderr)
            return 3
        save_language(asked.results, suite, record)
    path = language_path(asked.results, suite, record.name, record.digest)
    _print(asked, record, path, is_new)
    return 0


def _stored(asked: Asked, suite: str, track: LanguageTrack) -> LanguageRecord | None:
    """Return the record that is there already."""
    name, digest = _identity(asked)
    return load_language(language_path(asked.results, suite, name, digest), track)


def _identity(asked: Asked) -> tuple[str, str]:
    """Return name and hash of what is named, without running any of its code."""
    if asked.target in ESTIMATORS:
        candidate = built_in(asked.target)
        return candidate.name, candidate.digest
    submission = _submission(asked)
    return submission.metadata.name, submission.digest


def _submission(asked: Asked) -> Submission:
    target = asked.target
    if not Path(target).exists() and not target.endswith(".py") and "/" not in target:
        raise UnknownNameError(
            f"{target!r} is neither a built-in estimator nor a file.{suggest(target, ESTIMATORS)} A submission is "
            "named by its file or folder, since its code is not kept with its score."
        )
    from maxpo_bench.leaderboard.source import read_submission

    return read_submission(target, name=asked.name)


def _made(asked: Asked, track: LanguageTrack) -> LanguageRecord:
    made_by = {**provenance(), "transformers": _version("transformers")}
    if asked.table is not None:
        from maxpo_bench.commands.language_import import imported

        if asked.target not in ESTIMATORS:
            raise ValueError("--from is for built-in estimators: the experiment trained no others")
        name, digest = _identity(asked)
        # the table does not say with which versions its runs were made
        origin = {"how": "imported", "date": made_by["date"], "imported_by": made_by}
        return imported(asked.table, track, name, digest, origin)
    subject = _subject(asked, track)
    with counting(subject.name, quiet=asked.quiet) as progress:
        return measure(track, subject, {**made_by, "how": "trained"}, seeds=asked.seeds, progress=progress)


def _subject(asked: Asked, track: LanguageTrack) -> Subject:
    if asked.target in ESTIMATORS:
        candidate = built_in(asked.target)
        _check_supported(candidate.metadata, candidate.smallest_group(track.k), track)
        return Subject(candidate.name, candidate.digest)
    submission = _submission(asked)
    metadata = submission.metadata
    _check_supported(metadata, metadata.smallest_group(track.k), track)
    level = asked.level
    if level == "none" and not asked.quiet:
        print("note: this runs the file's code without a sandbox, with your rights", file=sys.stderr)

    from maxpo_bench.leaderboard.examination import open_submission
    from maxpo_bench.leaderboard.limits import SCORE_LIMITS

    @contextmanager
    def opened(k: int) -> Iterator[Estimator]:
        with open_submission(submission, level=level, limits=SCORE_LIMITS) as candidate:
            yield candidate.build(k)
            if differing := candidate.audit():
                raise SubmissionError(f"{metadata.name} does not answer the same when it is asked again: {differing}")

    return Subject(metadata.name, submission.digest, level, opened, has_state=metadata.track == "stateful")


def _check_supported(metadata: Metadata, smallest: int, track: LanguageTrack) -> None:
    """Refuse an estimator that is not declared for the track's rewards, which are 0 and 1, n and K.

    Raises:
        ValueError: saying what it is declared for.
    """
    if metadata.min_k > track.k or smallest > track.group_size:
        raise ValueError(
            f"{metadata.name} is not declared for k={track.k} with groups of {track.group_size}, which {track.name} "
            f"uses: it needs at least k={metadata.min_k} and {smallest} samples per group"
        )


def _print(asked: Asked, record: LanguageRecord, path: Path, is_new: bool) -> None:
    reference = frozen_reference(record.track)
    told = figures(record, reference)
    if asked.as_json:
        from maxpo_bench.cli.shared import print_json

        found = gain(record, reference)
        print_json({"name": record.name, "path": str(path), **told, f"gain_at_{GAIN_K}": found.to_dict()})
        return
    for line in result_lines(record, reference):
        print(line)
    if not asked.quiet:
        print(f"{'Stored' if is_new else 'Stored before, nothing to do'}: {path}")


def result_lines(record: LanguageRecord, reference: LanguageRecord) -> list[str]:
    """Return what is printed of a record: its gain, pass@k before and after, and where it comes from."""
    told, found = figures(record, reference), gain(record, reference)
    shares = ", ".join(
        f"pass@{k} {format_percent(after)} (before {format_percent(before)})"
        for k, after, before in zip(told["k"], told["entry"], told["base"], strict=True)
    )
    how = "imported from `reproduce tiny-lm`" if told["how"] == "imported" else "trained here"
    edge = " (an end of the grid)" if record.learning_rate in (min(record.tuning), max(record.tuning)) else ""
    lines = [
        f"{record.name}: pass@{GAIN_K} {format_points(found.value)} [{format_points(found.low)}, "
        f"{format_points(found.high)}] percentage points beside {reference.name}, {told['seeds']} seeds",
        shares,
        f"learning rate {record.learning_rate:g}{edge}, {how}, {record.track.name}",
    ]
    if abs(record.base_at(GAIN_K) - reference.base_at(GAIN_K)).max() > ROUNDING:
        lines.append(
            "note: the models before training are not the reference's, as another processor or version of torch rounds "
            "otherwise: the two of a seed are alike, not equal"
        )
    return lines


def _version(package: str) -> str:
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
