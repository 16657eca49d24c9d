"""The figure of the bandit benchmark: exact moments' time against arms, and sampling against its two yardsticks."""

from __future__ import annotations

from typing import Any

from end_labels import End, label_ends
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from maxpo_bench.plots.style import BLUE, BROWN, DOUBLE_COLUMN, GREEN, ORANGE, PURPLE, figure_style, finish, new_figure

SIZE_COLORS = (BLUE, GREEN, ORANGE, PURPLE, BROWN)
MARKERS = "os^Dv"
LOOP = "NumPy loop\nover sampling"
CROSS = {"marker": "x", "markersize": 5, "markeredgewidth": 1.2, "linestyle": "", "zorder": 5}


def bandit_figure(report: dict[str, Any]) -> Figure:
    """Draw two panels: milliseconds per instance, one line for each n, and ratios of the sampled moments."""
    with figure_style():
        figure, [[left, right]] = new_figure(1, 2, width=DOUBLE_COLUMN, height=2.6)
        _exact_panel(left, report["exact"])
        _sampling_panel(right, report["sampling"])
        setting, described = report["setting"], report["machine"]
        return finish(
            figure,
            f"Left: EI, EI+L1O and EI+L2O in one call of exact_moments, {setting['instances']} instances each, K = 4; "
            f"crosses: bars (at most). Right: {setting['groups']} groups of EI+L2O, K = 4; bars: blue "
            f"at most, orange at least. One thread, medians, seed {setting['seed']}, {described['cpu']}, torch "
            f"{described['versions']['torch']}.",
        )


def _exact_panel(axes: Axes, rows: list[dict[str, Any]]) -> None:
    """Time per instance against arms; lines are labelled at their ends."""
    ends = []
    for place, n in enumerate(dict.fromkeys(row["n"] for row in rows)):
        line = sorted((row["arms"], row["median_ms_per_instance"]) for row in rows if row["n"] == n)
        arms, times = zip(*line, strict=True)
        color = SIZE_COLORS[place % len(SIZE_COLORS)]
        axes.plot(arms, times, color=color, marker=MARKERS[place % len(MARKERS)])
        bars = [(row["arms"], row["bar_ms"]) for row in rows if row["n"] == n and row["bar_ms"] is not None]
        for bar in bars:
            axes.plot(*bar, color=color, **CROSS)
        ends.append(End(arms[-1], times[-1], f"$n$ = {n}", color))
    axes.set(xscale="log", yscale="log", xlabel="Number of arms", ylabel="Exact moments: ms per instance")
    label_ends(axes, ends, column=1.6 * max(end.x for end in ends), gap=1.4)


def _sampling_panel(axes: Axes, rows: list[dict[str, Any]]) -> None:
    """Ratios of sampling to its random numbers, and of the NumPy loop to sampling."""
    places = range(len(rows))
    series = (
        ("over_numbers", "sampling over its\nrandom numbers", BLUE, "o"),
        ("loop_over_sampled", LOOP, ORANGE, "s"),
    )
    ends = []
    for key, text, color, marker in series:
        ratios = [row[key] for row in rows]
        axes.plot(places, ratios, color=color, marker=marker)
        for place, row in enumerate(rows):
            if key in row["bars"]:
                axes.plot(place, row["bars"][key], color=color, **CROSS)
        ends.append(End(places[-1], ratios[-1], text, color))
    label_ends(axes, ends, column=len(rows) - 0.6, gap=2.0)
    axes.set_xticks(places, [f"{row['arms']}\n$n$ = {row['n']}" for row in rows])
    axes.set(yscale="log", xlabel="Number of arms, group size", ylabel="Sampled moments: ratio of times")
