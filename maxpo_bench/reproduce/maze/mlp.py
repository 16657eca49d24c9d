"""Figure 7 with multilayer perceptrons in place of the tabular policy."""

from __future__ import annotations

from dataclasses import asdict

import pandas as pd

from maxpo_bench.plots.style import figure_style
from maxpo_bench.reproduce.maze.figures import draw_curves
from maxpo_bench.reproduce.maze.findings import Scores, explores, outperforms
from maxpo_bench.reproduce.maze.measure import OPTIMIZERS, Measured
from maxpo_bench.reproduce.maze.report import SOURCE, points, returns_table
from maxpo_bench.reproduce.report import TITLES, Drawn, Report, plain


def draw_mlp(measured: Measured) -> Drawn:
    """Draw return and P(action 1) of networks, a column for each majority share.

    Args:
        measured: with the cells of `maxpo_bench.reproduce.maze.measure.mlp_cells`.
    """
    size = measured.size
    curves = pd.concat([measured.curves(optimizer, None, size.k) for optimizer in OPTIMIZERS], ignore_index=True)
    grids = "; ".join(
        f"{label}: {', '.join(f'{rate:g}' for rate in size.mlp_rates(optimizer))}"
        for label, optimizer in zip(("SGD", "Adam"), OPTIMIZERS, strict=True)
    )
    caption = (
        f"{size.note}Paths of {size.length:,} states, one-hot observations, two tanh layers of 64 units; n = "
        f"{size.mlp_group_size}, K = {size.k}; {size.mlp_instances} mazes with a run each (seed {size.seed}); learning "
        f"rates chosen on {size.mlp_tuning} other mazes ({grids}). Return: means of {size.record_every} iterations; "
        "P(action 1): under the output layer's bias alone. Bands: 95 % intervals over mazes."
    )
    with figure_style():
        picture = draw_curves(curves, None, caption, by="share")
    scores = Scores(measured.finals())
    findings = (*outperforms(scores, SOURCE), explores(scores, SOURCE))
    table = returns_table(scores, scores.places, ("optimizer", "share"))
    series = [
        {"optimizer": optimizer, "share": share, **point}
        for optimizer in OPTIMIZERS
        for share in size.shares
        for point in points(curves[(curves["optimizer"] == optimizer) & (curves["share"] == share)], None)
    ]
    report = Report("fig7-mlp", TITLES["fig7-mlp"], caption, findings, plain(asdict(size)), series, (table,))
    return Drawn(report, picture, curves)
