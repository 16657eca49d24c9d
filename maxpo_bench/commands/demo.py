"""`maxpo-bench demo`: a real sweep, the quick suite, figures and the page, in one folder."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maxpo_bench.commands.leaderboard import score_with_progress
from maxpo_bench.commands.plot import sweep_data
from maxpo_bench.commands.progress import counting
from maxpo_bench.leaderboard.api import exit_without

if TYPE_CHECKING:
    import pandas as pd

SUITE = "quick"
AGENTS = ["reinforce", "entropy", "ei", "ei_l1o", "ei_l2o"]
SWEEP: dict[str, Any] = {
    "seeds": 4,
    "log_every": 5,
    "environments": [
        {"id": "maxpo/Bandit-v0", "kwargs": {"num_arms": 30}, "iterations": 400},
        {"id": "maxpo/Maze-v0", "kwargs": {"length": 60}, "iterations": 200},
    ],
    "agents": [{"names": AGENTS, "kwargs": {"k": 4, "group_size": 16, "learning_rate": 0.5}}],
}
COMPUTED = ("bias_vs_batches", "variance_vs_arms", "variance_vs_k", "variance_ratio")
SHOWS = {
    "learning_curves": "mean return of every agent on the bandit and the maze, over seeds",
    "exact_max_at_k": "exact max@4 of every agent against its optimum",
    "p_action_1": "probability of the majority action under the maze's global bias alone",
    "bias_vs_batches": "EI+L1O levels off at its bias, EI and EI+L2O go on falling",
    "variance_vs_arms": "total variance against the number of arms, and its ratio to EI's",
    "variance_vs_k": "total variance against K, and its ratio to EI's",
    "variance_ratio": "variance of EI+L2O over EI along training on the maze",
}


def run_demo(out: Path, *, workers: int | None, quiet: bool) -> int:
    """Run the demo; a second call does again only what is missing. Returns the exit code."""
    started = time.monotonic()
    workers = workers or os.cpu_count() or 1
    say = (lambda text: None) if quiet else (lambda text: print(text, flush=True))
    say(f"1/3  sweep: {len(AGENTS)} agents x 2 environments x {SWEEP['seeds']} seeds -> {out / 'runs'}")
    code = _sweep(out / "runs", workers, quiet=quiet)
    if code:
        return code
    say(f"2/3  leaderboard: every built-in estimator on the suite {SUITE!r} -> {out / 'results'}")
    score_with_progress(SUITE, out / "results", workers=workers, quiet=quiet)
    say(f"3/3  figures -> {out / 'figures'}")
    figures = _figures(out, workers, quiet=quiet)
    _write_board(out, figures)
    print(_closing(out, figures, time.monotonic() - started))
    return 0


def _sweep(out: Path, workers: int, *, quiet: bool) -> int:
    from maxpo_bench import sweep

    report = sweep.run(SWEEP, out, workers, not quiet)
    if report.exit_code:
        print(report.summary())
    return report.exit_code


def _figures(out: Path, workers: int, *, quiet: bool) -> list[tuple[Path, str]]:
    """Draw every figure as PNG, SVG and PDF; returns the SVGs with captions."""
    from maxpo_bench.plots import plot, save
    from maxpo_bench.plots.data import QUICK

    runs = sweep_data(out / "runs")
    maze = runs[runs["env"] == "maxpo/Maze-v0"]
    drawn = {
        "learning_curves": plot("learning_curves", runs),
        "exact_max_at_k": plot("learning_curves", runs, metric="exact_max_at_k"),
        "p_action_1": plot("p_action_1", maze),
    }
    for name, data in _computed(workers, quiet=quiet).items():
        drawn[name] = plot(name, data, caption=f"Seed {QUICK.seed}.")
    paths = []
    for name, figure in drawn.items():
        files = save(figure, out / "figures", name)
        paths.append((next(path for path in files if path.suffix == ".svg"), f"{name}: {SHOWS[name]}"))
    return paths


def _computed(workers: int, *, quiet: bool) -> dict[str, pd.DataFrame]:
    """Data of the figures that need no runs, one process each."""
    import concurrent.futures
    import multiprocessing

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["maxpo_bench.moments", "maxpo_bench.agents.maze_population", "pandas"])
    with (
        concurrent.futures.ProcessPoolExecutor(
            workers, mp_context=context, initializer=exit_without, initargs=(os.getpid(),)
        ) as pool,
        counting("figures", quiet=quiet) as progress,
    ):
        futures = {pool.submit(compute_quick, name): name for name in COMPUTED}
        data = {}
        for done, future in enumerate(concurrent.futures.as_completed(futures), start=1):
            data[futures[future]] = future.result()
            if progress:
                progress(done, len(futures))
    return {name: data[name] for name in COMPUTED}


def compute_quick(name: str) -> pd.DataFrame:
    """Data of one figure at its quick size, on one thread."""
    import torch

    from maxpo_bench.plots.data import compute

    torch.set_num_threads(1)
    return compute(name, "quick")


def _write_board(out: Path, figures: list[tuple[Path, str]]) -> None:
    from maxpo_bench.leaderboard.api import table
    from maxpo_bench.leaderboard.render import render_markdown
    from maxpo_bench.leaderboard.site import write_site
    from maxpo_bench.leaderboard.store import load_all

    board = table(SUITE, out / "results")
    write_site(board, out, scored=load_all(out / "results", board.suite), figures=figures)
    (out / "leaderboard.md").write_text(render_markdown(board), encoding="utf-8")


def _closing(out: Path, figures: list[tuple[Path, str]], seconds: float) -> str:
    lines = [
        "",
        f"Done in {seconds:.0f} s. Open {out / 'index.html'} in a browser.",
        f"  {out / 'leaderboard.md'}: the table as Markdown (suite {SUITE!r}: small; results/ holds the full one)",
        f"  {out / 'figures'}: {len(figures)} figures as PNG, SVG and PDF:",
    ]
    return "\n".join(lines + [f"    {caption}" for _, caption in figures])
