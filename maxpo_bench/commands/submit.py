"""`maxpo-bench submit`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from maxpo_bench.commands.check import print_report, print_results, warn_if_not_strict
from maxpo_bench.commands.leaderboard import COMMITTED, TABLE
from maxpo_bench.commands.progress import staged
from maxpo_bench.leaderboard import api
from maxpo_bench.leaderboard.admission import check
from maxpo_bench.leaderboard.board import scored_otherwise
from maxpo_bench.leaderboard.contract import CheckResult
from maxpo_bench.leaderboard.score import REFERENCE, ContractFailure, scorer_hash
from maxpo_bench.leaderboard.source import read_submission
from maxpo_bench.leaderboard.store import load_all, path_of
from maxpo_bench.leaderboard.suite import SUITES
from maxpo_bench.sandbox import Level


def run_submit(
    path: Path,
    *,
    suite: str,
    results: Path,
    overrides: dict[str, Any],
    level: Level,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Check, score, store and rank; return 0, or 1 where a contract test fails."""
    if not quiet:
        warn_if_not_strict(level)
    if dry_run:
        return _dry_run(path, suite, results, overrides, level, as_json=as_json)
    try:
        with staged(quiet=quiet) as progress:
            done = api.submit(path, suite=suite, results=results, level=level, progress=progress, **overrides)
    except ContractFailure as failure:
        print(failure, file=sys.stderr)
        return 1
    if as_json:
        from maxpo_bench.cli.shared import print_json

        print_json(done.scored.entry.to_dict())
    elif quiet:
        print(placement(done.scored.entry.name, done, results))
    else:
        _print_result(done, results)
    return 0


def _dry_run(path: Path, suite: str, results: Path, overrides: dict[str, Any], level: Level, *, as_json: bool) -> int:
    """Check, and say what a submission would do: nothing is scored or written."""
    report = check(path, level=level, suite=suite, **overrides)
    plan = _plan(path, suite, results, overrides) if report.passed else {}
    if as_json:
        from maxpo_bench.cli.shared import print_json

        print_json({"check": report.to_dict(), "plan": plan})
    else:
        print_report(report)
        for name, value in plan.items():
            print(f"{name + ':':12} {value}")
        print("Dry run: nothing was scored or stored.")
    return 0 if report.passed else 1


def _plan(path: Path, suite: str, results: Path, overrides: dict[str, Any]) -> dict[str, str]:
    """What would be scored, against what, and where it would be stored."""
    submission, chosen = read_submission(path, **overrides), SUITES.get(suite)
    stored = load_all(results, chosen.name)
    reference = next((item.entry for item in stored if item.entry.name == REFERENCE), None)
    target = path_of(results, chosen.name, submission.name, submission.digest)
    state = "not scored: run `maxpo-bench leaderboard --score` first"
    if reference is not None:
        state = "current" if reference.scorer.get("source") == scorer_hash() else "scored by other code"
    return {
        "Suite": f"{chosen.name}, {len(chosen.instances())} bandits of {chosen.num_groups} groups, the maze",
        "Reference": f"{REFERENCE}, {state}",
        "Entry": f"{submission.name}, {'scored before' if target.is_file() else 'new'}",
        "Stored at": str(target),
    }


def _print_result(done: api.Submitted, results: Path) -> None:
    from rich.console import Console

    from maxpo_bench.leaderboard.render import render_terminal

    entry = next(item for item in done.board.entries if item.name == done.scored.entry.name)
    print("Contract tests:")
    print_results([CheckResult(**result) for result in done.scored.contract])
    print(f"\nSandbox: {entry.sandbox}\nCertificate: {entry.kind}")
    if entry.extra.get("contradicted"):
        print(f"Contradicted: {entry.extra['contradicted']}")
    Console().print(render_terminal(done.board))
    b95 = entry.b95_ratio
    if b95.value is not None:
        print(f"\n{entry.name}: B95 {b95.value:.3g} [{b95.low:.3g}, {b95.high:.3g}] times that of {REFERENCE}")
    print(placement(entry.name, done, results))
    print(f"Stored: {done.path}")
    flags = f"--suite {entry.suite} --results {results}"
    print(f"Page:   maxpo-bench leaderboard {flags} --html page")
    if entry.suite == COMMITTED and (results / TABLE).is_file():
        print(f"Table:  maxpo-bench leaderboard {flags} --markdown > {results / TABLE}")


def placement(name: str, done: api.Submitted, results: Path) -> str:
    """One sentence: where the entry ranks, or why it has no rank."""
    board = done.board
    entry = next(item for item in board.entries if item.name == name)
    if entry.klass == "copy":
        return f"{name} is a rescaled copy of {entry.linked_to}: listed among the copies, without a rank of its own."
    if entry.kind == "null":
        return f"{name} has an expected gradient of zero: listed, unranked."
    rank = board.ranks.get(name)
    if rank is None and name in scored_otherwise(load_all(results, entry.suite)):
        return (
            f"{name} was scored by other code than the stored {REFERENCE}: listed, unranked. Bring the built-in "
            "scores up to date in two minutes: "
            f"maxpo-bench leaderboard --suite {entry.suite} --results {results} --score"
        )
    if rank is None:
        return f"{name} is not defined on every bandit of the suite, or too noisy to be measured: listed, unranked."
    members = sum(1 for other in board.entries if other.klass == entry.klass and board.ranks.get(other.name))
    place = str(rank[0]) if rank[0] == rank[1] else f"{rank[0]} to {rank[1]}"
    table = "main table" if entry.klass == "main" else f"{entry.klass} table (not the main one)"
    return f"{name} ranks {place} of {members} in the {table} of {board.suite}."
