"""Figures of scored samples: pass@k over k, and which problems a method can solve beside another."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from maxpo_bench.plots.bandit_panels import draw_band, draw_points
from maxpo_bench.plots.frames import Curve, Frame, as_frame, count_text, require_finite
from maxpo_bench.plots.style import (
    ALIASES,
    BLUE,
    DOUBLE_COLUMN,
    GREEN,
    ORANGE,
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
_CLASSES = {
    "preservation": ("preservation", BLUE, "white"),
    "expansion": ("expansion", GREEN, "white"),
    "shrinkage": ("shrinkage", ORANGE, "black"),
    "out_of_support": ("out of support", "#e6e6e6", "black"),
}
_LONGEST_LINE = 32
_NARROWEST = 0.07
"""Share of a bar below which its number is not written into it."""


def pass_at_k(data: Any, *, caption: str = "") -> Figure:
    """pass@k against k with intervals: one panel per benchmark, and one for their average where there is one.

    Args:
        data: columns benchmark, method, k, estimate, low, high (in [0, 1]), num_problems, fewest_samples and
            most_samples, as `maxpo_bench.evaluation.rows.pass_at_k_rows` makes them. Panels and methods stand in the
            order of their rows. The optional columns confidence, resamples and seed are said in the caption.
        caption: put before the sentence on problems.

    Raises:
        ValueError: no rows, missing columns, or no finite value.
    """
    needed = ["benchmark", "method", "k", "estimate", "low", "high", "num_problems", "fewest_samples", "most_samples"]
    frame = as_frame(data, "pass_at_k", needed)
    require_finite(frame, "pass_at_k", "estimate")
    styles = _method_styles(list(dict.fromkeys(map(str, frame["method"]))))
    names = list(dict.fromkeys(map(str, frame["benchmark"])))
    columns = min(_COLUMNS, len(names))
    rows = -(-len(names) // columns)
    width = SINGLE_COLUMN if len(names) == 1 else DOUBLE_COLUMN
    figure, grid = new_figure(rows, columns, width=width, height=0.2 + 1.9 * rows)
    flat = [axes for row in grid for axes in row]
    for axes in flat[len(names) :]:
        axes.remove()
    for place, (axes, name) in enumerate(zip(flat, names, strict=False)):
        rows = frame[frame["benchmark"].astype(str) == name]
        _curves(axes, rows, styles)
        axes.set(title=f"{name} ({count_text(map(int, rows['num_problems']), 'problem')})", xlabel="$k$")
        if place % columns == 0:
            axes.set_ylabel("pass@$k$ (%)")
    return finish(figure, f"{caption + ' ' if caption else ''}{_passk_caption(frame)}", list(styles))


def support(data: Any, *, caption: str = "") -> Figure:
    """Share of problems that both methods solve, one of them, or neither: one bar per benchmark and method.

    Args:
        data: columns benchmark, method, against, k, num_problems, preservation, expansion, shrinkage and
            out_of_support (numbers of problems), as `maxpo_bench.evaluation.rows.support_rows` makes them. Bars stand
            in the order of the rows.
        caption: put before the sentence on problems.

    Raises:
        ValueError: no rows or missing columns.
    """
    frame = as_frame(data, "support", ["benchmark", "method", "against", "k", "num_problems", *_CLASSES])
    height = 0.7 + 0.24 * len(frame)
    figure, grid = new_figure(1, 1, width=DOUBLE_COLUMN, height=height)
    axes = grid[0][0]
    total = frame["num_problems"].to_numpy(dtype=np.float64)
    left = np.zeros(len(frame))
    places = np.arange(len(frame), dtype=np.float64)
    for column, (label, color, text_color) in _CLASSES.items():
        counts = frame[column].to_numpy(dtype=np.float64)
        share = counts / total
        axes.barh(places, 100 * share, left=100 * left, height=0.72, color=color, label=label, linewidth=0.0)
        for place, start, part, count in zip(places, left, share, counts, strict=True):
            if part >= _NARROWEST:
                axes.text(
                    100 * (start + part / 2),
                    place,
                    _count(count),
                    ha="center",
                    va="center_baseline",
                    size=6.0,
                    color=text_color,
                )
        left = left + share
    many = frame["method"].nunique() > 1
    labels = [f"{row['benchmark']}, {row['method']}" if many else str(row["benchmark"]) for _, row in frame.iterrows()]
    axes.set_yticks(places, ["\n".join(textwrap.wrap(label, _LONGEST_LINE)) for label in labels])
    axes.set(xlabel="Problems (%)", xlim=(0.0, 100.0))
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0.0)
    return finish(figure, f"{caption + ' ' if caption else ''}{_support_caption(frame)}")


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


def _curves(axes: Axes, frame: Frame, styles: Mapping[str, SeriesStyle]) -> None:
    """Draw one benchmark's curves; a method without intervals gets a line without a band."""
    largest = int(frame["k"].max())
    for place, (name, style) in enumerate(styles.items()):
        rows = frame[frame["method"].astype(str) == name].sort_values("k")
        if rows.empty:
            continue
        mean = 100 * rows["estimate"].to_numpy(dtype=np.float64)
        low, high = (100 * rows[column].to_numpy(dtype=np.float64) for column in ("low", "high"))
        ks = rows["k"].to_numpy(dtype=np.float64)
        if largest == 1:  # a line of one point has no band: bars, side by side
            beside = ks * 2.0 ** (0.1 * (place - (len(styles) - 1) / 2))
            draw_points(axes, Curve(beside, mean, low, high, len(rows)), style, place=place)
        else:
            draw_band(axes, Curve(ks, mean, low, high, len(rows)), style, place=place)
    _k_axis(axes, largest)
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, -2.0), min(high, 102.0))


