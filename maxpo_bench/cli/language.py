"""The command of the leaderboard's language-model column."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from maxpo_bench.cli.shared import JsonFlag, Quiet, Results, SandboxLevel, SuiteName, Trust, finish, sandbox_level


def score_lm(
    target: Annotated[
        str | None, typer.Argument(help="Name of a built-in estimator, or the file or folder of a submission.")
    ] = None,
    suite: SuiteName = "full",
    results: Results = Path("results"),
    name: Annotated[str | None, typer.Option("--name", help="Name in the table, as for `submit`.")] = None,
    seeds: Annotated[
        int | None, typer.Option("--seeds", min=1, help="Stop after so many evaluation seeds; default: all.")
    ] = None,
    status: Annotated[
        bool, typer.Option("--status", help="Say which entries have the column, in part or not at all; train nothing.")
    ] = False,
    sandbox: SandboxLevel = "strict",
    trust: Trust = False,
    table: Annotated[
        Path | None,
        typer.Option("--from", help="Take the runs from this folder's tiny-lm.csv, of `reproduce tiny-lm`."),
    ] = None,
    as_json: JsonFlag = False,
    quiet: Quiet = False,
) -> None:
    """Train the tiny language model with an estimator: pass@k, and the gain over EI+L2O on the same seeds.

    A column of the leaderboard with a command of its own, since it takes eight training runs of one to two minutes:
    four learning rates on a tuning seed, then the best of them on four other seeds. The rules, tiny-lm-1, are the same
    for everybody. Interrupt it at will: the same command goes on. The record lies beside the entry's score.
    """
    if status or target is None:
        _check_status(target, status)
        from maxpo_bench.commands.language_status import run_status

        finish(lambda: run_status(suite, results, as_json=as_json))
    from maxpo_bench.commands.language_model import Asked, run_score_lm

    level = sandbox_level(sandbox, trust)
    asked = Asked(target, suite, results, name, seeds, level, table, as_json, quiet)
    finish(lambda: run_score_lm(asked))


def _check_status(target: str | None, status: bool) -> None:
    if not status:
        raise ValueError("name an estimator or a submission's file, or ask for --status")
    if target is not None:
        raise ValueError(f"--status is of all entries: leave {target} out")
