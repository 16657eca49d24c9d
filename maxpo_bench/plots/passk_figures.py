"""Figures of scored samples: pass@k over k, and how it differs from that of one method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from maxpo_bench.plots.frames import Frame, as_frame, count_text, require_finite
from maxpo_bench.plots.style import (
    ALIASES,
    DOUBLE_COLUMN,
    OWN_COLORS,
    SINGLE_COLUMN,
    STYLES,
    LineStyle,
    SeriesStyle,
    finish,
    new_figure,
    style_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = 3
_MOST_TICKS = 6
_MARKERS = "oD^vsPX*"
_LINESTYLES: tuple[LineStyle, ...] = ("-", "--", "-.", ":")
_NEEDED = ("benchmark", "method", "k", "estimate", "low", "high", "num_problems", "fewest_samples", "most_samples")
_FEW_BANDS = 2
"""More bands than this on top of each other turn grey unless they are lighter."""
NO_BREAK = "\u00a0"


def pass_at_k(data: Any, *, caption: str = "") -> Figure:
    """pass@k against k with intervals: one panel per benchmark and average, all from 0 to the same upper end.

    With one k only it is one panel of points with error bars, a line for each benchmark.

    Args:
        data: columns benchmark, method, k, estimate, low, high (in [0, 1]), num_problems, fewest_samples and
            most_samples, as `maxpo_bench.evaluation.rows.pass_at_k_rows` makes them. Panels and methods stand in the
            order of their rows. The optional columns confidence, resamples and seed are said in the caption.
        caption: put before the sentence on problems.

    Raises:
        ValueError: no rows, missing columns, or no finite value.
    """
    frame = as_frame(data, "pass_at_k", _NEEDED)
    require_finite(frame, "pass_at_k", "estimate")
    text = f"Unbiased estimates from {_samples_text(frame)} per problem."
    return _figure(frame, "pass@$k$ (%)", _joined(caption, text), has_zero_line=False)


def pass_at_k_difference(data: Any, *, caption: str = "") -> Figure:
    """pass@k of each method minus that of one they are compared with, paired by problem, as `pass_at_k` draws it.

    Args:
        data: columns benchmark, method, against, k, estimate, low, high (in [-1, 1]), num_problems, fewest_samples and
            most_samples, as `maxpo_bench.evaluation.rows.difference_rows` makes them, and the optional ones of
            `pass_at_k`.
        caption: put before the sentence on problems.

    Raises:
        ValueError: no rows, missing columns, or no finite value.
    """
    frame = as_frame(data, "pass_at_k_difference", [*_NEEDED, "against"])
    require_finite(frame, "pass_at_k_difference", "estimate")
    against = ", ".join(dict.fromkeys(map(str, frame["against"])))
    text = (
        f"Unbiased estimates of pass@$k$ minus that of {against} on the same problems, from {_samples_text(frame)} per "
        "problem; above 0 the method is better."
    )
    return _figure(frame, "$\\Delta$ pass@$k$ (points)", _joined(caption, text), has_zero_line=True)


def _figure(frame: Frame, quantity: str, text: str, *, has_zero_line: bool) -> Figure:
    """Draw panels of curves, or one panel of points where there is one k only."""
    styles = _method_styles(list(dict.fromkeys(map(str, frame["method"]))))
    names = list(dict.fromkeys(map(str, frame["benchmark"])))
    if frame["k"].nunique() == 1:
        figure = _points(frame, names, styles, quantity.replace("$k$", f"${int(frame['k'].iloc[0])}$"), has_zero_line)
        return finish(figure, f"{text} {_interval_text(frame, 'Bars')}. Numbers of problems in brackets.", list(styles))
    columns = min(_COLUMNS, len(names))
    lines = -(-len(names) // columns)
    width = SINGLE_COLUMN if len(names) == 1 else DOUBLE_COLUMN
    figure, grid = new_figure(lines, columns, width=width, height=0.2 + 1.9 * lines, sharey=True)
    flat = [axes for row in grid for axes in row]
    for axes in flat[len(names) :]:
        axes.remove()
    for place, (axes, name) in enumerate(zip(flat, names, strict=False)):
        rows = frame[frame["benchmark"].astype(str) == name]
        _curves(axes, rows, styles)
        axes.set(title=f"{name} ({count_text(map(int, rows['num_problems']), 'problem')})", xlabel="$k$")
        if place % columns == 0:
            axes.set_ylabel(quantity)
        if has_zero_line:
            axes.axhline(0.0, color="0.4", linewidth=0.7, zorder=1)
    flat[0].set_ylim(*_limits(frame, has_zero_line))
    shared = " All panels have the same vertical axis." if len(names) > 1 else ""
    return finish(figure, f"{text} {_interval_text(frame, 'Bands')}.{shared}", list(styles))


def _points(
    frame: Frame, names: Sequence[str], styles: Mapping[str, SeriesStyle], quantity: str, has_zero_line: bool
) -> Figure:
    """Draw points with error bars, a line for each benchmark and within it one for each method."""
    step = 0.8 / len(styles)
    height = 0.75 + max(0.22, 0.13 * len(styles)) * len(names)
    figure, ((axes,),) = new_figure(1, 1, width=SINGLE_COLUMN, height=height)
    for place, (name, style) in enumerate(styles.items()):
        rows = frame[frame["method"].astype(str) == name]
        mean, low, high = _percentages(rows)
        heights = [names.index(str(each)) + step * (place - (len(styles) - 1) / 2) for each in rows["benchmark"]]
        options: dict[str, Any] = {**style.line(), "linestyle": "none", "elinewidth": 0.8, "capsize": 1.5}
        axes.errorbar(mean, heights, xerr=[mean - low, high - mean], markeredgewidth=0.0, **options)
    counts = [frame[frame["benchmark"].astype(str) == name]["num_problems"].iloc[0] for name in names]
    axes.set_yticks(range(len(names)), [f"{name} ({int(count)})" for name, count in zip(names, counts, strict=True)])
    axes.set(xlabel=quantity, xlim=_limits(frame, has_zero_line), ylim=(len(names) - 0.5, -0.5))
    axes.tick_params(axis="y", length=0.0)
    if has_zero_line:
        axes.axvline(0.0, color="0.4", linewidth=0.7, zorder=1)
    return figure


def _curves(axes: Axes, frame: Frame, styles: Mapping[str, SeriesStyle]) -> None:
    """Draw one benchmark's curves; a method without intervals gets a line without a band."""
    alpha = 0.18 if len(styles) <= _FEW_BANDS else 0.06
    for place, (name, style) in enumerate(styles.items()):
        rows = frame[frame["method"].astype(str) == name].sort_values("k")
        if rows.empty:
            continue
        mean, low, high = _percentages(rows)
        ks = rows["k"].to_numpy(dtype=np.float64)
        axes.plot(ks, mean, markeredgewidth=0.0, zorder=2.5 - 0.001 * place, **style.line())
        axes.fill_between(ks, low, high, color=style.color, alpha=alpha, linewidth=0.0)
        if len(styles) > _FEW_BANDS:
            for edge in (low, high):
                axes.plot(ks, edge, color=style.color, alpha=0.55, linewidth=0.5, linestyle=style.linestyle, zorder=2)
    _k_axis(axes, int(frame["k"].max()))


