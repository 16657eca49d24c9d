"""Figures over training: learning curves, P(action 1) under the global bias, gradient variance ratio."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from maxpo_bench.plots.bandit_panels import draw_band
from maxpo_bench.plots.frames import Frame, as_frame, count_text, curve, require_finite
from maxpo_bench.plots.style import (
    DOUBLE_COLUMN,
    OPTIMUM,
    SINGLE_COLUMN,
    LineStyle,
    finish,
    new_figure,
    style_of,
)
from maxpo_bench.plots.variants import argument_text, variant_dashes, variant_label, variants_of, with_arguments
from maxpo_bench.registry import suggest

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

METRICS = {
    "return_mean": "Mean return",
    "return_max_at_k": "Max@$K$ return",
    "exact_return": "Expected return",
    "exact_max_at_k": "Expected max@$K$ return",
    "entropy": "Policy entropy",
    "grad_norm": "Gradient norm",
    "grad_variance": "Total gradient variance",
    "p_action_1": "$P$(action 1)",
}


def learning_curves(
    data: Any,
    *,
    metric: str = "return_mean",
    optimum: Mapping[str, float] | None = None,
    smooth: int = 1,
    caption: str = "",
) -> Figure:
    """Learning curves: one panel per environment, one line per agent, mean and 95 % interval over seeds.

    Args:
        data: columns env, agent, seed, iteration and the metric, as `maxpo_bench.sweep.aggregate.to_frame` makes them.
            Arguments (columns env.NAME and agent.NAME) that differ between runs get panels and lines of their own,
            in the order of their values; one value has one line style, whichever the agent.
        metric: a column, one of `METRICS` or another numeric one.
        optimum: exact optimum of each environment by its name in the env column, drawn as a dashed line; by default
            the number in the column optimum, where there is one (`maxpo_bench.plots.data.with_optimum` adds it).
        smooth: iterations are put into bins of this many neighbouring records, averaged within a seed.
        caption: put before the sentence on seeds.

    Raises:
        ValueError: no rows, missing columns, or no finite value of the metric.
    """
    frame = _metric_frame(data, "learning_curves", metric)
    figure, panels = _panels(frame)
    dashes = variant_dashes(frame)
    for axes, rows in panels:
        _agent_curves(axes, rows, metric, smooth, dashes)
        best = _optimum(rows, optimum)
        if best is not None:
            axes.axhline(best, color="0.3", linewidth=0.8, linestyle="--", zorder=0, label=OPTIMUM)
    _label_left(panels, _metric_label(frame, metric))
    return finish(figure, _caption(caption, frame), _labels(frame))


def p_action_1(data: Any, *, smooth: int = 1, caption: str = "") -> Figure:
    """Probability of action 1 under the maze policy's global bias vector alone, over training.

    Args:
        data: columns env, agent, seed, iteration, p_action_1; rows without a value are left out.
        smooth: see `learning_curves`.
        caption: put before the sentence on seeds.

    Raises:
        ValueError: no rows, missing columns, or no finite value.
    """
    frame = _metric_frame(data, "p_action_1", "p_action_1")
    figure, panels = _panels(frame)
    dashes = variant_dashes(frame)
    for axes, rows in panels:
        _agent_curves(axes, rows, "p_action_1", smooth, dashes)
        axes.axhline(0.5, color="0.6", linewidth=0.7, linestyle=":", zorder=0)
        axes.set_ylim(0.0, 1.02)
    _label_left(panels, METRICS["p_action_1"] + ", global bias alone")
    return finish(figure, _caption(caption, frame), _labels(frame))


def variance_ratio(data: Any, *, caption: str = "") -> Figure:
    """Total gradient variance of EI+L2O over that of EI during training (Eq 125): panels by group size, lines by K.

    Args:
        data: columns group_size, k, iteration, seed, value.
        caption: put before the sentence on seeds.

    Raises:
        ValueError: no rows, missing columns, or no finite value.
    """
    frame = as_frame(data, "variance_ratio", ["group_size", "k", "iteration", "seed", "value"])
    require_finite(frame, "variance_ratio", "value")
    sizes = sorted(int(size) for size in frame["group_size"].unique())
    objectives = sorted(int(k) for k in frame["k"].unique())
    colors = _sequential(len(objectives))
    width = SINGLE_COLUMN if len(sizes) == 1 else DOUBLE_COLUMN
    figure, grid = new_figure(1, len(sizes), width=width, height=2.1, sharey=True)
    for axes, size in zip(grid[0], sizes, strict=True):
        for k, color, marker in zip(objectives, colors, "osD^vPX*<>" * len(objectives), strict=False):
            rows = frame[(frame["group_size"] == size) & (frame["k"] == k)]
            if rows.empty:
                continue
            line = curve(rows, "iteration", "value", "seed")
            every = max(1, len(line.x) // 8)
            axes.plot(line.x, line.mean, color=color, marker=marker, markevery=every, label=f"$K = {k}$")
            axes.fill_between(line.x, line.low, line.high, color=color, alpha=0.18, linewidth=0.0)
        axes.axhline(1.0, color="0.6", linewidth=0.7, linestyle=":", zorder=0)
        axes.set(xlabel="Iteration", title=f"$n = {size}$")
        axes.margins(x=0.03)
    grid[0][0].set_ylabel("Variance EI+L2O / EI")
    seeds = count_text([int(count) for count in frame.groupby(["group_size", "k"])["seed"].nunique()], "seed")
    text = f"Mean over training seeds, bands: 95 % intervals; {seeds}."
    return finish(figure, f"{caption + ' ' if caption else ''}{text}")


def _metric_frame(data: Any, figure: str, metric: str) -> Frame:
    """Return the rows that have a finite value of the metric, what `with_arguments` finds in all rows added."""
    frame = as_frame(data, figure, ["env", "agent", "seed", "iteration"])
    if metric == "p_action_1" and metric not in frame.columns:
        raise ValueError(
            f"figure {figure!r} lacks column p_action_1, which only runs with a global bias have: train the group "
            "agents with tabular policies on maxpo/Maze-v0"
        )
    if metric not in frame.columns:
        raise ValueError(f"figure {figure!r} lacks column {metric}.{suggest(metric, map(str, frame.columns))}")
    require_finite(frame, figure, metric)
    frame = with_arguments(with_arguments(frame, "env"), "agent")
    return frame[np.isfinite(frame[metric].to_numpy(dtype=np.float64))]


def _panels(frame: Frame) -> tuple[Figure, list[tuple[Axes, Frame]]]:
    """Return a figure with a panel for each environment, at most three in a row, and the panels' rows."""
    parts = variants_of(frame, "env")
    columns = min(3, len(parts))
    rows = -(-len(parts) // columns)
    width = SINGLE_COLUMN if len(parts) == 1 else DOUBLE_COLUMN
    figure, grid = new_figure(rows, columns, width=width, height=0.2 + 1.9 * rows)
    flat = [axes for row in grid for axes in row]
    for axes in flat[len(parts) :]:
        axes.remove()
    panels = [(axes, part) for axes, (_, _, part) in zip(flat, parts, strict=False)]
    for axes, (env, arguments, _) in zip(flat, parts, strict=False):
        title = _env_title(env) + (f"\n{arguments}" if arguments else "")
        axes.set(xlabel="Iteration", title=title)
    return figure, panels


def _env_title(name: str) -> str:
    """Shorten "maxpo/Maze-v0" to "Maze-v0"; other names stay as they are."""
    return name.removeprefix("maxpo_bench:").removeprefix("maxpo/")


def _label_left(panels: Sequence[tuple[Axes, Frame]], label: str) -> None:
    """Label the vertical axis of each row's first panel."""
    for axes, _ in panels[::3]:
        axes.set_ylabel(label)


def _labels(frame: Frame) -> list[str]:
    """Return the labels of all lines in the legend's order."""
    return [variant_label(name, arguments) for name, arguments, _ in variants_of(frame, "agent")]


def _metric_label(frame: Frame, metric: str) -> str:
    """Return the vertical axis' label, with the number for K where all runs say the same one."""
    label = METRICS.get(metric, metric.replace("_", " "))
    values = frame["agent.k"].unique() if "agent.k" in frame.columns else []
    return label.replace("$K$", argument_text(values[0])) if len(values) == 1 and values[0] == values[0] else label


def _agent_curves(axes: Axes, frame: Frame, metric: str, smooth: int, dashes: Mapping[str, LineStyle]) -> None:
    """Draw each agent's mean and band over seeds, variants of one agent in its colour with their own dashes."""
    for place, (name, arguments, rows) in enumerate(variants_of(frame, "agent")):
        if smooth > 1:
            rows = _smoothed(rows, metric, smooth)
        line = curve(rows, "iteration", metric, "seed")
        style = style_of(name)
        if arguments:
            style = replace(style, label=variant_label(name, arguments), linestyle=dashes[arguments])
        draw_band(axes, line, style, place=place, marker_every=max(1, len(line.x) // 8))
    axes.margins(x=0.02)


def _smoothed(frame: Frame, metric: str, records: int) -> Frame:
    """Average `records` neighbouring records of each seed; a bin's iteration is its last."""
    iterations = np.sort(frame["iteration"].unique())
    ends = np.append(iterations[records - 1 :: records], iterations[-1])
    place = np.searchsorted(ends, frame["iteration"].to_numpy())
    binned = frame.assign(iteration=ends[place])
    return binned.groupby(["seed", "iteration"], as_index=False)[metric].mean()


def _optimum(rows: Frame, optimum: Mapping[str, float] | None) -> float | None:
    """Return the panel's exact optimum if it is known."""
    if optimum is not None:
        return optimum.get(str(rows["env"].iloc[0]))
    if "optimum" not in rows.columns:
        return None
    values = rows["optimum"].dropna().unique()
    return float(values[0]) if len(values) == 1 else None


def _sequential(count: int) -> list[str]:
    """Colours from dark to light for ordered lines."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return [to_hex(colormaps["viridis"](position)) for position in np.linspace(0.1, 0.8, count)]


def _caption(caption: str, frame: Frame) -> str:
    """Join the caller's caption with how many seeds."""
    seeds = count_text([int(count) for count in frame.groupby(["env", "agent"])["seed"].nunique()], "seed")
    text = f"Mean over seeds, bands: 95 % intervals; {seeds}."
    return f"{caption + ' ' if caption else ''}{text}"
