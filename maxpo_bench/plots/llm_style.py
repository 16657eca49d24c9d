"""What the figures of language-model runs share: lines by method and variant, percentages, an axis of draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from maxpo_bench.plots.frames import Frame, count_text
from maxpo_bench.plots.style import LineStyle, SeriesStyle, style_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BASE = SeriesStyle("base model", "#333333", "x", (0, (4, 2)))
"""The model before training, which is no method."""
NO_BREAK = "\u00a0"
_VARIANTS: tuple[LineStyle, ...] = ("-", (0, (5, 2)), (0, (1, 1)), (0, (5, 1, 1, 1)), (0, (2, 1)))
_MOST_TICKS = 5


def line_styles(frame: Frame) -> dict[str, SeriesStyle]:
    """Return the style of each label: colour and marker of its method; variants of one method differ in dashes.

    Args:
        frame: columns method, label and suffix (what tells the label from others of the method).
    """
    styles: dict[str, SeriesStyle] = {}
    seen: dict[str, int] = {}
    for _, row in frame[["method", "label", "suffix"]].drop_duplicates().iterrows():
        method, label, suffix = str(row["method"]), str(row["label"]), str(row["suffix"])
        style = BASE if method == "base" else style_of(method)
        at = seen.setdefault(method, 0)
        seen[method] += 1
        if at:
            style = replace(style, linestyle=_VARIANTS[at % len(_VARIANTS)])
        styles[label] = replace(style, label=style.label + suffix)
    return styles


def draws_axis(axes: Axes, largest: int) -> None:
    """Make the horizontal axis one of draws k: logarithmic, ticks at powers of two that leave room for their labels."""
    from matplotlib.ticker import NullLocator

    step = -(-largest.bit_length() // _MOST_TICKS)
    ticks = [1 << power for power in range(0, largest.bit_length(), step)]
    axes.set_xscale("log", base=2)
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("$k$")


def with_limits(frame: Frame) -> Frame:
    """Add the columns low and high: the interval over seeds where there is one, else that over problems, else none."""
    over_seeds = frame["seeds_low"].notna()
    low = np.where(over_seeds, frame["seeds_low"], frame["problems_low"]).astype(np.float64)
    high = np.where(over_seeds, frame["seeds_high"], frame["problems_high"]).astype(np.float64)
    return frame.assign(low=low, high=high, has_seeds=over_seeds)


def limits_text(frame: Frame) -> str:
    """Say what bands are, how many seeds, and of how many problems and samples; the frame is one of `with_limits`."""
    confidence = f"{100 * float(frame['confidence'].iloc[0]):g}{NO_BREAK}%"
    seeds, single = frame[frame["has_seeds"]], frame[~frame["has_seeds"] & frame["problems_low"].notna()]
    bootstrap = ""
    if not single.empty:
        resamples = count_text([int(frame["resamples"].iloc[0])], "resample")
        bootstrap = (
            f"bootstrap over problems within benchmarks, {resamples}, seed{NO_BREAK}{int(frame['seed'].iloc[0])}"
        )
    parts: list[str] = []
    if not seeds.empty:
        counted = count_text(map(int, seeds["runs"]), "seed").replace(" ", NO_BREAK)
        parts.append(f"pointwise {confidence} intervals; {counted}, Student's t")
        if bootstrap:
            names = ", ".join(dict.fromkeys(map(str, single["label"])))
            parts.append(f"of single runs ({names}): {bootstrap}")
    elif bootstrap:
        parts.append(f"pointwise {confidence} intervals; single runs, {bootstrap}")
    text = f"Bands: {'; '.join(parts)}." if parts else "No intervals: single runs on single problems."
    return f"{text} Unbiased estimates from {samples_text(frame)} per problem."


def samples_text(frame: Frame) -> str:
    """Return "256-1024 samples"."""
    return count_text([int(frame["fewest_samples"].min()), int(frame["most_samples"].max())], "sample")


def joined(caption: str, text: str) -> str:
    """Put a caller's caption before the figure's own."""
    return f"{caption} {text}" if caption else text


def listed(values: Sequence[str]) -> str:
    """Return distinct values in their order, with commas."""
    return ", ".join(dict.fromkeys(values))