def _percentages(rows: Frame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    mean, low, high = (100 * rows[column].to_numpy(dtype=np.float64) for column in ("estimate", "low", "high"))
    return mean, low, high


def _limits(frame: Frame, has_zero_line: bool) -> tuple[float, float]:
    """Return the ends of the axis of values in per cent: all of them and 0, and pass@k from 0 on."""
    values = 100 * frame[["estimate", "low", "high"]].to_numpy(dtype=np.float64)
    low, high = min(0.0, float(np.nanmin(values))), max(0.0, float(np.nanmax(values)))
    margin = 0.04 * ((high - low) or 1.0)
    return (low - margin if has_zero_line else min(0.0, low), high + margin)


def _method_styles(methods: Sequence[str]) -> dict[str, SeriesStyle]:
    """Return each method's style: the suite's for its names, else the first that no other method of the figure has.

    Unlike estimators, files are compared within one figure only, where a colour for each is worth more than the same
    colour in all figures.
    """
    styles: dict[str, SeriesStyle] = {}
    known = [name for name in methods if ALIASES.get(name, name) in STYLES]
    for name in known:
        style = style_of(name)
        if style not in [replace(other, label=style.label) for other in styles.values()]:
            styles[name] = replace(style, label=name)
    others = [name for name in methods if name not in styles]
    for place, name in enumerate(others):
        color, marker = OWN_COLORS[place % len(OWN_COLORS)], _MARKERS[place % len(_MARKERS)]
        dashes = _LINESTYLES[place // len(OWN_COLORS) % len(_LINESTYLES)]
        styles[name] = SeriesStyle(name, color, marker, dashes)
    return {name: styles[name] for name in methods}


def _k_axis(axes: Axes, largest: int) -> None:
    """Make the horizontal axis logarithmic with at most a few ticks at powers of two."""
    from matplotlib.ticker import NullLocator

    step = -(-largest.bit_length() // _MOST_TICKS)
    ticks = [1 << power for power in range(0, largest.bit_length(), step)]
    axes.set_xscale("log", base=2)
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())


def _joined(caption: str, text: str) -> str:
    return f"{caption} {text}" if caption else text


def _samples_text(frame: Frame) -> str:
    return count_text([int(frame["fewest_samples"].min()), int(frame["most_samples"].max())], "sample")


def _interval_text(frame: Frame, shown: str) -> str:
    """Say what bands or bars are and of how many problems; numbers and their units stay on one line."""
    confidence = float(frame["confidence"].iloc[0]) if "confidence" in frame.columns else 0.95
    problems = count_text([int(count) for count in frame["num_problems"]], "problem").replace(" ", NO_BREAK)
    text = f"{shown}: pointwise {100 * confidence:g}{NO_BREAK}% intervals; {problems}"
    if {"resamples", "seed"} <= set(frame.columns):
        resamples = count_text([int(frame["resamples"].iloc[0])], "resample")
        text += f"; bootstrap over problems within benchmarks, {resamples}, seed{NO_BREAK}{int(frame['seed'].iloc[0])}"
    return text
