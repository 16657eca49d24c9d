"""Adam's variance proxy over the training of language models (Fig 3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from maxpo_bench.plots.bandit_panels import draw_band, plain_log_y
from maxpo_bench.plots.frames import Curve, Frame, as_frame, count_text, require_finite
from maxpo_bench.plots.llm_style import joined, line_styles
from maxpo_bench.plots.style import DOUBLE_COLUMN, SINGLE_COLUMN, finish, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = 3
_MARKERS = 8
_FAR_APART = 10.0


def llm_variance_proxy(data: Any, *, caption: str = "") -> Figure:
    """Variance proxy against the step of training: mean and standard deviation over seeds, a panel for each model.

    A step is drawn where all runs of the method have it, but for the first, where the proxy is 0 by construction. The
    vertical axis begins at 0, unless methods end more than ten times apart: then it is logarithmic.

    Args:
        data: columns model, method, label, suffix, run, step, value, as
            `maxpo_bench.evaluation.run_rows.run_proxy_rows` makes them.
        caption: put before the sentence on seeds.

    Raises:
        ValueError: no rows, missing columns, or no finite value.
    """
    frame = as_frame(data, "llm_variance_proxy", ["model", "method", "label", "suffix", "run", "step", "value"])
    require_finite(frame, "llm_variance_proxy", "value")
    styles = line_styles(frame)
    models = list(dict.fromkeys(map(str, frame["model"])))
    columns = min(_COLUMNS, len(models))
    lines = -(-len(models) // columns)
    width = SINGLE_COLUMN if columns == 1 else DOUBLE_COLUMN
    figure, grid = new_figure(lines, columns, width=width, height=0.2 + 2.2 * lines)
    flat = [axes for row in grid for axes in row]
    for axes in flat[len(models) :]:
        axes.remove()
    for place, (axes, model) in enumerate(zip(flat, models, strict=False)):
        rows = frame[frame["model"] == model]
        found = {label: _curve(rows[rows["label"] == label]) for label in styles}
        for at, (label, style) in enumerate(styles.items()):
            if (line := found[label]) is not None:
                draw_band(axes, line, style, place=-at, marker_every=max(1, len(line.x) // _MARKERS))
        axes.set(title=model, xlabel="Step")
        if place % columns == 0:
            axes.set_ylabel("Variance proxy of Adam's state")
        axes.margins(x=0.02)
        _scale(axes, [line for line in found.values() if line is not None])
    counts = frame.groupby(["model", "label"])["run"].nunique()
    seeds = count_text([int(count) for count in counts], "seed")
    shown = "bands: one standard deviation on either side; " if int(counts.max()) > 1 else ""
    quantity = "Sum over parameters of $\\hat v - \\hat m^2$, bias-corrected (Sec.\u00a05.2.3)."
    text = f"{quantity} Mean over seeds, {shown}{seeds}."
    return finish(figure, joined(caption, text), [style.label for style in styles.values()])


def _scale(axes: Axes, lines: Sequence[Curve]) -> None:
    """Make the vertical axis logarithmic where the curves end far apart, else let it begin at 0."""
    ends = [float(line.mean[-1]) for line in lines]
    if ends and min(ends) > 0 and max(ends) > _FAR_APART * min(ends):
        axes.set_yscale("log")
        plain_log_y(axes)
    elif all((line.low >= 0).all() for line in lines):
        axes.set_ylim(bottom=0.0)


def _curve(rows: Frame) -> Curve | None:
    """Return mean and deviation over runs at the steps after the first that all have, None where there is none.

    A lower end at or below 0, which a logarithmic axis cannot show, is the least positive value.
    """
    if rows.empty:
        return None
    table = rows.pivot_table(index="step", columns="run", values="value").sort_index().dropna()
    table = table[table.index > 1]
    if table.empty:
        return None
    values = table.to_numpy(dtype=np.float64)
    mean = values.mean(axis=1)
    deviation = values.std(axis=1, ddof=1) if values.shape[1] > 1 else np.zeros_like(mean)
    least = np.where(values > 0, values, np.inf).min(axis=1)
    low = np.where((mean - deviation > 0) | ~np.isfinite(least), mean - deviation, least)
    return Curve(table.index.to_numpy(dtype=np.float64), mean, low, mean + deviation, values.shape[1])
