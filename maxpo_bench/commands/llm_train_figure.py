"""The figure of one run with the tiny model: learning curves, the variance proxy, pass@k before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from maxpo_bench.llm.run_folder import RunFolder, RunInfo
from maxpo_bench.plots.style import DOUBLE_COLUMN, figure_style, finish, new_figure, save, style_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME = "training"
BINS = 40
"""Most points of a curve; each is the mean over neighbouring steps."""
_BEFORE = "0.45"


def write_figure(run: RunFolder, formats: Sequence[str] = ("png", "svg")) -> list[Path]:
    """Draw a finished run into its folder and return the files."""
    summary = run.summary()
    if summary is None:
        raise ValueError(f"{run.path} is not finished: run the command that began it again")
    return save(draw(run.info(), run.log(), summary), run.path, NAME, formats)


def draw(info: RunInfo, log: Sequence[Mapping[str, Any]], summary: Mapping[str, Any]) -> Figure:
    """Return the figure.

    Args:
        info: what the run is.
        log: of all its steps.
        summary: its final figures.
    """
    style = style_of(info.method)
    with figure_style():
        figure, ((rewards, noise, passes),) = new_figure(1, 3, width=DOUBLE_COLUMN, height=2.1)
        _curve(rewards, log, "reward_max_at_k", style.color, f"max@{info.k} of the reward", "-")
        _curve(rewards, log, "reward_mean", style.color, "mean reward", "--")
        rewards.set(xlabel="Step", ylabel="Reward", ylim=(0.0, None))
        _curve(noise, log, "adam_variance_proxy", style.color, None, "-")
        noise.set(xlabel="Step", ylabel="Adam variance proxy", ylim=(0.0, None))
        _passes(passes, summary, "base_", _BEFORE, "before", "s")
        _passes(passes, summary, "", style.color, "after", style.marker)
        return finish(figure, _caption(info, log, summary))


def _curve(
    axes: Axes, log: Sequence[Mapping[str, Any]], name: str, color: str, label: str | None, linestyle: str
) -> None:
    """Draw a quantity of the log in bins; steps where there was none are left out."""
    known = [(line["step"], line[name]) for line in log if line.get(name) is not None]
    if not known:
        return
    parts = np.array_split(np.array(known, dtype=np.float64), min(BINS, len(known)))
    points = np.array([part.mean(axis=0) for part in parts])
    axes.plot(points[:, 0], points[:, 1], color=color, linestyle=linestyle, label=label)
    axes.margins(x=0.02)


def _passes(axes: Axes, summary: Mapping[str, Any], prefix: str, color: str, label: str, marker: str) -> None:
    from matplotlib.ticker import NullLocator

    ks = [k for k in (1 << power for power in range(20)) if f"{prefix}pass@{k}" in summary]
    mean, low, high = (
        [100 * summary[f"{prefix}pass@{k}{end}"] for k in ks if summary[f"{prefix}pass@{k}{end}"] is not None]
        for end in ("", "_low", "_high")
    )
    axes.plot(ks, mean, color=color, marker=marker, label=label, markeredgewidth=0.0)
    if len(low) == len(ks):
        axes.fill_between(ks, low, high, color=color, alpha=0.18, linewidth=0.0)
    axes.set_xscale("log", base=2)
    axes.set_xticks(ks[::2], [str(k) for k in ks[::2]])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set(xlabel="$k$", ylabel="pass@$k$ (%)")
    axes.set_ylim(bottom=0.0)


def _caption(info: RunInfo, log: Sequence[Mapping[str, Any]], summary: Mapping[str, Any]) -> str:
    width = -(-len(log) // BINS)
    bins = f", means over {width} steps" if width > 1 else ""
    label = style_of(info.method).label
    return (
        f"{label}, n = {info.group_size}, K = {info.k}, seed {info.seed}, on {info.model}; one run{bins}. "
        f"pass@$k$: unbiased estimates from {summary['samples']} samples of each of {summary['problems']} "
        "held-out problems; bands: pointwise 95 % intervals, bootstrap over problems."
    )
