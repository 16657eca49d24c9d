"""The panels that the bandit figures are made of: one series per estimator, exact ones as lines, sampled as points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from maxpo_bench.plots.frames import Band, Curve, Frame, curve
from maxpo_bench.plots.style import SCORE_SQUARE, SQRT_GUIDE, SeriesStyle, in_order, style_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GUIDE_COLOR = "0.55"


def draw_band(axes: Axes, line: Curve, style: SeriesStyle, *, place: int, marker_every: int = 1) -> None:
    """Draw one series in its own style: line, band, and markers on every `marker_every`-th point.

    Lines lie above all bands, and those with a lower `place` in the legend above the others.
    """
    zorder = 2.5 - 0.001 * place
    axes.plot(line.x, line.mean, markevery=marker_every, markeredgewidth=0.0, zorder=zorder, **style.line())
    axes.fill_between(line.x, line.low, line.high, color=style.color, alpha=0.18, linewidth=0.0)


def draw_points(axes: Axes, points: Curve, style: SeriesStyle, *, place: int) -> None:
    """Draw one sampled series: points with error bars, no line."""
    bars = [points.mean - points.low, points.high - points.mean]
    options: dict[str, Any] = {**style.line(), "linestyle": "none", "elinewidth": 0.8, "capsize": 1.5}
    axes.errorbar(points.x, points.mean, yerr=bars, markeredgewidth=0.0, zorder=2.5 - 0.001 * place, **options)


def draw_series(axes: Axes, frame: Frame, x: str, *, band: Band = "interval") -> None:
    """Draw every estimator's mean over instances against a column.

    Args:
        axes: to draw on.
        frame: columns estimator, instance, value and `x`; rows whose optional kind is "sampled" become points with
            error bars, all others lines with bands.
        x: column of the horizontal axis.
        band: what bands and bars show.
    """
    for place, name in enumerate(in_order(frame["estimator"].unique())):
        rows = frame[frame["estimator"] == name]
        lines, points = _by_kind(rows)
        if not lines.empty:
            draw_band(axes, curve(lines, x, "value", "instance", band=band), style_of(name), place=place)
        if not points.empty:
            draw_points(axes, curve(points, x, "value", "instance", band=band), style_of(name), place=place)


def draw_errors(axes: Axes, frame: Frame, *, band: Band = "interval") -> None:
    """Draw estimation errors against the number of batches: exact rows as a line, sampled rows as points over it.

    Args:
        axes: to draw on.
        frame: columns estimator, num_groups, instance, value; without the column kind, markers stand on lines.
        band: what bands and bars show.
    """
    if "kind" not in frame.columns:
        draw_series(axes, frame, "num_groups", band=band)
        return
    for place, name in enumerate(in_order(frame["estimator"].unique())):
        lines, points = _by_kind(frame[frame["estimator"] == name])
        style = style_of(name)
        if not lines.empty:
            line = curve(lines, "num_groups", "value", "instance", band=band)
            label = style.label if points.empty else "_" + name
            axes.plot(line.x, line.mean, color=style.color, linestyle=style.linestyle, label=label)
            axes.fill_between(line.x, line.low, line.high, color=style.color, alpha=0.18, linewidth=0.0)
        if not points.empty:
            draw_points(axes, curve(points, "num_groups", "value", "instance", band=band), style, place=place)


def draw_sqrt_guide(axes: Axes) -> None:
    """Draw a dotted guide of slope -1/2 below the curves."""
    lines = [line for line in axes.get_lines() if len(np.asarray(line.get_xdata())) > 1]
    if not lines:
        return
    x = np.unique(np.concatenate([np.asarray(line.get_xdata(), dtype=np.float64) for line in lines]))
    starts = [float(np.asarray(line.get_ydata(), dtype=np.float64)[0]) for line in lines]
    guide = 0.5 * min(starts) * np.sqrt(x[0] / x)
    axes.plot(x, guide, color=GUIDE_COLOR, linestyle=":", linewidth=0.8, zorder=0, label=SQRT_GUIDE)


def draw_score_square(axes: Axes, frame: Frame, reference: str) -> None:
    """Draw the mean of 1 - ||pi||^2 against the number of arms (Eq 120), scaled to the reference at the most arms.

    Args:
        axes: to draw on.
        frame: columns estimator, num_arms, value and score_square, one group size.
        reference: estimator whose mean variance the curve meets at the most arms.
    """
    table = frame[frame["estimator"] == reference].groupby("num_arms")[["value", "score_square"]].mean().sort_index()
    scaled = table["score_square"] * (table["value"].iloc[-1] / table["score_square"].iloc[-1])
    axes.plot(table.index, scaled, color=GUIDE_COLOR, linestyle="--", linewidth=0.9, zorder=0, label=SCORE_SQUARE)


def draw_unit_line(axes: Axes) -> None:
    """Draw the dotted line at 1 of a panel of ratios."""
    axes.axhline(1.0, color="0.6", linewidth=0.7, linestyle=":", zorder=0)


def whole_number_axis(axes: Axes, values: Any) -> None:
    """Put whole numbers on the ticks of a linear horizontal axis that spans `values`."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
    axes.set_xlim(float(values.min()) - 0.5, float(values.max()) + 0.5)


def doubling_axis(axes: Axes, values: Any) -> None:
    """Make the horizontal axis logarithmic with ticks at 1, 2, 4, ... and at the largest of `values`."""
    from matplotlib.ticker import NullLocator

    largest = int(values.max())
    ticks = [2**power for power in range(largest.bit_length()) if 1.4 * 2**power <= largest] + [largest]
    axes.set_xscale("log", base=2)
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())


def plain_log_y(axes: Axes) -> None:
    """Label 1, 2 and 5 of each decade as plain numbers where a logarithmic axis spans less than two decades."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = axes.get_ylim()
    if low <= 0 or high / low > 100.0:
        return
    subs = (1.0, 2.0, 5.0) if high / low > 4.0 else (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0)
    axes.yaxis.set_major_locator(LogLocator(subs=subs))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _by_kind(frame: Frame) -> tuple[Frame, Frame]:
    """Return the rows to draw as a line and those to draw as points."""
    if "kind" not in frame.columns:
        return frame, frame.iloc[:0]
    is_sampled = frame["kind"] == "sampled"
    return frame[~is_sampled], frame[is_sampled]
