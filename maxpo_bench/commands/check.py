"""`maxpo-bench check`."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maxpo_bench.commands.progress import staged
from maxpo_bench.leaderboard.limits import CHECK_LIMITS, SCORE_LIMITS
from maxpo_bench.sandbox import Level, Prepared

if TYPE_CHECKING:
    from maxpo_bench.leaderboard.admission import CheckReport
    from maxpo_bench.leaderboard.contract import CheckResult
    from maxpo_bench.leaderboard.duration import CallTime

SUBMISSION_FILE = "submission.py"
LONG_SECONDS = 180.0
"""A score that takes longer is announced."""

SHOWN_NUMBERS = 8


def run_check(
    path: Path, *, suite: str, overrides: dict[str, Any], level: Level, as_json: bool, quiet: bool = False
) -> int:
    """Check a submission and print what was found; return 0 if it would be scored, else 1.

    Raises:
        FileNotFoundError: there is nothing of that name.
    """
    if not quiet:
        warn_if_not_strict(level)
    prepared = prepare(path, level)
    from maxpo_bench.leaderboard.admission import check

    with staged(quiet=quiet) as progress:
        report = check(path, level=level, suite=suite, progress=progress, prepared=prepared, **overrides)
    if as_json:
        from maxpo_bench.cli.shared import print_json

        print_json(report.to_dict())
    elif quiet:
        print(verdict(report))
    else:
        print_report(report)
        print(next_step(report, path, suite))
    return 0 if report.passed else 1


def prepare(path: Path, level: Level) -> Prepared | None:
    """Start the worker now: it imports torch on one core while this process does so on another."""
    if not path.exists():
        return None
    return Prepared(SUBMISSION_FILE if path.is_dir() else path.name, level, CHECK_LIMITS)


def print_report(report: CheckReport) -> None:
    """One line per contract test, then the certificate, then the verdict."""
    print(f"Sandbox: {report.level}" + (f" ({', '.join(report.protections)})" if report.protections else ""))
    print_results(report.results)
    if report.error:
        print(f"{report.error_kind}: {cut_rows(report.error)}")
    if report.certificate:
        print(report.certificate.explain())
    if report.contradiction:
        print(f"Contradicted: {cut_rows(report.contradiction)}")
    was_slow = report.error_kind in ("TimeLimit", "CpuLimit")
    for line in (*time_needed(report.calls, always=was_slow), *to_fill_in(report.unfinished)):
        print(line)
    print(verdict(report))


def print_results(results: list[CheckResult]) -> None:
    """One line per contract test."""
    for result in results:
        print(f"  {result.status:4}  {result.name}{': ' + cut_rows(result.message) if result.message else ''}")


def cut_rows(text: str) -> str:
    """Return a message with every long list of numbers cut after the first `SHOWN_NUMBERS`."""
    first = rf"(?:[^\[\],]+, ){{{SHOWN_NUMBERS}}}"
    return re.sub(rf"\[({first})[^\[\]]*\]", r"[\1...]", text)


def time_needed(calls: CallTime | None, *, always: bool = False) -> list[str]:
    """Say what a call takes and what a score will; nothing where that is short, unless asked to."""
    if calls is None or (calls.score_seconds < LONG_SECONDS and not always):
        return []
    line = (
        f"Time: {calls.seconds:.2g} s for a call on {calls.groups} groups of {calls.n} (K = {calls.k}); the calls of "
        f"`submit` will take about {_minutes(calls.score_seconds)}"
    )
    limit = SCORE_LIMITS.cpu_seconds
    if calls.score_seconds < limit:
        return [line + "."]
    return [f"{line}, and {_minutes(limit)} are allowed: make it faster (work on all groups of a call at once)."]


def _minutes(seconds: float) -> str:
    if seconds < LONG_SECONDS:
        return f"{seconds:.2g} seconds" if seconds < 10 else f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.0f} hours"


def to_fill_in(unfinished: tuple[str, ...]) -> list[str]:
    """Say what its row in the table will lack."""
    return [f"To fill in: {'; '.join(unfinished)}."] if unfinished else []


def verdict(report: CheckReport) -> str:
    """One sentence: would it be scored, and in which class."""
    seconds = f"{report.seconds:.1f} s"
    if not report.passed:
        failed = [result.name for result in report.results if result.status == "fail"]
        reason = report.error_kind or "fails " + ", ".join(failed)
        return f"{report.name}: not admitted ({reason}; {seconds})"
    return f"{report.name}: admitted, {report.kind} ({seconds})"


def next_step(report: CheckReport, path: Path, suite: str) -> str:
    """What to do now."""
    if not report.passed:
        return "Nothing was scored or stored. Mend the file and check it again."
    return f"Nothing was scored or stored. Next: maxpo-bench submit {shlex.quote(str(path))} --suite {suite}"


def warn_if_not_strict(level: Level) -> None:
    """Say on standard error what is given up; silent at the level strict."""
    if level == "basic":
        print(
            "note: basic sandbox: limits of time and memory only; the code can read files and use the network",
            file=sys.stderr,
        )
    elif level == "none":
        print(
            "note: --trust: the code runs with your rights, in a process of its own, without a sandbox", file=sys.stderr
        )
