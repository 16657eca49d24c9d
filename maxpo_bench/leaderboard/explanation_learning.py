"""What training with an entry's estimator gives, in words and tables: the maze, and the tiny language model."""

from __future__ import annotations

from typing import Any

from maxpo_bench.leaderboard.columns import format_number, format_percent, format_points, interval_cell
from maxpo_bench.leaderboard.document import Block, Facts, Grid, Section, bar
from maxpo_bench.leaderboard.entry import Entry
from maxpo_bench.leaderboard.score import REFERENCE

POINTS = 12
"""Rows of a learning curve's table."""


def learning_section(entry: Entry, learning: dict[str, Any] | None) -> Section:
    """Return the section on the maze."""
    if learning is None:
        return Section(
            "Learning on the maze", ["Not trained: the estimator is not defined for the maze's rewards or size."]
        )
    chosen = learning["learning_rate"]
    rows = [
        [rate, format_number(value), "chosen" if float(rate) == chosen else ""]
        for rate, value in sorted(learning["tuning"].items(), key=lambda pair: float(pair[0]))
    ]
    blocks: list[Block] = [
        Facts([("Return after training", str(interval_cell(entry.learning))), ("Step size", f"{chosen:g}")]),
        "The step size has the highest mean return on seeds that are not scored:",
        Grid(("Step size", "Return", ""), rows, ("",)),
    ]
    if learning["mean"]:
        blocks += ["During training, interquartile mean over the seeds with a 95 % interval:", _curve(learning)]
    return Section("Learning on the maze", blocks)


def _curve(learning: dict[str, Any]) -> Grid:
    points = list(zip(*(learning[key] for key in ("iterations", "mean", "low", "high")), strict=True))
    every = -(-len(points) // POINTS)
    shown = points[::-1][::every][::-1]  # counted from the end, so that the last one is among them
    highest = max(mean for _, mean, _, _ in points)
    rows = [
        [
            str(iterations),
            format_number(mean),
            f"{format_number(low)} to {format_number(high)}",
            bar(mean / highest if highest > 0 else 0.0),
        ]
        for iterations, mean, low, high in shown
    ]
    return Grid(("Iterations", "Return", "Interval", ""), rows, ("",), ("", "Interval"))


def language_section(entry: Entry, model: dict[str, Any] | None) -> Section:
    """Return the section on the tiny language model."""
    if model is None:
        return Section("Tiny language model", ["No pass@k yet: the language-model track has not been run with it."])
    rows = [
        [str(k), format_percent(base), format_percent(ours), format_percent(theirs), format_points(ours - theirs)]
        for k, base, ours, theirs in zip(
            *(model[key] for key in ("k", "base", "entry", "reference")),
            strict=True,
        )
    ]
    gain = interval_cell(entry.lm_gain, format_points)
    return Section(
        "Tiny language model",
        [
            f"Share of held-out questions solved within k tries, mean over {model['seeds']} seeds, before training and "
            f"after it, beside the frozen run of {REFERENCE} on the same seeds; differences in percentage points. "
            f"Gain at k = 64: {gain} points.",
            Grid(("k", "Before", "After", REFERENCE, "Difference"), rows),
        ],
    )
