"""Commands about what becomes of a score: verify, withdraw."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from maxpo_bench.cli.shared import JsonFlag, Quiet, Results, SandboxLevel, SuiteName, Trust, finish, sandbox_level


def verify(
    entry: Annotated[str | None, typer.Argument(help="Name of an entry of the leaderboard.")] = None,
    suite: SuiteName = "full",
    results: Results = Path("results"),
    beacon: Annotated[
        str | None,
        typer.Option("--beacon", help="A text that did not exist when the entry was submitted; default: drawn now."),
    ] = None,
    by: Annotated[str, typer.Option("--by", help="Who verifies; stored and shown.")] = "",
    submission: Annotated[
        Path | None, typer.Option("--submission", help="The file or folder that was scored; default: submissions/NAME.")
    ] = None,
    sandbox: SandboxLevel = "strict",
    trust: Trust = False,
    all_built_in: Annotated[
        bool, typer.Option("--all-built-in", help="Every built-in estimator; goes on where it stopped.")
    ] = False,
    workers: Annotated[int, typer.Option("--workers", min=1, help="With --all-built-in: processes.")] = 2,
    as_json: JsonFlag = False,
    quiet: Quiet = False,
) -> None:
    """Score an entry again on seeds that did not exist when it was submitted, and compare.

    The seeds follow from the submission's hash and the beacon: a public random value or a commit of a later date, or 32
    random bytes drawn now. An entry whose rerun agrees is *verified*; one that differs is *disputed*, with what differs
    and by how much, and ends with exit code 1. Every verification is kept beside the score.
    """
    from maxpo_bench.commands.verify import Asked, run_verify

    level = sandbox_level(sandbox, trust)
    asked = Asked(entry, suite, results, beacon, by, submission, level, all_built_in, workers, as_json, quiet)
    finish(lambda: run_verify(asked))


def withdraw(
    entry: Annotated[str, typer.Argument(help="Name of an entry of the leaderboard.")],
    reason: Annotated[str, typer.Option("--reason", help="Why, in one line; stored and shown.")],
    by: Annotated[str, typer.Option("--by", help="Who withdraws it.")] = "",
    suite: SuiteName = "full",
    results: Results = Path("results"),
) -> None:
    """Withdraw an entry: its row and its scores stay, without a rank.

    The withdrawal is a file beside the score; a new version of the submission stays withdrawn until it is verified.
    """
    from maxpo_bench.commands.verify import run_withdraw

    finish(lambda: run_withdraw(entry, reason=reason, by=by, suite=suite, results=results))
