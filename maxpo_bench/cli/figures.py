"""Commands that draw: figures, reproductions of the paper, films."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from maxpo_bench.cli.shared import JsonFlag, Quiet, finish


def plot(
    figure: Annotated[str, typer.Argument(help="Figure name; `maxpo-bench plot list` lists them.")],
    source: Annotated[
        Path | None, typer.Option("--from", help="Folder of a sweep's runs, or a .csv file of the data.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder of the figures.")] = Path("figures"),
    metric: Annotated[
        str | None, typer.Option("--metric", help="Of learning_curves and performance_profile, e.g. exact_max_at_k.")
    ] = None,
    estimator: Annotated[
        list[str] | None, typer.Option("--estimator", help="Estimators of computed data (repeatable).")
    ] = None,
    formats: Annotated[str, typer.Option("--formats", help="Comma-separated: png, svg, pdf.")] = "png,svg,pdf",
    size: Annotated[str, typer.Option("--size", help="For figures that compute their data: quick or paper.")] = "quick",
    seed: Annotated[int, typer.Option("--seed", help="Seed of computed data.")] = 0,
    quiet: Quiet = False,
) -> None:
    """Draw a figure from a sweep's runs, or compute its data first."""
    from maxpo_bench.commands.plot import run_plot

    finish(
        lambda: run_plot(
            figure,
            source,
            out,
            metric=metric,
            estimators=estimator or [],
            formats=formats,
            size=size,
            seed=seed,
            quiet=quiet,
        )
    )


def reproduce(
    what: Annotated[
        list[str],
        typer.Argument(
            help="Any of table1, fig1, fig4, fig5, fig6, fig7, fig7-search, fig7-mlp, fig7-peers, tiny-lm; or all."
        ),
    ],
    estimator: Annotated[
        list[str] | None,
        typer.Option("--estimator", help="Another estimator in the figures: a name, or a file as for `submit`."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder of what is written; default: figures, and table1 is only printed."),
    ] = None,
    device: Annotated[
        str | None, typer.Option("--device", help="Of fig1, fig4 and fig5: cpu or cuda; default: cpu.")
    ] = None,
    instances: Annotated[
        int | None,
        typer.Option("--instances", help="Bandits, mazes or seeds per point, in place of each figure's own number."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of all bandits, mazes and random numbers.")] = 0,
    size: Annotated[
        str | None,
        typer.Option("--size", help="Of the figures: paper (default), or quick: less of everything."),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers", min=1, help="Of the maze figures and tiny-lm: cells at a time; default: one per core."
        ),
    ] = None,
    as_json: JsonFlag = False,
    quiet: Quiet = False,
) -> None:
    """Measure what the paper states and print both side by side.

    table1: what each estimator is unbiased for. fig1, fig4, fig5: bias and variance on bandits, a minute together.
    fig6: the maze and what blind habit earns in it. fig7: learning on the maze, also by Adam (fig7-adam) and in all
    settings (fig7-settings), about ten minutes; fig7-search: the setting nearest to the paper's; fig7-mlp: with
    networks; fig7-peers: PPO, A2C, TRPO and ARS beside, an hour. tiny-lm: a tiny language model trained with five
    methods, tuned alike, an hour. Interrupt at will: finished cells are kept in OUT/cells, and the same command goes
    on. Each figure is written as PNG, SVG and PDF with its data (CSV), and its findings as Markdown and JSON:
    statements of the paper, what was measured, and whether they hold.

    An added estimator is exact where its advantages are sums over reward gaps, else sampled and drawn as points. A
    file's code is run with your rights. Of a folder's estimator all files count: if one changes, its cells are computed
    again.
    """
    from maxpo_bench.commands.reproduce import run_reproduce

    finish(
        lambda: run_reproduce(
            what,
            out,
            estimators=estimator or [],
            device=device,
            instances=instances,
            seed=seed,
            size=size,
            workers=workers,
            quiet=quiet,
            as_json=as_json,
        )
    )


def video(
    env: Annotated[str, typer.Argument(help="Environment id, e.g. maxpo/Maze-v0.")],
    agent: Annotated[
        list[str] | None,
        typer.Option("--agent", help="Agent name; several stand side by side (repeatable). Default: ei_l2o."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="File to write: .gif or .mp4.")] = Path("learning.gif"),
    iterations: Annotated[int, typer.Option("--iterations", help="Policy updates.")] = 300,
    frames: Annotated[
        int | None, typer.Option("--frames", help="Frames, evenly spread over training; default: 60, or all there are.")
    ] = None,
    fps: Annotated[float, typer.Option("--fps", help="Frames per second.")] = 10.0,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", help="key=value for agents or environment, AGENT.key=value for one (repeatable)."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of every agent and of the episodes shown.")] = 0,
    quiet: Quiet = False,
) -> None:
    """Film agents while they learn: the environment's pictures, the policy on them, its exact values as curves.

    MP4 needs the extra `video`: `pip install 'maxpo-bench[video]'`.
    """
    from maxpo_bench.commands.video import run_video

    finish(
        lambda: run_video(
            env,
            agent or [],
            out,
            iterations=iterations,
            frames=frames,
            fps=fps,
            overrides=overrides or [],
            seed=seed,
            quiet=quiet,
        )
    )
