"""Figure 6: the maze with its red path and dead ends, where blind policies end in it, and how little they earn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from maxpo_bench.plots.frames import Frame, as_frame, count_text, curve
from maxpo_bench.plots.maze_data import ENDS, INSTANCES, SHARES, maze_frame
from maxpo_bench.plots.maze_map import HABIT_LABEL, OTHER_LABEL, PATH_LABEL, ROW_PITCH, draw_beginning, draw_map
from maxpo_bench.plots.style import BLUE, CYAN, DOUBLE_COLUMN, GREEN, OPTIMUM, PURPLE, figure_style, finish

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from maxpo_bench.envs import MazeLayout

COLUMNS = ("part", "state", "correct_action", "dead_end_length", "q", "majority_share", "instance", "value")
NEAR = 32
"""States of the path that the enlarged panel shows."""
_END_LOOKS = ((CYAN, "o"), (BLUE, "s"), ("0.15", "D"), (GREEN, "^"), (PURPLE, "v"))
_SMALLEST = 1e-4
_LEAST_RETURN = 0.02
_MAP_SHAPE = 2.45


def draw_maze(
    layout: MazeLayout | None = None,
    *,
    ends: Sequence[float] = ENDS,
    shares: Sequence[float] = SHARES,
    instances: int = INSTANCES,
    seed: int = 0,
    caption: str = "",
) -> Figure:
    """Compute and draw figure "maze"; see `maze` and, for the arguments, `maxpo_bench.plots.maze_data.maze_frame`."""
    data = maze_frame(layout, ends=ends, shares=shares, instances=instances, seed=seed)
    with figure_style():
        return maze(data, caption=caption)


def maze(data: Any, *, near: int = NEAR, caption: str = "") -> Figure:
    """The maze of App. G.2 drawn (Fig 6), its first states enlarged, where blind policies end, and what they earn.

    Args:
        data: columns part, state, correct_action, dead_end_length, q, majority_share, instance and value, as
            `maxpo_bench.plots.maze_data.maze_frame` makes them.
        near: states of the path in the enlarged panel and in the one of the ends, at least 2.
        caption: put before the sentence on the drawing.

    Raises:
        ValueError: no rows, missing columns, a part without rows, or `near` below 2.
    """
    frame = as_frame(data, "maze", COLUMNS)
    path = _part(frame, "path").sort_values("state")
    correct, lengths = (path[name].to_numpy(dtype=np.int64) for name in ("correct_action", "dead_end_length"))
    if near < 2:
        raise ValueError(f"near must be at least 2 states, got {near}")
    shown = min(near, len(correct))
    figure, whole, enlarged, ends, returns = _panels()
    draw_map(whole, correct, lengths, columns=_columns(len(correct)), box=shown)
    draw_beginning(enlarged, correct[:shown], lengths[:shown], is_whole=shown == len(correct))
    _draw_ends(ends, _part(frame, "end"), shown)
    _draw_returns(returns, _part(frame, "return"), _part(frame, "best"), len(correct))
    whole.set_title(
        f"(a) The maze: {len(correct)} states, action 1 is right in {int((correct == 1).sum())}", loc="left"
    )
    enlarged.set_title(f"(b) Its first {shown} states", loc="left")
    ends.set_title("(c) Where blind policies end", loc="left")
    returns.set_title("(d) What blind policies earn", loc="left")
    mazes = [int(count) for count in _part(frame, "return").groupby("majority_share")["instance"].nunique()]
    text = (
        "Strokes beside the path: dead ends of one or two steps, above it those of action 1. A blind policy takes "
        "action 1 with one probability q in every state; all its values are exact. (d): mean over mazes, bands: "
        f"95 % intervals; {count_text(mazes, 'maze')} of each share; small dots: the best blind policy of each maze."
    )
    return finish(figure, f"{caption + ' ' if caption else ''}{text}", (PATH_LABEL, HABIT_LABEL, OTHER_LABEL))


def _panels() -> tuple[Figure, Axes, Axes, Axes, Axes]:
    """Return a figure with the map, its beginning and the ends on the left, and the returns on the right."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(DOUBLE_COLUMN, 4.2), layout="constrained")
    grid = figure.add_gridspec(3, 2, width_ratios=(1.9, 1.0), height_ratios=(1.9, 0.55, 0.95))
    whole, ends = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[2, 0])
    enlarged = figure.add_subplot(grid[1, 0], sharex=ends)
    returns = figure.add_subplot(grid[:, 1])
    for axes in (whole, enlarged):
        axes.set_axis_off()
    return figure, whole, enlarged, ends, returns


