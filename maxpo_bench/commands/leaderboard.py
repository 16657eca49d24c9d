"""`maxpo-bench leaderboard`."""

from __future__ import annotations

import sys
from pathlib import Path

from maxpo_bench.commands.progress import counting
from maxpo_bench.leaderboard import SUITES, api
from maxpo_bench.leaderboard.render import render_json, render_markdown, render_terminal


def run_leaderboard(
    *,
    suite: str,
    results: Path,
    score: str | None,
    force: bool,
    workers: int,
    markdown: bool,
    as_json: bool,
    html: Path | None,
    check: bool,
    quiet: bool,
) -> int:
    """Score if asked to, then print, write or check the table; return the exit code."""
    if score is not None:
        suite = SUITES.canonical(score)
        score_with_progress(suite, results, workers=workers, force=force, quiet=quiet)
        (results / "README.md").write_text(render_markdown(api.table(suite, results)), encoding="utf-8")
    board = api.table(suite, results)
    if check:
        return _check(results / "README.md", render_markdown(board))
    if html is not None:
        from maxpo_bench.leaderboard.site import write_site

        print(write_site(board, html))
    elif markdown:
        print(render_markdown(board), end="")
    elif as_json:
        print(render_json(board), end="")
    else:
        from rich.console import Console

        Console().print(render_terminal(board))
    return 0


def score_with_progress(suite: str, results: Path, *, workers: int, force: bool = False, quiet: bool = False) -> None:
    """Score every built-in estimator, with a bar on a terminal; what is stored already is kept."""
    with counting("scoring", quiet=quiet) as progress:
        api.score_built_ins(suite, results, workers=workers, force=force, progress=progress)


def _check(path: Path, wanted: str) -> int:
    found = path.read_text(encoding="utf-8") if path.is_file() else ""
    if found == wanted:
        print(f"{path} agrees with the stored scores")
        return 0
    print(
        f"{path} is not the table that the stored scores give: run `maxpo-bench leaderboard --markdown > {path}`",
        file=sys.stderr,
    )
    return 1
