"""The paper's bandit figures: estimation error against batches, variance against arms and against K."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maxpo_bench.plots.bandit_panels import (
    draw_errors,
    draw_score_square,
    draw_series,
    draw_sqrt_guide,
    draw_unit_line,
    plain_log_y,
    whole_number_axis,
)
from maxpo_bench.plots.frames import Frame, as_frame, count_text, ratio_frame
from maxpo_bench.plots.style import DOUBLE_COLUMN, SINGLE_COLUMN, finish, in_order, new_figure, style_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def bias_vs_batches(data: Any, *, caption: str = "") -> Figure:
    """Estimation error of the gradient against the number M of batches that are averaged (Eq 110), both logarithmic.

    An unbiased estimator falls as M^(-1/2) (dotted guide); a biased one levels off at its bias.

    Args:
        data: columns estimator, num_groups, instance, value; optional group_size (one panel each) and kind: rows
            of kind "sampled" are drawn as points with error bars, others as lines. Without kind both are drawn.
        caption: put before the sentence on sample sizes.
    """
    frame = _with_group_size(as_frame(data, "bias_vs_batches", ["estimator", "num_groups", "instance", "value"]))
    sizes = _group_sizes(frame)
    figure, grid = new_figure(1, len(sizes), width=_width(len(sizes)), height=2.2, sharey=True)
    for axes, size in zip(grid[0], sizes, strict=True):
        draw_errors(axes, _of_size(frame, size))
        draw_sqrt_guide(axes)
        axes.set(xscale="log", yscale="log", xlabel="Number of batches $M$", title=_size_title(size, len(sizes)))
    grid[0][0].set_ylabel(r"Estimation error $\|\bar g - \nabla J_K\|$")
    return finish(figure, _caption(caption, frame, "Mean over bandit instances, bars and bands: 95 % intervals"))


def variance_vs_arms(data: Any, *, reference: str | None = None, caption: str = "") -> Figure:
    """Total variance of the gradient estimate against the number of arms (Eq 111), and its ratio to EI's.

    Args:
        data: columns estimator, num_arms, instance, value; optional group_size (one column of panels each), kind
            (rows of kind "sampled" are points with error bars) and score_square, 1 - ||pi||^2 of the bandit (Eq 120),
            which is drawn scaled to the reference.
        reference: estimator that the ratios are taken to, in each instance; by default EI, or the first one drawn
            where there is no EI.
        caption: put before the sentence on sample sizes.
    """
    frame = as_frame(data, "variance_vs_arms", ["estimator", "num_arms", "instance", "value"])
    return _variance_figure(frame, "num_arms", "Number of arms", reference, caption, is_log_x=True)


def variance_vs_k(data: Any, *, reference: str | None = None, caption: str = "") -> Figure:
    """Total variance of the gradient estimate against K (Eq 111), and its ratio to EI's.

    Args:
        data: columns estimator, k, instance, value; optional group_size (one column of panels each) and kind (rows of
            kind "sampled" are points with error bars).
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
        draw_series(upper, _of_size(frame, size), x)
        draw_series(lower, _of_size(ratios, size), x)
        draw_unit_line(lower)
        if is_log_x and "score_square" in frame.columns:
            draw_score_square(upper, _of_size(frame, size), reference)
        upper.set(yscale="log", title=_size_title(size, len(sizes)))
        if is_log_x:
            lower.set_yscale("log")
        lower.set_xlabel(label)
        for axes in {upper, lower}:
            if is_log_x:
                axes.set_xscale("log")
            else:
                whole_number_axis(axes, _of_size(frame, size)[x])
    for axes in figure.axes:
        if axes.get_yscale() == "log":
            plain_log_y(axes)
    if is_single:
        grid[0][0].set_xlabel(label)
    grid[0][0].set_ylabel("Total variance")
    (grid[0][1] if is_single else grid[1][0]).set_ylabel(
        f"Variance ratio to {style_of(reference).label.split(' (')[0]}"
    )
    text = "Mean over bandit instances (ratios: mean of each instance's ratio), bands: 95 % intervals"
    return finish(figure, _caption(caption, frame, text))


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


def _kinds(frame: Frame) -> list[str]:
    """Say whether the moments are exact, where the data tells."""
    kinds = sorted(frame["kind"].unique()) if "kind" in frame.columns else []
    both = "lines: exact moments, points: sampled"
    return [both if len(kinds) > 1 else f"{kinds[0]} moments"] if kinds else []


def _caption(caption: str, frame: Frame, text: str) -> str:
    """Join the caller's caption with how many instances, what is exact, and what of n, K and the arms is fixed."""
    counts = frame.groupby(["estimator", "group_size"])["instance"].nunique()
    parts = [text, count_text([int(count) for count in counts], "instance"), *_kinds(frame)]
    for column, name in (("group_size", "n = "), ("k", "K = "), ("num_arms", "arms: ")):
        values = frame[column].unique() if column in frame.columns else []
        if len(values) == 1 and values[0]:
            parts.append(f"{name}{values[0]}")
    return f"{caption + ' ' if caption else ''}{'; '.join(parts)}."
