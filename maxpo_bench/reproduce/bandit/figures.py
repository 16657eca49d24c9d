"""Figures 1, 4 and 5 of the paper: its panels above, the same as ratios to EI in each bandit below."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from maxpo_bench.plots.bandit_panels import (
    doubling_axis,
    draw_errors,
    draw_score_square,
    draw_series,
    draw_sqrt_guide,
    draw_unit_line,
    plain_log_y,
)
from maxpo_bench.plots.frames import Frame, ratio_frame
from maxpo_bench.plots.style import DOUBLE_COLUMN, finish, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

REFERENCE = "ei"
VARIANCE, VARIANCE_RATIO = "Total variance", "Variance / EI's"
ERROR, ERROR_RATIO = r"Error $\|\bar g - \nabla J_K\|$", "Error / EI's"
LARGEST_RATIO = 100.0
"""A panel of variance ratios ends here: on a bandit whose arms pay almost the same EI's variance is next to nothing."""
ARMS, BATCHES = "Number of arms", "Number of batches $M$"


def ratios(frame: Frame) -> Frame:
    """Return each estimator's value over EI's exact one in the same bandit at the same setting, without EI's own 1.

    Sampled rows are left out where an estimator has exact ones at the same setting.
    """
    settings = ["estimator", *(key for key in _keys(frame) if key != "instance")]
    best = frame.groupby(settings)["kind"].transform("min")  # "exact" comes before "sampled"
    rows = ratio_frame(frame[frame["kind"] == best], REFERENCE, _keys(frame))
    return rows[rows["estimator"] != REFERENCE]


def _keys(frame: Frame) -> list[str]:
    """The columns that say where a value was measured."""
    keys = ["group_size", "k", "num_arms", "instance"]
    return [*keys, "num_groups"] if "num_groups" in frame.columns else keys


def draw_fig1(errors: Frame, arms: Frame, objectives: Frame, caption: str) -> Figure:
    """Error against M, variance against the number of arms, variance against K, and their ratios to EI.

    Args:
        errors: columns estimator, kind, num_groups, instance, value and those of the setting.
        arms: columns estimator, kind, num_arms, instance, value, score_square and those of the setting.
        objectives: columns estimator, kind, k, instance, value and those of the setting.
        caption: what stands below.
    """
    figure, grid = new_figure(2, 3, width=DOUBLE_COLUMN, height=3.7, sharex="col")
    draw_errors(grid[0][0], errors, band="error")
    draw_sqrt_guide(grid[0][0])
    draw_errors(grid[1][0], ratios(errors), band="error")
    _decades(grid[1][0])
    _arms_column(grid[0][1], grid[1][1], arms)
    _k_column(grid[0][2], grid[1][2], objectives)
    titles = (_fixed(errors, "n", "K", "arms"), _fixed(arms, "n", "K"), _fixed(objectives, "n", "arms"))
    labels = ((ERROR, BATCHES), (VARIANCE, ARMS), (VARIANCE, "$K$"))
    for column, (title, (y, x)) in enumerate(zip(titles, labels, strict=True)):
        grid[0][column].set(yscale="log", ylabel=y, title=title)
        grid[1][column].set(ylabel=ERROR_RATIO if y == ERROR else VARIANCE_RATIO, xlabel=x)
    _finish_rows(grid)
    figure.align_ylabels()
    return finish(figure, caption)


def draw_fig4(arms: Frame, caption: str) -> Figure:
    """Variance against the number of arms, a column for each group size.

    Args:
        arms: columns estimator, kind, group_size, num_arms, instance, value, score_square and those of the setting.
        caption: what stands below.
    """
    return _by_group_size(arms, _arms_column, ARMS, caption)


def draw_fig5(objectives: Frame, caption: str) -> Figure:
    """Variance against K, a column for each group size.

    Args:
        objectives: columns estimator, kind, group_size, k, instance, value and those of the setting.
        caption: what stands below.
    """
    return _by_group_size(objectives, _k_column, "$K$", caption)


def _by_group_size(frame: Frame, draw: Callable[[Axes, Axes, Frame], None], label: str, caption: str) -> Figure:
    sizes = sorted(int(size) for size in frame["group_size"].unique())
    figure, grid = new_figure(2, len(sizes), width=DOUBLE_COLUMN, height=3.7, sharex="col", sharey="row")
    for column, size in enumerate(sizes):
        draw(grid[0][column], grid[1][column], frame[frame["group_size"] == size])
        grid[0][column].set(yscale="log", title=f"$n = {size}$")
        grid[1][column].set_xlabel(label)
    grid[0][0].set_ylabel(VARIANCE)
    grid[1][0].set_ylabel(VARIANCE_RATIO)
    _finish_rows(grid)
    return finish(figure, caption)


def _arms_column(upper: Axes, lower: Axes, frame: Frame) -> None:
    draw_series(upper, frame, "num_arms", band="error")
    draw_score_square(upper, frame, REFERENCE)
    draw_series(lower, ratios(frame), "num_arms", band="error")
    _decades(lower)


def _k_column(upper: Axes, lower: Axes, frame: Frame) -> None:
    draw_series(upper, frame, "k", band="error")
    draw_series(lower, ratios(frame), "k", band="error")
    doubling_axis(lower, frame["k"])


def _decades(axes: Axes) -> None:
    """Tick every power of ten, labelled so that labels don't touch."""
    from matplotlib.ticker import LogLocator, NullLocator

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(base=10.0, numticks=9))
    axes.xaxis.set_minor_locator(NullLocator())


def _finish_rows(grid: Sequence[Sequence[Axes]]) -> None:
    for axes in grid[1]:
        draw_unit_line(axes)
        axes.set_yscale("log")
        if axes.get_ylabel() != ERROR_RATIO:
            axes.set_ylim(top=min(axes.get_ylim()[1], LARGEST_RATIO))
    for axes in (*grid[0], *grid[1]):
        plain_log_y(axes)


def _fixed(frame: Frame, *names: str) -> str:
    """Say what is fixed in a panel, e.g. "$n = 16$, $K = 4$, 100 arms"."""
    columns = {"n": "group_size", "K": "k", "arms": "num_arms"}
    values = {name: int(frame[columns[name]].iloc[0]) for name in names}
    return ", ".join(f"{value} arms" if name == "arms" else f"${name} = {value}$" for name, value in values.items())
