"""The figure of the estimators' benchmark: time over that of torch.sort at every size, lines labelled at their ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from contestants import AUTOMATIC, BINARY, PKPO, QUADRATIC, SORT, TORCH_PATH, VERL_PASSK
from end_labels import End, label_ends
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from maxpo_bench.plots.style import (
    BROWN,
    DOUBLE_COLUMN,
    SeriesStyle,
    figure_style,
    finish,
    new_figure,
    style_of,
)

Row = dict[str, Any]
OURS = style_of("ei_l2o")
STYLES: dict[str, SeriesStyle] = {
    AUTOMATIC: OURS,
    TORCH_PATH: replace(OURS, linestyle="--", marker="s"),
    BINARY: replace(OURS, linestyle=":", marker="D"),
    QUADRATIC: SeriesStyle("", BROWN, "v"),
    f"{QUADRATIC}, weights cached": SeriesStyle("", BROWN, "^", "--"),
    PKPO: style_of("pkpo"),
    f"{PKPO}, weights cached": replace(style_of("pkpo"), linestyle="--"),
    VERL_PASSK: style_of("passk_top1"),
    "verl grpo": style_of("grpo"),
    "verl grpo_vectorized": replace(style_of("grpo"), linestyle="--"),
    "TRL GRPO": replace(style_of("grpo"), linestyle=":", marker="X"),
    "verl rloo_vectorized": style_of("reinforce_l1o"),
}


def ratio_figure(rows: Sequence[Row], machine: dict[str, Any], seed: int) -> Figure:
    """Draw two panels, K = 4 and K = n/2; what does not depend on K stands in both.

    Args:
        rows: figures of one run: groups, n, k (None where it does not matter), name, over_sort.
        machine: for the caption.
        seed: of the rewards.
    """
    sizes = list(dict.fromkeys((row["groups"], row["n"]) for row in rows))
    with figure_style():
        figure, [panels] = new_figure(1, 2, width=DOUBLE_COLUMN, height=3.6, sharey=True)
        for axes, is_half in zip(panels, (False, True), strict=True):
            ends = [_line(axes, name, _points(rows, sizes, name, is_half)) for name in STYLES]
            axes.axhline(1.0, color="0.3", linewidth=0.8, zorder=0)
            if is_half:
                unit = End(len(sizes) - 1.0, 1.0, SORT, "0.3")
                label_ends(axes, [*(end for end in ends if end), unit], column=len(sizes) - 0.55)
            axes.set(yscale="log", xlabel="Groups × samples", title="$K = n/2$" if is_half else "$K = 4$")
            axes.set_xticks(range(len(sizes)), [f"{groups}×{n}" for groups, n in sizes], rotation=30, ha="right")
        panels[0].set_ylabel("Time over that of torch.sort")
        versions = machine["versions"]
        return finish(
            figure,
            f"Ratios of medians of interleaved calls on one thread, float32 rewards (seed {seed}), {machine['cpu']}; "
            f"torch {versions['torch']}, verl {versions['verl']}, TRL {versions['trl']}. What does not depend on K "
            "stands in both panels.",
        )


def _points(rows: Sequence[Row], sizes: Sequence[tuple[int, int]], name: str, is_half: bool) -> list[tuple[int, float]]:
    """Places and ratios of one contestant in one panel."""
    points = []
    for place, (groups, n) in enumerate(sizes):
        for row in rows:
            wanted = row["k"] in (None, n // 2 if is_half else 4)
            if wanted and (row["name"], row["groups"], row["n"]) == (name, groups, n):
                points.append((place, row["over_sort"]))
    return points


def _line(axes: Axes, name: str, points: Sequence[tuple[int, float]]) -> End | None:
    """Draw a line, without a legend's label; return its end, name and colour for a label there."""
    if not points:
        return None
    style = STYLES[name]
    places, ratios = zip(*points, strict=True)
    axes.plot(places, ratios, color=style.color, marker=style.marker, linestyle=style.linestyle)
    return End(places[-1], ratios[-1], name, style.color)