def _k_axis(axes: Axes, largest: int) -> None:
    """Make the horizontal axis logarithmic with at most a few ticks at powers of two."""
    from matplotlib.ticker import NullLocator

    step = -(-largest.bit_length() // _MOST_TICKS)
    ticks = [1 << power for power in range(0, largest.bit_length(), step)]
    axes.set_xscale("log", base=2)
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    if largest == 1:
        axes.set_xlim(0.5, 2.0)


def _passk_caption(frame: Frame) -> str:
    """Say what the bands are and of how many problems and samples."""
    confidence = float(frame["confidence"].iloc[0]) if "confidence" in frame.columns else 0.95
    shown = "Bars" if int(frame["k"].max()) == 1 else "Bands"
    low, high = int(frame["fewest_samples"].min()), int(frame["most_samples"].max())
    problems = count_text([int(count) for count in frame["num_problems"]], "problem")
    text = (
        f"Unbiased estimates from {count_text([low, high], 'sample')} per problem. {shown}: pointwise "
        f"{100 * confidence:g} % intervals; {problems}"
    )
    if {"resamples", "seed"} <= set(frame.columns):
        resamples, seed = int(frame["resamples"].iloc[0]), int(frame["seed"].iloc[0])
        text += f"; bootstrap over problems within benchmarks, {resamples} resamples, seed {seed}"
    return text + "."


def _support_caption(frame: Frame) -> str:
    """Say who is compared with whom, at how many samples, on how many problems."""
    against = ", ".join(dict.fromkeys(map(str, frame["against"])))
    problems = count_text([int(count) for count in frame["num_problems"]], "problem")
    known = [int(k) for k in frame["k"].dropna()]
    samples = count_text(known, "sample") if known and len(known) == len(frame) else "the same number of samples"
    methods = list(dict.fromkeys(map(str, frame["method"])))
    who = methods[0] if len(methods) == 1 else "the method"
    return (
        f"Problems with a correct answer among {samples} of each: found by {who} and {against} (preservation), only by "
        f"{who} (expansion), only by {against} (shrinkage), by neither (out of support). {problems} per benchmark. "
        "Numbers are problems, expected ones where they are not whole."
    )


def _count(value: float) -> str:
    return f"{value:.0f}" if abs(value - round(value)) < 0.05 else f"{value:.1f}"
