"""The paper's bandit figures: estimation error against batches, variance against arms and against K."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maxpo_bench.plots.frames import Curve, Frame, as_frame, count_text, curve, ratio_frame
from maxpo_bench.plots.style import (
    DOUBLE_COLUMN,
    SINGLE_COLUMN,
    SQRT_GUIDE,
    SeriesStyle,
    finish,
    in_order,
    new_figure,
    style_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def bias_vs_batches(data: Any, *, caption: str = "") -> Figure:
    """Estimation error of the gradient against the number M of batches that are averaged (Eq 110), both logarithmic.

    An unbiased estimator falls as M^(-1/2) (dotted guide); a biased one levels off at its bias.

    Args:
        data: columns estimator, num_groups, instance, value; optional group_size (one panel each) and kind: rows
            of kind "exact" are drawn as lines, others as points with error bars. Without kind both are drawn.
        caption: put before the sentence on sample sizes.
    """
    frame = _with_group_size(as_frame(data, "bias_vs_batches", ["estimator", "num_groups", "instance", "value"]))
    sizes = _group_sizes(frame)
    figure, grid = new_figure(1, len(sizes), width=_width(len(sizes)), height=2.2, sharey=True)
    for axes, size in zip(grid[0], sizes, strict=True):
        panel = _of_size(frame, size)
        for place, name in enumerate(in_order(panel["estimator"].unique())):
            _error_series(axes, panel[panel["estimator"] == name], name, place)
        _sqrt_guide(axes)
        axes.set(xscale="log", yscale="log", xlabel="Number of batches $M$", title=_size_title(size, len(sizes)))
    grid[0][0].set_ylabel(r"Estimation error $\|\bar g - \nabla J_K\|$")
    return finish(figure, _caption(caption, frame, "Mean over bandit instances, bars and bands: 95 % intervals"))


def variance_vs_arms(data: Any, *, reference: str | None = None, caption: str = "") -> Figure:
    """Total variance of the gradient estimate against the number of arms (Eq 111), and its ratio to EI's.

    Args:
        data: columns estimator, num_arms, instance, value; optional group_size (one column of panels each).
        reference: estimator that the ratios are taken to, in each instance; by default EI, or the first one drawn
            where there is no EI.
        caption: put before the sentence on sample sizes.
    """
    frame = as_frame(data, "variance_vs_arms", ["estimator", "num_arms", "instance", "value"])
    return _variance_figure(frame, "num_arms", "Number of arms", reference, caption, is_log_x=True)


def variance_vs_k(data: Any, *, reference: str | None = None, caption: str = "") -> Figure:
    """Total variance of the gradient estimate against K (Eq 111), and its ratio to EI's.

    Args:
        data: columns estimator, k, instance, value; optional group_size (one column of panels each).
        reference: estimator that the ratios are taken to, in each instance; by default EI, or the first one drawn
            where there is no EI.
        caption: put before the sentence on sample sizes.
    """
    frame = as_frame(data, "variance_vs_k", ["estimator", "k", "instance", "value"])
    return _variance_figure(frame, "k", "$K$", reference, caption, is_log_x=False)


def _variance_figure(
    frame: Frame, x: str, label: str, reference: str | None, caption: str, *, is_log_x: bool
) -> Figure:
    """Draw variance and ratio: side by side for one group size, in two rows for several."""
    frame = _with_group_size(frame)
    if reference is None:
        names = in_order(frame["estimator"].unique())
        reference = "ei" if "ei" in names else names[0]
    ratios = ratio_frame(frame, reference, ["group_size", "instance", x])
    sizes = _group_sizes(frame)
    is_single = len(sizes) == 1
    rows, columns = (1, 2) if is_single else (2, len(sizes))
    shared: dict[str, Any] = {} if is_single else {"sharey": "row", "sharex": "col"}
    figure, grid = new_figure(rows, columns, width=DOUBLE_COLUMN, height=2.1 if is_single else 3.4, **shared)
    for column, size in enumerate(sizes):
        upper, lower = (grid[0][0], grid[0][1]) if is_single else (grid[0][column], grid[1][column])
        _series(upper, _of_size(frame, size), x)
        _series(lower, _of_size(ratios, size), x)
        lower.axhline(1.0, color="0.6", linewidth=0.7, linestyle=":", zorder=0)
        upper.set(yscale="log", title=_size_title(size, len(sizes)))
        if is_log_x:
            lower.set_yscale("log")
        lower.set_xlabel(label)
        for axes in {upper, lower}:
            _x_axis(axes, frame[frame["group_size"] == size][x] if not is_single else frame[x], is_log_x=is_log_x)
    for axes in figure.axes:
        if axes.get_yscale() == "log":
            _plain_log_y(axes)
    if is_single:
        grid[0][0].set_xlabel(label)
    grid[0][0].set_ylabel("Total variance")
    (grid[0][1] if is_single else grid[1][0]).set_ylabel(
        f"Variance ratio to {style_of(reference).label.split(' (')[0]}"
    )
    text = "Mean over bandit instances (ratios: mean of each instance's ratio), bands: 95 % intervals"
    return finish(figure, _caption(caption, frame, text))


def _series(axes: Axes, frame: Frame, x: str) -> None:
    """Draw every estimator's mean with its band."""
    for place, name in enumerate(in_order(frame["estimator"].unique())):
        line = curve(frame[frame["estimator"] == name], x, "value", "instance")
        draw_band(axes, line, style_of(name), place=place)


