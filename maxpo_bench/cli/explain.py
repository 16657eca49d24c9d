"""The command that explains one estimator."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from maxpo_bench.cli.shared import JsonFlag, Results, SuiteName


def explain(
    name: Annotated[
        str, typer.Argument(help="Estimator, alias or stored submission; or a submission's file or folder.")
    ],
    suite: SuiteName = "full",
    results: Results = Path("results"),
    as_json: JsonFlag = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    html: Annotated[Path | None, typer.Option("--html", help="Write a page into this file.")] = None,
) -> None:
    """Print everything known of one estimator: certificate, where it loses and wins, learning, relatives, provenance.

    It reads stored scores and runs nothing: a submission's file is found by its hash, not imported.
    """
    from maxpo_bench.commands.explain import run_explain

    raise typer.Exit(run_explain(name, suite=suite, results=results, as_json=as_json, markdown=markdown, html=html))
