"""Lines labelled at their ends, on a logarithmic axis, in place of a legend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes


class End(NamedTuple):
    """Where a line ends, and what it is called."""

    x: float
    y: float
    text: str
    color: str


def label_ends(axes: Axes, ends: Sequence[End], *, column: float, gap: float = 1.75) -> None:
    """Write the lines' names one below the other right of the panel, and tie each to its line's end.

    Args:
        axes: with a logarithmic y axis.
        ends: of the lines, in any order.
        column: place of the names on the x axis.
        gap: least factor between neighbouring names.
    """
    ordered = sorted(ends, key=lambda end: end.y)
    for end, height in zip(ordered, spread([end.y for end in ordered], gap), strict=True):
        axes.annotate(
            end.text,
            (end.x, end.y),
            (column, height),
            color=end.color,
            fontsize=6,
            va="center",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": end.color, "linewidth": 0.4, "shrinkA": 0, "shrinkB": 3},
        )


def spread(values: Sequence[float], gap: float) -> list[float]:
    """Move ascending positive values apart, by as little as possible: each is to be ``gap`` times the last or more.

    Least squares of the logarithms, by pooling neighbours that are out of order.
    """
    places = np.arange(len(values))
    pools: list[tuple[float, int]] = []
    for value in np.log(values) - np.log(gap) * places:
        pools.append((float(value), 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (low, few), (high, many) = pools[-2:]
            pools[-2:] = [((low * few + high * many) / (few + many), few + many)]
    levels = np.repeat([level for level, _ in pools], [count for _, count in pools])
    return [float(value) for value in np.exp(levels + np.log(gap) * places)]
