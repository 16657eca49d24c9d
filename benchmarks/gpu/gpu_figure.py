"""The figure of the GPU's times: eager calls on the left, the device alone (CUDA graphs) on the right."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gpu_report import COPY, GRAPH, KERNEL, OP, SORT, TORCH_PATH
from matplotlib.figure import Figure

from maxpo_bench.plots.style import DOUBLE_COLUMN, SeriesStyle, figure_style, finish, new_figure, style_of

Row = dict[str, Any]
OURS = style_of("ei_l2o")
STYLES: dict[str, SeriesStyle] = {
    KERNEL: replace(OURS, label=KERNEL),
    OP: replace(OURS, label=OP, linestyle="-.", marker="D"),
    TORCH_PATH: replace(OURS, label=TORCH_PATH, linestyle="--", marker="s"),
    SORT: SeriesStyle(SORT, "0.35", "x"),
    COPY: SeriesStyle(COPY, "0.35", "", ":"),
    "verl grpo": replace(style_of("grpo"), label="verl grpo"),
    "verl grpo_passk": replace(style_of("passk_top1"), label="verl grpo_passk"),
    "verl grpo_vectorized": replace(style_of("grpo"), label="verl grpo_vectorized", linestyle="--"),
    "verl rloo_vectorized": replace(style_of("reinforce_l1o"), label="verl rloo_vectorized"),
    "TRL GRPO": replace(style_of("grpo"), label="TRL GRPO", linestyle=":", marker="X"),
}


def time_figure(rows: Sequence[Row], described: Mapping[str, Any], seed: int) -> Figure:
    """Draw microseconds per call at every size, K = 4.

    Args:
        rows: groups, n, k, name and median_s of one run; names ending in ", CUDA graph" belong to the right panel.
        described: device and versions, for the caption.
        seed: of the rewards.
    """
    sizes = list(dict.fromkeys((row["groups"], row["n"]) for row in rows))
    with figure_style():
        figure, [panels] = new_figure(1, 2, width=DOUBLE_COLUMN, height=2.9, sharey=True)
        for axes, mode, title in zip(panels, ("", GRAPH), ("Eager calls", "Replays of a CUDA graph"), strict=True):
            for name, style in STYLES.items():
                times = microseconds(rows, sizes, name + mode)
                if not all(map(math.isnan, times)):
                    axes.plot(range(len(sizes)), times, **style.line())
            axes.set(yscale="log", xlabel="Groups × samples", title=title, xlim=(-0.4, len(sizes) - 0.6))
            axes.set_xticks(range(len(sizes)), [size_label(*size) for size in sizes], rotation=30, ha="right")
        panels[0].set_ylabel("Microseconds per call")
        versions = described["versions"]
        return finish(
            figure,
            f"Medians of interleaved bursts on one {described['device']}, float32 rewards (seed {seed}), K = 4; torch "
            f"{versions['torch']}, Triton {versions['triton']}. The copy reads and writes each reward once. The kernel "
            "takes n up to 1024. What could not be captured in a graph is missing on the right.",
        )


def microseconds(rows: Sequence[Row], sizes: Sequence[tuple[int, int]], name: str) -> list[float]:
    """Microseconds of one name at each size, K = 4; NaN where it was not measured."""
    chosen = [row for row in rows if row["name"] == name and row["k"] == 4]
    found = {(row["groups"], row["n"]): row["median_s"] * 1e6 for row in chosen}
    return [found.get(size, math.nan) for size in sizes]


def size_label(groups: int, n: int) -> str:
    """Return "1024×16", or "$2^{20}$×16" for large powers of two."""
    is_power = groups > 4096 and groups & (groups - 1) == 0
    return f"$2^{{{groups.bit_length() - 1}}}$×{n}" if is_power else f"{groups}×{n}"
