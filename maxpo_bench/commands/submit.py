"""`maxpo-bench submit`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

from maxpo_bench.commands.check import cut_rows, print_report, to_fill_in, warn_if_not_strict
from maxpo_bench.commands.leaderboard import COMMITTED, TABLE
from maxpo_bench.commands.progress import staged
from maxpo_bench.leaderboard import api
from maxpo_bench.leaderboard.admission import check, unfinished
from maxpo_bench.leaderboard.board import scored_otherwise
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
    replace: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Check, score, store and rank; return 0, or 1 where a contract test fails."""
    if not quiet:
        warn_if_not_strict(level)
    if dry_run:
        return _dry_run(path, suite, results, overrides, level, replace=replace, as_json=as_json, quiet=quiet)
    if not quiet:
        for line in to_fill_in(unfinished(read_submission(path, **overrides).metadata)):
            print(f"note: {line}", file=sys.stderr)
    try:
        with staged(quiet=quiet) as progress:
            done = api.submit(
                path, suite=suite, results=results, level=level, replace=replace, progress=progress, **overrides
            )
    except ContractFailure as failure:
        print(cut_rows(str(failure)), file=sys.stderr)
        return 1
    if as_json:
        from maxpo_bench.cli.shared import print_json

        print_json(done.scored.entry.to_dict())
    elif quiet:
        print(placement(done.scored.entry.name, done, results))
    else:
        _print_result(done, results)
    return 0


def _dry_run(
    path: Path,
    suite: str,
    results: Path,
    overrides: dict[str, Any],
    level: Level,
    *,
    replace: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Check, and say what a submission would do: nothing is scored or written."""
    with staged(quiet=quiet) as progress:
        report = check(path, level=level, suite=suite, progress=progress, **overrides)
    plan = _plan(path, suite, results, overrides, replace=replace) if report.passed else {}
    if as_json:
        from maxpo_bench.cli.shared import print_json

        print_json({"check": report.to_dict(), "plan": plan})
    else:
        print_report(report)
        for name, value in plan.items():
            print(f"{name + ':':12} {value}")
        print("Dry run: nothing was scored or stored.")
    return 0 if report.passed else 1


def _plan(path: Path, suite: str, results: Path, overrides: dict[str, Any], *, replace: bool) -> dict[str, str]:
    """What would be scored, against what, and where it would be stored."""
    submission, chosen = read_submission(path, **overrides), SUITES.get(suite)
    stored = load_all(results, chosen.name)
    reference = next((item.entry for item in stored if item.entry.name == REFERENCE), None)
    target = path_of(results, chosen.name, submission.name, submission.digest)
    state, version = "current", "new"
    if target.is_file():
        version = "scored before"
    elif any(item.entry.name == submission.name for item in stored):
        version = "a new version of the entry of this name" + ("" if replace else ", which needs --replace")
    if reference is None:
        state = f"not scored, and scores are relative to it. First: {_rescore(chosen.name, results)}"
    elif reference.scorer.get("source") != scorer_hash():
        state = (
            "scored by other code than this. Entries are ranked only beside scores of the same code, so this one would "
            f"be listed without a rank. First: {_rescore(chosen.name, results)}"
        )
    return {
        "Suite": f"{chosen.name}, {len(chosen.instances())} bandits of {chosen.num_groups} groups, the maze",
        "Reference": f"{REFERENCE}, {state}",
        "Entry": f"{submission.name}, {version}",
        "Stored at": str(target),
    }


def _flags(suite: str, results: Path) -> str:
    return f"--suite {suite} --results {shlex.quote(str(results))}"


def _rescore(suite: str, results: Path) -> str:
    """The command that brings the built-in scores up to date."""
    return f"maxpo-bench leaderboard --score {_flags(suite, results)} (two minutes)"


def _print_result(done: api.Submitted, results: Path) -> None:
    """The entry between its neighbours, then what it is, its rank, and where it lies."""
    from rich.console import Console

    from maxpo_bench.leaderboard.render import render_place

    entry = next(item for item in done.board.entries if item.name == done.scored.entry.name)
    Console().print(render_place(done.board, entry.name))
    print()
    tests = done.scored.contract
    for result in tests:
        if result["status"] != "pass":
            print(f"{result['status']}: {result['name']}: {cut_rows(result['message'])}")
    passed = sum(result["status"] == "pass" for result in tests)
    print(f"Contract tests: {passed} passed. Certificate: {entry.kind}. Sandbox: {entry.sandbox}.")
    if entry.extra.get("contradicted"):
        print(f"Contradicted: {cut_rows(str(entry.extra['contradicted']))}")
    b95 = entry.b95_ratio
    if b95.value is not None:
        print(f"{entry.name}: B95 {b95.value:.3g} [{b95.low:.3g}, {b95.high:.3g}] times that of {REFERENCE}")
    print(placement(entry.name, done, results))
    print(f"Stored: {done.path}")
    flags = _flags(entry.suite, results)
    print(f"Board:  maxpo-bench leaderboard {flags}")
    print(f"Page:   maxpo-bench leaderboard {flags} --html page")
    if entry.suite == COMMITTED and (results / TABLE).is_file():
        print(f"Table:  maxpo-bench leaderboard {flags} --markdown > {shlex.quote(str(results / TABLE))}")


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
            f"scores up to date: {_rescore(entry.suite, results)}"
        )
    if rank is None:
        return f"{name} is not defined on every bandit of the suite, or too noisy to be measured: listed, unranked."
    members = sum(1 for other in board.entries if other.klass == entry.klass and board.ranks.get(other.name))
    place = str(rank[0]) if rank[0] == rank[1] else f"{rank[0]} to {rank[1]}"
    table = "main table" if entry.klass == "main" else f"{entry.klass} table (not the main one)"
    return f"{name} ranks {place} of {members} in the {table} of {board.suite}."
