"""Figure 7 of the paper: return, P(action 1) and variance ratio against iterations; and final returns everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from maxpo_bench.plots.bandit_panels import draw_band, draw_unit_line
from maxpo_bench.plots.frames import Frame, curve
from maxpo_bench.plots.style import DOUBLE_COLUMN, SeriesStyle, finish, in_order, new_figure, style_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OPTIMIZER_LABELS = {"sgd": "SGD", "adam": "Adam"}
RATIO = "Variance ratio\nEI+L2O / EI"
_K_COLORS, _K_MARKERS = ("#0b3c5d", "#328cc1", "#8fc1e3", "#b7c9d6"), "os^D"


def draw_curves(curves: Frame, ratios: Frame | None, caption: str, *, by: str = "group_size") -> Figure:
    """Return and P(action 1) of every agent, and the variance ratio at EI+L2O's policies, a column for each n.

    Args:
        curves: columns agent, group_size, share, optimizer, seed, iteration, return, p_action_1.
        ratios: columns group_size, k, seed, iteration, ratio; a line for each K. None leaves that row out.
        caption: what stands below.
        by: what the columns go over, "group_size" or "share"; with the latter there are two rows for each optimizer.
    """
    values = sorted(curves[by].unique())
    optimizers = [name for name in OPTIMIZER_LABELS if (curves["optimizer"] == name).any()]
    rows = [(name, value) for name in optimizers for value in ("return", "p_action_1")]
    count = len(rows) + (ratios is not None)
    figure, grid = new_figure(count, len(values), width=DOUBLE_COLUMN, height=1.55 * count, sharex="col", sharey="row")
    for column, place in enumerate(values):
        here = curves[curves[by] == place]
        for row, (optimizer, value) in enumerate(rows):
            _agent_lines(grid[row][column], here[here["optimizer"] == optimizer], "iteration", value)
            if value == "p_action_1":
                grid[row][column].set_ylim(0.45, 1.0)
        if ratios is not None:
            _ratio_lines(grid[-1][column], ratios[ratios[by] == place])
        grid[0][column].set_title(f"$n = {place}$" if by == "group_size" else f"majority share {place:g}")
        grid[-1][column].set_xlabel("Iteration")
        grid[-1][column].margins(x=0.03)
    for row, (optimizer, value) in enumerate(rows):
        label = "Mean return" if value == "return" else "$P$(action 1)"
        grid[row][0].set_ylabel(f"{OPTIMIZER_LABELS[optimizer]}\n{label}" if len(optimizers) > 1 else label)
    if ratios is not None:
        grid[-1][0].set_ylabel(RATIO)
    figure.align_ylabels()
    return finish(figure, caption)


def draw_overview(finals: Frame, caption: str) -> Figure:
    """Final return against n: a row for each optimizer and K, a column for each majority share.

    Args:
        finals: columns agent, optimizer, share, group_size, k, seed, returns; chosen learning rates only.
        caption: what stands below.
    """
    shares = sorted(finals["share"].unique())
    rows = sorted({(str(o), int(k)) for o, k in zip(finals["optimizer"], finals["k"], strict=True)}, reverse=True)
    rows.sort(key=lambda row: (row[0] != "sgd", row[1]))
    figure, grid = new_figure(
        len(rows), len(shares), width=DOUBLE_COLUMN, height=1.25 * len(rows), sharex=True, sharey="row"
    )
    for row, (optimizer, k) in enumerate(rows):
        here = finals[(finals["optimizer"] == optimizer) & (finals["k"] == k)]
        for column, share in enumerate(shares):
            axes = grid[row][column]
            _agent_bars(axes, here[here["share"] == share], sorted(finals["group_size"].unique()))
            axes.set_ylim(bottom=0)
            if row == 0:
                axes.set_title(f"majority share {share:g}")
        grid[row][0].set_ylabel(f"{OPTIMIZER_LABELS[optimizer]}, $K = {k}$\nreturn")
    for axes in grid[-1]:
        axes.set_xlabel("$n$")
    figure.align_ylabels()
    return finish(figure, caption)


def _agent_lines(axes: Axes, frame: Frame, x: str, value: str) -> None:
    """Draw a line with its 95 % band for each agent."""
    for place, name in enumerate(in_order(list(frame["agent"]))):
        line = curve(frame[frame["agent"] == name], x, value, "seed", on_log_axis=False)
        draw_band(axes, line, style_of(name), place=place, marker_every=max(1, len(line.x) // 5))


def _agent_bars(axes: Axes, frame: Frame, sizes: Sequence[int]) -> None:
    """Draw the final return with its 95 % interval for each agent and n, agents side by side."""
    names = in_order(list(frame["agent"]))
    for place, name in enumerate(names):
        line, style = (
            curve(frame[frame["agent"] == name], "group_size", "returns", "seed", on_log_axis=False),
            style_of(name),
        )
        shift = 0.1 * (place - (len(names) - 1) / 2)
        x = [sizes.index(int(size)) + shift for size in line.x]
        height = [line.mean - line.low, line.high - line.mean]
        axes.errorbar(x, line.mean, height, **style.line(), elinewidth=0.8)
    axes.set_xticks(range(len(sizes)), [str(size) for size in sizes])


def _ratio_lines(axes: Axes, frame: Frame) -> None:
    """Draw the geometric mean over seeds of the variance ratio, a line for each K."""
    import numpy as np

    logs = frame.assign(log=np.log(frame["ratio"]))
    for k, color, marker in zip(sorted(frame["k"].unique()), _K_COLORS, _K_MARKERS, strict=False):
        line = curve(logs[logs["k"] == k], "iteration", "log", "seed", on_log_axis=False)
        style = SeriesStyle(f"ratio at $K = {int(k)}$", color, marker)
        axes.plot(line.x, np.exp(line.mean), **style.line())
        axes.fill_between(line.x, np.exp(line.low), np.exp(line.high), color=color, alpha=0.18, linewidth=0.0)
    draw_unit_line(axes)
    axes.set_yscale("log")
    _plain_ratio_axis(axes)


def _plain_ratio_axis(axes: Axes) -> None:
    """Tick a logarithmic axis of ratios around 1 by plain numbers."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    axes.yaxis.set_major_locator(FixedLocator([0.25, 0.5, 1.0, 2.0, 4.0, 8.0]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, place: f"{value:g}"))
