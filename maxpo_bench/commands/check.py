"""`maxpo-bench check`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from maxpo_bench.leaderboard.admission import CheckReport, check
from maxpo_bench.leaderboard.contract import CheckResult
from maxpo_bench.sandbox import Level


def run_check(
    path: Path, *, suite: str, overrides: dict[str, Any], level: Level, as_json: bool, quiet: bool = False
) -> int:
    """Check a submission and print what was found; return 0 if it would be scored, else 1."""
    report = check(path, level=level, suite=suite, **overrides)
    if as_json:
        from maxpo_bench.cli.shared import print_json

        print_json(report.to_dict())
    elif quiet:
        print(verdict(report))
    else:
        print_report(report)
        print(next_step(report, path, suite))
    return 0 if report.passed else 1


def print_report(report: CheckReport) -> None:
    """One line per contract test, then the certificate, then the verdict."""
    print(f"Sandbox: {report.level}" + (f" ({', '.join(report.protections)})" if report.protections else ""))
    print_results(report.results)
    if report.error:
        print(f"{report.error_kind}: {report.error}")
    if report.certificate:
        print(report.certificate.explain())
    if report.contradiction:
        print(f"Contradicted: {report.contradiction}")
    print(verdict(report))


def print_results(results: list[CheckResult]) -> None:
    """One line per contract test."""
    for result in results:
        print(f"  {result.status:4}  {result.name}{': ' + result.message if result.message else ''}")


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
    return f"Nothing was scored or stored. Next: maxpo-bench submit {path} --suite {suite}"


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
