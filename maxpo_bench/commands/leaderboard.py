"""`maxpo-bench leaderboard`."""

from __future__ import annotations

import sys
from pathlib import Path

from maxpo_bench.commands import paper_reference_tables
from maxpo_bench.commands.entries_progress import entries
from maxpo_bench.commands.one_interrupt import one_interrupt
from maxpo_bench.leaderboard import SUITES, api, load_all
from maxpo_bench.leaderboard.board import scored_otherwise
from maxpo_bench.leaderboard.render import render_json, render_markdown, render_terminal
from maxpo_bench.reproduce import page

COMMITTED = "full-1"  # the suite whose table is results/leaderboard.md
TABLE = "leaderboard.md"


def run_leaderboard(
    *,
    suite: str,
    results: Path,
    score: bool,
    force: bool,
    workers: int,
    markdown: bool,
    as_json: bool,
    html: Path | None,
    check: bool,
    paper_reported: bool,
    quiet: bool,
) -> int:
    """Score if asked to, then print, write or check the table; return the exit code."""
    flags = {
        "--markdown": markdown,
        "--json": as_json,
        "--html": html,
        "--check": check,
        "--paper-reported": paper_reported,
    }
    outputs = [flag for flag, given in flags.items() if given]
    if len(outputs) > 1:
        raise ValueError(f"{' and '.join(outputs)} exclude each other: give one")
    if force and not score:
        raise ValueError("--force goes with --score")
    if paper_reported:
        print(*paper_reference_tables.write(results), sep="\n")
        return 0
    suite = SUITES.canonical(suite)
    committed = results / TABLE
    if score:
        score_with_progress(suite, results, workers=workers, force=force, quiet=quiet)
        if suite == COMMITTED:
            committed.write_text(render_markdown(api.table(suite, results)), encoding="utf-8")
            page.write(results)
    board = api.table(suite, results)
    if check:
        return _check(results, render_markdown(board), f"--suite {suite} --results {results}")
    if html is not None:
        from maxpo_bench.leaderboard.language import with_language_model
        from maxpo_bench.leaderboard.site import write_site

        scored = with_language_model(results, load_all(results, suite))
        print(write_site(board, html, scored=scored, reference=paper_reference_tables.reference_tables()))
    elif markdown:
        print(render_markdown(board), end="")
    elif as_json:
        print(render_json(board), end="")
    else:
        from rich.console import Console

        Console().print(render_terminal(board))
    _warn_of_stale(suite, results)
    return 0


def _warn_of_stale(suite: str, results: Path) -> None:
    stale = scored_otherwise(load_all(results, suite))
    if stale:
        names = ", ".join(stale)
        print(
            f"unranked, scored by other code than the reference: {names}: score the built-in ones again with --score "
            "(two minutes), then submit the others again",
            file=sys.stderr,
        )


def score_with_progress(suite: str, results: Path, *, workers: int, force: bool = False, quiet: bool = False) -> None:
    """Score every built-in estimator, with a bar on a terminal; what is stored already is kept."""
    try:
        with one_interrupt(), entries("scoring", quiet=quiet) as progress:
            api.score_built_ins(suite, results, workers=workers, force=force, progress=progress)
    except api.ScoringInterrupted as error:
        print(f"maxpo-bench: {error}", file=sys.stderr)
        raise SystemExit(3) from None


def _check(results: Path, table: str, flags: str) -> int:
    """Compare the committed table with the stored scores, and the page beside it with the stored figures."""
    path, readme = results / TABLE, results / page.NAME
    remedies = []
    if _text(path) != table:
        remedy = f"maxpo-bench leaderboard {flags} --markdown > {path}"
        remedies.append(f"{path} is not the table of the stored scores: run `{remedy}`")
    if (readme.exists() or page.stored_figures(results)) and _text(readme) != page.render(results):
        remedy = f"maxpo-bench reproduce {' '.join(page.stored_figures(results)) or 'fig1'} --out {results}"
        remedies.append(f"{readme} is not the page of the stored figures: run `{remedy}`")
    remedies += paper_reference_tables.stale(results)
    for line in remedies:
        print(line, file=sys.stderr)
    if not remedies:
        print(f"{path} agrees with the stored scores" + (f", {readme} with the figures" if readme.exists() else ""))
    return 1 if remedies else 0


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""
