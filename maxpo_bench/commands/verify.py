"""`maxpo-bench verify` and `maxpo-bench withdraw`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from maxpo_bench.commands.entries_progress import entries
from maxpo_bench.commands.leaderboard import COMMITTED, TABLE
from maxpo_bench.commands.one_interrupt import one_interrupt
from maxpo_bench.commands.progress import staged
from maxpo_bench.leaderboard import verify
from maxpo_bench.leaderboard.agreement import Comparison
from maxpo_bench.leaderboard.api import ScoringInterrupted
from maxpo_bench.leaderboard.scored import ScoredEntry
from maxpo_bench.leaderboard.verify_all import verify_built_ins

if TYPE_CHECKING:
    from maxpo_bench.sandbox import Level


@dataclass(frozen=True)
class Asked:
    """What the command line of `verify` says.

    Attributes:
        entry: its name; None with ``all_built_in``.
        suite: whose table.
        results: folder of the stored scores.
        beacon: text that enters the seeds; None: drawn.
        by: who verifies.
        submission: file or folder that was scored; None: found in submissions/.
        level: sandbox level of a submission.
        all_built_in: verify every built-in estimator.
        workers: processes, with ``all_built_in``.
        as_json: print JSON.
        quiet: no progress.
    """

    entry: str | None
    suite: str
    results: Path
    beacon: str | None = None
    by: str = ""
    submission: Path | None = None
    level: Level = "strict"
    all_built_in: bool = False
    workers: int = 2
    as_json: bool = False
    quiet: bool = False


def run_verify(asked: Asked) -> int:
    """Verify one entry or all built-in estimators; return 0, or 1 where something is disputed, 3 where a process died.

    Raises:
        ValueError: options do not fit, or the entry cannot be verified.
    """
    if (asked.entry is None) != asked.all_built_in:
        raise ValueError("give the name of an entry, or --all-built-in")
    if asked.all_built_in:
        if asked.submission is not None:
            raise ValueError("--submission goes with the name of an entry")
        return _verify_all(asked)
    return _verify_one(asked, asked.entry or "")


def _verify_one(asked: Asked, name: str) -> int:
    with staged(quiet=asked.quiet) as progress:
        done = verify.verify(
            name,
            suite=asked.suite,
            results=asked.results,
            beacon=asked.beacon,
            by=asked.by,
            submission=asked.submission,
            level=asked.level,
            progress=progress,
        )
    if asked.as_json:
        from maxpo_bench.cli.shared import print_json

        print_json({"name": done.scored.entry.name, "status": done.scored.entry.status, **done.verification.to_dict()})
    else:
        _print_one(done)
        _print_table_hint(asked)
    return 0 if done.verification.agrees else 1


def _print_one(done: verify.Verified) -> None:
    entry, found = done.scored.entry, done.verification
    if not done.is_new:
        print(f"{entry.name} was verified with this beacon on {found.date}: nothing is run again")
    for data in found.comparisons:
        comparison = Comparison(**data)
        print(f"  {'agrees ' if comparison.agrees else 'DIFFERS'}  {comparison}")
    print(f"{entry.name}: {entry.status}. {_meaning(done)}")
    print(f"Beacon: {found.beacon}")
    print(f"Stored: {done.path}")


def _meaning(done: verify.Verified) -> str:
    found, status = done.verification, done.scored.entry.status
    differing = [Comparison(**data).metric for data in found.comparisons if not data["agrees"]]
    if differing:
        return f"The rerun differs in {', '.join(differing)}."
    if status == "disputed":
        return (
            "This rerun agrees; an earlier one did not, and a dispute ends with two that agree, each with a new beacon."
        )
    return "Everything that is random lies within the joint interval of both runs, everything else is the same."


def _verify_all(asked: Asked) -> int:
    try:
        with one_interrupt(), entries("verifying", quiet=asked.quiet) as progress:
            verified = verify_built_ins(
                asked.suite,
                asked.results,
                beacon=asked.beacon,
                by=asked.by,
                workers=asked.workers,
                progress=progress,
            )
    except ScoringInterrupted as error:
        print(f"maxpo-bench: {error}", file=sys.stderr)
        return 3
    if asked.as_json:
        from maxpo_bench.cli.shared import print_json

        print_json({item.entry.name: {"status": item.entry.status, **item.entry.verification} for item in verified})
    else:
        for item in verified:
            print(_line(item))
        _print_table_hint(asked)
    return 1 if any(item.entry.status == "disputed" for item in verified) else 0


def _line(item: ScoredEntry) -> str:
    comparisons: Sequence[dict] = item.entry.verification.get("comparisons", [])
    differing = [str(Comparison(**data)) for data in comparisons if not data["agrees"]]
    return f"{item.entry.status:9}  {item.entry.name}{': ' * bool(differing)}{'; '.join(differing)}"


def _print_table_hint(asked: Asked) -> None:
    from maxpo_bench.leaderboard import SUITES

    suite = SUITES.canonical(asked.suite)
    if suite == COMMITTED and (asked.results / TABLE).is_file():
        flags = f"--suite {suite} --results {asked.results}"
        print(f"Table:  maxpo-bench leaderboard {flags} --markdown > {asked.results / TABLE}")


def run_withdraw(entry: str, *, reason: str, by: str, suite: str, results: Path) -> int:
    """Withdraw an entry and say where that is written; return 0."""
    scored, path = verify.withdraw(entry, reason, suite=suite, results=results, by=by)
    print(f"{scored.entry.name} is withdrawn: its row and its scores stay, without a rank.")
    print(f"Stored: {path}")
    _print_table_hint(Asked(entry, suite, results))
    return 0