def draw_band(axes: Axes, line: Curve, style: SeriesStyle, *, place: int, marker_every: int = 1) -> None:
    """Draw one series in its own style: line, band, and markers on every `marker_every`-th point.

    Lines lie above all bands, and those with a lower `place` in the legend above the others.
    """
    zorder = 2.5 - 0.001 * place
    axes.plot(line.x, line.mean, markevery=marker_every, markeredgewidth=0.0, zorder=zorder, **style.line())
    axes.fill_between(line.x, line.low, line.high, color=style.color, alpha=0.18, linewidth=0.0)


def _error_series(axes: Axes, frame: Frame, name: str, place: int) -> None:
    """Draw one estimator's error: exact rows as a line, sampled rows as points."""
    style = style_of(name)
    if "kind" not in frame.columns:
        draw_band(axes, curve(frame, "num_groups", "value", "instance"), style, place=place)
        return
    exact, sampled = frame[frame["kind"] == "exact"], frame[frame["kind"] != "exact"]
    if not exact.empty:
        line = curve(exact, "num_groups", "value", "instance")
        label = style.label if sampled.empty else "_" + name
        axes.plot(line.x, line.mean, color=style.color, linestyle=style.linestyle, label=label)
        axes.fill_between(line.x, line.low, line.high, color=style.color, alpha=0.18, linewidth=0.0)
    if not sampled.empty:
        points = curve(sampled, "num_groups", "value", "instance")
        bars = [points.mean - points.low, points.high - points.mean]
        options: dict[str, Any] = {**style.line(), "linestyle": "none", "elinewidth": 0.8, "capsize": 1.5}
        axes.errorbar(points.x, points.mean, yerr=bars, **options)


def _sqrt_guide(axes: Axes) -> None:
    """Draw a dotted guide of slope -1/2 below the curves."""
    import numpy as np

    lines = [line for line in axes.get_lines() if len(np.asarray(line.get_xdata())) > 1]
    if not lines:
        return
    x = np.unique(np.concatenate([np.asarray(line.get_xdata(), dtype=np.float64) for line in lines]))
    starts = [float(np.asarray(line.get_ydata(), dtype=np.float64)[0]) for line in lines]
    guide = 0.5 * min(starts) * np.sqrt(x[0] / x)
    axes.plot(x, guide, color="0.6", linestyle=":", linewidth=0.8, zorder=0, label=SQRT_GUIDE)


def _x_axis(axes: Axes, values: Any, *, is_log_x: bool) -> None:
    """Set the horizontal scale, with whole numbers on the ticks."""
    from matplotlib.ticker import MaxNLocator

    if is_log_x:
        axes.set_xscale("log")
    else:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
        axes.set_xlim(float(values.min()) - 0.5, float(values.max()) + 0.5)


def _plain_log_y(axes: Axes) -> None:
    """Label 1, 2 and 5 of each decade as plain numbers where a logarithmic axis spans less than two decades."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = axes.get_ylim()
    if low <= 0 or high / low > 100.0:
        return
    subs = (1.0, 2.0, 5.0) if high / low > 4.0 else (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0)
    axes.yaxis.set_major_locator(LogLocator(subs=subs))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _with_group_size(frame: Frame) -> Frame:
    """Return the frame with a group_size column (0 where the data does not say)."""
    return frame if "group_size" in frame.columns else frame.assign(group_size=0)


def _group_sizes(frame: Frame) -> list[int]:
    return sorted(int(size) for size in frame["group_size"].unique())


def _of_size(frame: Frame, size: int) -> Frame:
    return frame[frame["group_size"] == size]


def _size_title(size: int, panels: int) -> str:
    return f"$n = {size}$" if size and panels > 1 else ""


def _width(panels: int) -> float:
    return SINGLE_COLUMN if panels == 1 else DOUBLE_COLUMN


def _caption(caption: str, frame: Frame, text: str) -> str:
    """Join the caller's caption with how many instances, and whatever of n, K and the number of arms is fixed."""
    counts = frame.groupby(["estimator", "group_size"])["instance"].nunique()
    parts = [text, count_text([int(count) for count in counts], "instance")]
    for column, name in (("group_size", "n = "), ("k", "K = "), ("num_arms", "arms: ")):
        values = frame[column].unique() if column in frame.columns else []
        if len(values) == 1 and values[0]:
            parts.append(f"{name}{values[0]}")
    return f"{caption + ' ' if caption else ''}{'; '.join(parts)}."
