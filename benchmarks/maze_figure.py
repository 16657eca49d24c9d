"""The figure of the maze's benchmark: speed of the environments above, time of training below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from end_labels import End, label_ends
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from maze_training import DUMMY, GROUP, LONG, NO_VARIANCE, PEER, PLAIN
from maze_walks import ASYNC, DRAWN, MIXES

from maxpo_bench.plots.style import (
    BLUE,
    BROWN,
    DOUBLE_COLUMN,
    GREEN,
    GREY,
    OLIVE,
    ORANGE,
    PURPLE,
    RED,
    figure_style,
    finish,
    new_figure,
)

Row = dict[str, Any]
Line = tuple[str, str, str]
SYNC_NAME = "SyncVectorEnv"
ENVIRONMENTS: dict[str, Line] = {
    "ours, masked reset": (BLUE, "o", "-"),
    "ours, SAME_STEP": (BLUE, "s", "--"),
    "ours, NEXT_STEP": (BLUE, "D", ":"),
    "gymnax scan, our maze": (ORANGE, "^", "-"),
    "gymnax scan, DeepSea": (OLIVE, "v", ""),
    "gymnax scan, CartPole": (BROWN, "<", ""),
    "EnvPool CartPole": (PURPLE, "P", ""),
    "SyncVectorEnv, NEXT_STEP": (GREEN, "X", ""),
    "AsyncVectorEnv": (GREY, "d", ""),
}
AGENTS: dict[str, Line] = {
    GROUP: (BLUE, "o", "-"),
    NO_VARIANCE: (BLUE, "s", "--"),
    LONG: (BLUE, "D", ":"),
    PEER: (RED, "^", "-"),
    PLAIN: (ORANGE, "v", "-"),
    DUMMY: (BROWN, "X", "-"),
}


def maze_figure(report: Row) -> Figure:
    """Draw two panels of steps per second, one for each mix of actions, and one of training for each length.

    Args:
        report: as the benchmark writes it.
    """
    lengths = list(dict.fromkeys(row["length"] for row in report["training"]))[:2]
    drawn = [row for row in report["environments"] if row["actions"] == DRAWN]
    with figure_style():
        figure, panels = new_figure(1 + bool(lengths), 2, width=DOUBLE_COLUMN, height=2.6 * (1 + bool(lengths)))
        for axes, mix in zip(panels[0], MIXES, strict=True):
            rows = [row | {"value": row["steps_per_second"] / 1e6} for row in drawn if row["mix"] == mix]
            _panel(axes, rows, ENVIRONMENTS, 1.5)
            axes.set(title=f"{mix} actions", xlabel="Environments", ylabel="Million steps per second")
        for axes, length in zip(panels[-1] if lengths else (), lengths, strict=False):
            rows = [row | {"value": row["median_us"]} for row in report["training"] if row["length"] == length]
            _panel(axes, rows, AGENTS, 1.6)
            axes.set(title=f"training, length {length}", xlabel="Environments", ylabel="µs per environment step")
        return finish(figure, _caption(report))


def _panel(axes: Axes, rows: Sequence[Row], styles: dict[str, Line], gap: float) -> None:
    """Draw a line for each contestant, named at its end."""
    ends = []
    for name, (color, marker, linestyle) in styles.items():
        points = sorted((row["num_envs"], row["value"]) for row in rows if row["name"] == name)
        if not points:
            continue
        sizes, values = zip(*points, strict=True)
        axes.plot(sizes, values, color=color, marker=marker, linestyle=linestyle)
        ends.append(End(sizes[-1], values[-1], name, color))
    places = sorted({row["num_envs"] for row in rows})
    axes.set(xscale="log", yscale="log")
    axes.set_xticks(places, [str(place) for place in places])
    axes.minorticks_off()
    label_ends(axes, ends, column=places[-1] * (places[-1] / places[0]) ** 0.15, gap=gap)


def _caption(report: Row) -> str:
    versions, setting = report["machine"]["versions"], report["setting"]
    has_processes = any(row["name"] == ASYNC for row in report["environments"])
    around, threads = SYNC_NAME, "One thread"
    if has_processes:
        around, threads = f"{SYNC_NAME} and {ASYNC}", f"One thread ({ASYNC}: a process for each environment)"
    return (
        f"Above: environment steps per second, actions drawn in the loop, {setting['steps']} steps in a call, maze of "
        f"length {setting['length']}; {around}: around our scalar maze. Below: time of learn() by environment steps; "
        f"A2C is Stable-Baselines3's. {threads}, medians of interleaved calls, seed {setting['seed']}, "
        f"{report['machine']['cpu']}; NumPy {versions['numpy']}, torch {versions['torch']}, jax {versions['jax']}, "
        f"gymnax {versions['gymnax']}, EnvPool {versions['envpool']}."
    )