def _columns(length: int) -> int:
    """States per row with which the folded path has about the shape of its panel."""
    return max(2, math.ceil(math.sqrt(length * ROW_PITCH * _MAP_SHAPE)))


def _part(frame: Frame, name: str) -> Frame:
    """Return the rows of one part.

    Raises:
        ValueError: there are none.
    """
    rows = frame[frame["part"] == name]
    if rows.empty:
        raise ValueError(f'figure "maze" has no rows of part {name!r}: make its data with maze_frame')
    return rows


def _draw_ends(axes: Axes, rows: Frame, near: int) -> None:
    """Draw each blind policy's probability to end after each of the first states."""
    handles: list[Any] = []
    for place, (q, each) in enumerate(rows.groupby("q")):
        earned = float((each["state"] * each["value"]).sum())
        each = each[each["state"] < near].sort_values("state")
        color, marker = _END_LOOKS[place % len(_END_LOOKS)]
        states, values = each["state"].to_numpy(), each["value"].to_numpy(dtype=np.float64)
        seen = values >= _SMALLEST
        axes.vlines(states[seen], _SMALLEST, values[seen], color=color, linewidth=0.8, alpha=0.5)
        handles += axes.plot(states[seen], values[seen], linestyle="none", marker=marker, color=color)
        handles[-1].set_label(f"_{q:g}: earns {earned:.2f}")
    labels = [handle.get_label().removeprefix("_") for handle in handles]
    axes.legend(handles, labels, title="P(action 1)", title_fontsize=7, loc="upper right", handlelength=1.0)
    axes.set(yscale="log", ylim=(_SMALLEST, 1.6), xlim=(-1, near), xlabel="State on the path", ylabel="P(end there)")


def _draw_returns(axes: Axes, rows: Frame, best: Frame, optimum: int) -> None:
    """Draw the mean return of the blind policies over q for each majority share, its maximum, and each maze's own."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    shares = sorted((float(share) for share in rows["majority_share"].unique()), reverse=True)
    handles: list[Any] = []
    lowest = float(optimum)
    for share, tone in zip(shares, np.linspace(0.75, 0.15, len(shares)), strict=True):
        color = to_hex(colormaps["viridis"](tone))
        line = curve(rows[rows["majority_share"] == share], "q", "value", "instance")
        own = best[best["majority_share"] == share]
        axes.plot(own["q"], own["value"], ".", color=color, markersize=4, alpha=0.3, markeredgewidth=0, zorder=1)
        axes.fill_between(line.x, line.low, line.high, color=color, alpha=0.2, linewidth=0.0)
        handles += axes.plot(line.x, line.mean, color=color, zorder=2)
        top = int(line.mean.argmax())
        handles[-1].set_label(f"_share {share:g}: mean at most {line.mean[top]:.1f}")
        axes.plot(line.x[top], line.mean[top], "o", color=color, markeredgecolor="white", markersize=5, zorder=3)
        lowest = min(lowest, float(line.mean[line.mean > 0].min(initial=lowest)))
    labels = [handle.get_label().removeprefix("_") for handle in handles]
    axes.legend(handles, labels, title="Action 1 is right", title_fontsize=7, loc="center left", handlelength=1.5,
                bbox_to_anchor=(0.0, 0.72), alignment="left")  # fmt: skip
    axes.axhline(optimum, color="0.3", linewidth=0.8, linestyle="--", label=OPTIMUM)
    axes.set(yscale="log", xlim=(0.0, 1.03), ylim=(max(lowest / 2.0, _LEAST_RETURN), 2.0 * optimum))
    axes.set(xlabel="$q = P$(action 1) in every state", ylabel="Expected return")
