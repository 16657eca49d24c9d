"""`maxpo-bench submit`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from maxpo_bench.commands.leaderboard import COMMITTED, TABLE
from maxpo_bench.commands.progress import staged
from maxpo_bench.leaderboard import api
from maxpo_bench.leaderboard.board import scored_otherwise
from maxpo_bench.leaderboard.contract import CheckResult, check_contract
from maxpo_bench.leaderboard.score import REFERENCE, ContractFailure, certify_candidate
from maxpo_bench.leaderboard.store import load_all
from maxpo_bench.leaderboard.submission import load_submission
from maxpo_bench.leaderboard.suite import SUITES

WARNING = "note: this runs the file's code with your rights, without a sandbox"


def run_submit(
    path: Path,
    *,
    suite: str,
    results: Path,
    overrides: dict[str, Any],
    check_only: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Check, score, store and rank; return 0, or 1 where a contract test fails."""
    if not quiet:
        print(WARNING, file=sys.stderr)
    if check_only:
        return _check(path, suite, overrides, as_json=as_json)
    try:
        with staged(quiet=quiet) as progress:
            done = api.submit(path, suite=suite, results=results, progress=progress, **overrides)
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


def _check(path: Path, suite: str, overrides: dict[str, Any], *, as_json: bool) -> int:
    chosen = SUITES.get(suite)
    candidate = load_submission(path, **overrides)
    outcome = check_contract(candidate)
    failed = any(result.status == "fail" for result in outcome)
    certificate = None if failed else certify_candidate(candidate, 0, chosen)
    if as_json:
        from maxpo_bench.cli.shared import print_json

        checks = [asdict(result) for result in outcome]
        print_json({"contract": checks, "certificate": certificate.to_dict() if certificate else None})
    else:
        print_checks(outcome)
        if certificate:
            print(certificate.explain())
    return 1 if failed else 0


def print_checks(outcome: list[CheckResult]) -> None:
    """One line per contract test."""
    for result in outcome:
        print(f"  {result.status:4}  {result.name}{': ' + result.message if result.message else ''}")


def _print_result(done: api.Submitted, results: Path) -> None:
    from rich.console import Console

    from maxpo_bench.leaderboard.render import render_terminal

    entry = next(item for item in done.board.entries if item.name == done.scored.entry.name)
    print("Contract tests:")
    print_checks([CheckResult(**result) for result in done.scored.contract])
    note = " (the sampled gradients contradict what was certified)" if entry.extra.get("contradicted") else ""
    print(f"\nCertificate: {entry.kind}{note}")
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
