"""`maxpo-bench`: flags and help of every command, which imports what it needs when it runs.

Each command is a function of a module here; `maxpo_bench.commands` does the work.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from maxpo_bench.cli import explain, figures, language, lists, scores, sweeps, verification
from maxpo_bench.cli.llm import llm

app = typer.Typer(
    name="maxpo-bench",
    help="Benchmark suite for advantage estimators of max@K / pass@K policy gradients.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for _command in (
    lists.estimators,
    lists.agents,
    lists.envs,
    lists.tasks,
    sweeps.sweep,
    sweeps.compare,
    scores.certify,
    scores.new,
    scores.check,
    scores.submit,
    scores.leaderboard,
    verification.verify,
    verification.withdraw,
    explain.explain,
    language.score_lm,
    figures.plot,
    figures.reproduce,
    figures.video,
    sweeps.demo,
    lists.doctor,
):
    app.command()(_command)
app.add_typer(llm)


def _version(wanted: bool) -> None:
    if wanted:
        import maxpo_bench

        print(f"maxpo-bench {maxpo_bench.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Benchmark suite for advantage estimators of max@K / pass@K policy gradients."""


def main() -> None:
    """Entry point: usage errors end with one line and exit code 2, MAXPO_BENCH_DEBUG=1 shows the traceback."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        app()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    except (ValueError, TypeError, OSError, ImportError) as error:
        if os.environ.get("MAXPO_BENCH_DEBUG"):
            raise
        print(f"maxpo-bench: {error}", file=sys.stderr)
        sys.exit(2)
