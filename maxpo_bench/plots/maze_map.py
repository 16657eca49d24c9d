"""The maze as a map: its path folded into rows, and dead ends of one or two steps beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

PATH, HABIT, OTHER, GOAL = "#cd292e", "#de8f05", "0.6", "#f2b705"
PATH_LABEL = "correct path"
HABIT_LABEL, OTHER_LABEL = "wrong action 1", "wrong action 0"
ROW_PITCH = 3.2
"""Distance of two rows in states: both have dead ends of up to two steps towards each other."""
_STEP = 0.6


def folded(count: int, columns: int) -> Floats:
    """Return ``[count, 2]``: points of a path that runs to and fro in rows of `columns` points, downwards."""
    index = np.arange(count)
    row, column = index // columns, index % columns
    column = np.where(row % 2 == 1, columns - 1 - column, column)
    return np.stack([column, -ROW_PITCH * row], axis=1).astype(np.float64)


def dead_ends(correct: Whole, columns: int) -> Floats:
    """Return ``[length, 2]``: the unit vector from each path state into its dead end.

    Dead ends of action 1 lie above the path, others below it; at the ends of rows, where the path itself is there,
    sideways.
    """
    index = np.arange(len(correct))
    row, column = index // columns, index % columns
    vectors = np.stack([np.zeros(len(correct)), np.where(correct == 0, 1.0, -1.0)], axis=1)
    goes_down, came_down = column == columns - 1, (column == 0) & (row > 0)
    outwards = np.where(goes_down, 1.0, -1.0) * np.where(row % 2 == 1, -1.0, 1.0)
    at_turn = goes_down | came_down
    vectors[at_turn] = np.stack([outwards[at_turn], np.zeros(int(at_turn.sum()))], axis=1)
    return vectors


def draw_map(axes: Axes, correct: Whole, lengths: Whole, *, columns: int, box: int) -> None:
    """Draw the whole maze.

    Args:
        axes: to draw on.
        correct: ``[length]`` correct actions.
        lengths: ``[length]`` steps from a wrong action to the episode's end, 1 or 2.
        columns: states per row.
        box: states at the beginning that are framed.
    """
    points = folded(len(correct) + 1, columns)
    vectors = dead_ends(correct, columns)
    _draw_dead_ends(axes, points[:-1], vectors, correct, lengths, step=_STEP, width=0.7, cap=None)
    axes.plot(*points.T, color=PATH, linewidth=1.1, solid_joinstyle="miter", label=PATH_LABEL, zorder=2)
    axes.plot(*points[0], "o", color="0.1", markersize=3.2, zorder=3)
    axes.plot(*points[-1], "*", color=GOAL, markeredgecolor="0.1", markeredgewidth=0.4, markersize=8, zorder=3)
    axes.annotate("start", points[0], xytext=(-9, 0), textcoords="offset points", ha="right", va="center", fontsize=7)
    axes.annotate("goal", points[-1], xytext=(0, -5), textcoords="offset points", ha="center", va="top", fontsize=7)
    last = min(box, columns) - 0.5
    frame_x, frame_y = [-0.9, last, last, -0.9, -0.9], [-1.6, -1.6, 1.6, 1.6, -1.6]
    axes.plot(frame_x, frame_y, color="0.1", linewidth=0.7)
    axes.set_aspect("equal", anchor="NW")
    axes.margins(0.01)


def draw_beginning(axes: Axes, correct: Whole, lengths: Whole, *, is_whole: bool) -> None:
    """Draw states in one row at x = 0, 1, ..., with every step of a dead end and its wall.

    Args:
        axes: to draw on.
        correct: ``[near]`` correct actions.
        lengths: ``[near]`` steps from a wrong action to the episode's end, 1 or 2.
        is_whole: whether the path ends at the goal behind the last of these states.
    """
    near = len(correct)
    points = np.stack([np.arange(near), np.zeros(near)], axis=1).astype(np.float64)
    vectors = np.stack([np.zeros(near), np.where(correct == 0, 1.0, -1.0)], axis=1)
    _draw_dead_ends(axes, points, vectors, correct, lengths, step=1.0, width=1.1, cap=0.28)
    axes.plot([0, near - 0.3], [0, 0], color=PATH, linewidth=2.0, zorder=2)
    axes.plot(np.arange(near), np.zeros(near), ".", color="white", markersize=2.2, zorder=3)
    axes.plot(0, 0, "o", color="0.1", markersize=3.6, zorder=3)
    end = "*" if is_whole else ">"
    axes.plot(near - 0.3, 0, end, color=GOAL if is_whole else PATH, markersize=9 if is_whole else 4, clip_on=False)
    axes.set_ylim(-2.5, 2.5)


def _draw_dead_ends(
    axes: Axes,
    points: Floats,
    vectors: Floats,
    correct: Whole,
    lengths: Whole,
    *,
    step: float,
    width: float,
    cap: float | None,
) -> None:
    """Draw the dead ends as strokes of one or two steps; with `cap` (half its width) walls and states as well."""
    from matplotlib.collections import LineCollection

    tips = points + vectors * (step * lengths)[:, None]
    for is_habit, color, label in ((True, HABIT, HABIT_LABEL), (False, OTHER, OTHER_LABEL)):
        chosen = (correct == 0) == is_habit
        strokes = np.stack([points[chosen], tips[chosen]], axis=1)
        if cap is None:
            axes.add_collection(LineCollection(list(strokes), colors=color, linewidths=width, label=label, zorder=1))
            continue
        axes.add_collection(LineCollection(list(strokes), colors=color, linewidths=width, zorder=1))
        walls = np.stack([tips[chosen] - [cap, 0.0], tips[chosen] + [cap, 0.0]], axis=1)
        axes.add_collection(LineCollection(list(walls), colors=color, linewidths=1.6 * width, zorder=1))
        inner = (points + vectors * step)[chosen & (lengths == 2)]
        axes.plot(*inner.T, ".", color=color, markersize=4.5, zorder=2)
