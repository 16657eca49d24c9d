"""The performance profile of a sweep: how many runs reach which score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from maxpo_bench.plots.curve_figures import METRICS
from maxpo_bench.plots.frames import Floats, Frame, as_frame, count_text, require_finite
from maxpo_bench.plots.style import DOUBLE_COLUMN, SINGLE_COLUMN, SeriesStyle, finish, new_figure, style_of
from maxpo_bench.plots.variants import variant_dashes, variant_label, variants_of, with_arguments
from maxpo_bench.seeding import derive_seed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from maxpo_bench.comparison import Profile

MOST_STEPS = 400
NARROW = 6
_MARKERS = 8


def performance_profile(data: Any, *, caption: str = "", seed: int = 0, resamples: int = 2000) -> Figure:
    """Share of runs with a score above each threshold, one line per agent, averaged over tasks.

    The higher a line, the better; where two cross, one agent has more good runs and the other more fair ones. Bands are
    pointwise 95 % intervals by a stratified bootstrap, see `maxpo_bench.comparison.performance_profile`.

    Args:
        data: columns agent, task, seed, score, as `maxpo_bench.sweep.scores.Scores.to_frame` makes them. Arguments
            (columns agent.NAME) that differ between an agent's runs get lines of their own. The optional column unit
            names the score.
        caption: put before the sentence on runs.
        seed: root of the resamples.
        resamples: number of bootstrap resamples.

    Raises:
        ValueError: no rows, missing columns, no finite score, or fewer than two runs of an agent on a task.
    """
    from maxpo_bench.comparison import performance_profile as profile_of

    frame = as_frame(data, "performance_profile", ["agent", "task", "seed", "score"])
    require_finite(frame, "performance_profile", "score")
    frame = with_arguments(frame[np.isfinite(frame["score"].to_numpy(dtype=np.float64))], "agent")
    dashes = variant_dashes(frame)
    variants = variants_of(frame, "agent")
    width = SINGLE_COLUMN if len(variants) <= NARROW else DOUBLE_COLUMN
    figure, grid = new_figure(1, 1, width=width, height=2.2)
    axes = grid[0][0]
    thresholds = _thresholds(frame["score"].to_numpy(dtype=np.float64))
    labels: list[str] = []
    runs: list[int] = []
    for place, (name, arguments, rows) in enumerate(variants):
        by_task = [group["score"].to_numpy(dtype=np.float64) for _, group in rows.groupby("task", sort=True)]
        rng = np.random.default_rng(derive_seed(seed, "profile", name, arguments))
        style = replace(style_of(name), label=variant_label(name, arguments))
        if arguments:
            style = replace(style, linestyle=dashes[arguments])
        _draw(axes, profile_of(by_task, thresholds, rng, resamples=resamples), style, place)
        labels.append(style.label)
        runs += [len(scores) for scores in by_task]
    axes.set(xlabel=_score_label(frame), ylabel="Share of runs above", ylim=(-0.02, 1.02))
    axes.margins(x=0.0)
    axes.locator_params(axis="x", nbins=6 if width == SINGLE_COLUMN else 12)
    text = _caption(runs, int(frame["task"].nunique())) + f"; stratified bootstrap, {resamples} resamples, seed {seed}."
    return finish(figure, f"{caption + ' ' if caption else ''}{text}", labels)


def _caption(runs: Sequence[int], tasks: int) -> str:
    """Say what lines and bands are, and of how many runs; lines are means over tasks where there are several."""
    text = f"Bands: pointwise 95 % intervals; {count_text(runs, 'run')}"
    return text if tasks == 1 else f"Lines: mean over tasks. {text} on each of {tasks} tasks"


def _thresholds(scores: Floats) -> Floats:
    """Return where profiles can step: all scores, a grid over their range where there are many; with a margin."""
    steps = np.unique(scores)
    if steps.size > MOST_STEPS:
        steps = np.linspace(steps[0], steps[-1], MOST_STEPS)
    margin = 0.03 * (steps[-1] - steps[0]) or 0.03 * max(1.0, abs(float(steps[0])))
    return np.concatenate([[steps[0] - margin], steps, [steps[-1] + margin]])


def _draw(axes: Axes, profile: Profile, style: SeriesStyle, place: int) -> None:
    """Draw one profile as steps: its value holds from a threshold to the next."""
    every = _marker_places(profile.thresholds, place)
    line: dict[str, Any] = {**style.line(), "drawstyle": "steps-post", "markevery": every, "markeredgewidth": 0.0}
    axes.plot(profile.thresholds, profile.share, zorder=2.5 - 0.001 * place, **line)
    band = {"color": style.color, "alpha": 0.18, "linewidth": 0.0, "step": "post"}
    axes.fill_between(profile.thresholds, profile.low, profile.high, **band)


def _marker_places(thresholds: Floats, place: int) -> Sequence[int]:
    """Return which points get a marker: evenly spaced along the axis, shifted from line to line."""
    span = thresholds[-1] - thresholds[0]
    wanted = thresholds[0] + span * (np.arange(_MARKERS) + 0.5 + 0.17 * (place % 6 - 2.5)) / _MARKERS
    return sorted({int(at) for at in np.searchsorted(thresholds, wanted[wanted < thresholds[-1]])})


def _score_label(frame: Frame) -> str:
    """Return the horizontal axis' label: the metric, and by what it was divided."""
    if "unit" not in frame.columns or frame["unit"].nunique() != 1:
        return "Score"
    metric, slash, rest = str(frame["unit"].iloc[0]).partition(" / ")
    return f"{METRICS.get(metric, metric.replace('_', ' '))}{slash}{rest}"
