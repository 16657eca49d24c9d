"""pass@k of language models against k: methods by model (Fig 2) or benchmark (Fig 8), objective sizes K (Fig 10)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from maxpo_bench.plots.frames import Frame, as_frame, count_text, require_finite
from maxpo_bench.plots.llm_style import draws_axis, joined, limits_text, line_styles, with_limits
from maxpo_bench.plots.style import DOUBLE_COLUMN, SINGLE_COLUMN, SeriesStyle, finish, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = 3
_NEEDED = (
    *("model", "method", "label", "suffix", "benchmark", "k", "estimate"),
    *("seeds_low", "seeds_high", "problems_low", "problems_high", "runs", "num_problems"),
    *("fewest_samples", "most_samples", "confidence", "resamples", "seed"),
)
_BAND = 0.12
_MARKERS = "osD^vPX*<>"


def llm_pass_at_k(data: Any, *, caption: str = "") -> Figure:
    """pass@k against k with intervals: one line per method, a panel for each model and benchmark.

    Args:
        data: columns model, method, label, suffix, benchmark, k, estimate (in [0, 1]), seeds_low, seeds_high,
            problems_low and problems_high (limits of the intervals over seeds and over problems, None where there is
            none; the former is drawn where it exists), runs, num_problems, fewest_samples, most_samples, confidence,
            resamples, seed, as `maxpo_bench.evaluation.run_rows.run_pass_at_k_rows` makes them. With one benchmark
            for each model panels are called by the model, else by the benchmark, models row by row.
        caption: put before the sentence on intervals.

    Raises:
        ValueError: no rows, missing columns, or no finite value.
    """
    frame = _checked(data, "llm_pass_at_k")
    styles = line_styles(frame)
    figure, panels = _panels(frame)
    for axes, rows in panels:
        for place, (label, style) in enumerate(styles.items()):
            _line(axes, rows[rows["label"] == label], style, place)
        draws_axis(axes, int(rows["k"].max()))
        _fit(axes, rows)
    text = joined(caption, limits_text(frame))
    return finish(figure, f"{text}{_axes_text(panels)}", [style.label for style in styles.values()])


def llm_objective_k(data: Any, *, caption: str = "") -> Figure:
    """pass@k against k for several objective sizes K of one method: a panel for each model and method, a line for K.

    Args:
        data: as `llm_pass_at_k`, and objective_k (the K of training).
        caption: put before the sentence on intervals.

    Raises:
        ValueError: no rows, missing columns, or no finite value.
    """
    frame = _checked(data, "llm_objective_k", "objective_k")
    sizes = sorted(int(k) for k in frame["objective_k"].unique())
    figure, panels = _panels(frame, by="method")
    for axes, rows in panels:
        for place, (size, color) in enumerate(zip(sizes, _sequential(len(sizes)), strict=True)):
            style = SeriesStyle(f"$K = {size}$", color, _MARKERS[place % len(_MARKERS)])
            _line(axes, rows[rows["objective_k"] == size], style, -place)
        draws_axis(axes, int(rows["k"].max()))
        _fit(axes, rows)
    text = joined(caption, limits_text(frame))
    return finish(figure, f"{text}{_axes_text(panels)}", [f"$K = {size}$" for size in sizes])


def _checked(data: Any, figure: str, *more: str) -> Frame:
    frame = as_frame(data, figure, [*_NEEDED, *more])
    require_finite(frame, figure, "estimate")
    return with_limits(frame)


def _panels(frame: Frame, by: str = "benchmark") -> tuple[Figure, list[tuple[Axes, Frame]]]:
    """Return the figure, and each panel with its rows: models row by row, or side by side where each has one panel."""
    parts = [
        (str(model), str(name), rows[rows[by] == name])
        for model, rows in frame.groupby("model", sort=False)
        for name in rows[by].unique()
    ]
    models = list(dict.fromkeys(model for model, _, _ in parts))
    side_by_side = len(parts) == len(models)
    groups = [parts] if side_by_side else [[part for part in parts if part[0] == model] for model in models]
    lines = [(group[at : at + _COLUMNS]) for group in groups for at in range(0, len(group), _COLUMNS)]
    columns = max(map(len, lines))
    width = SINGLE_COLUMN if columns == 1 else DOUBLE_COLUMN
    figure, grid = new_figure(
        len(lines), columns, width=width, height=0.2 + (2.2 if columns < 3 else 1.75) * len(lines)
    )
    panels: list[tuple[Axes, Frame]] = []
    for line, row in zip(lines, grid, strict=True):
        for axes in row[len(line) :]:
            axes.remove()
        for at, (axes, (model, name, rows)) in enumerate(zip(row, line, strict=False)):
            axes.set_title(_title(model, name, rows, by, is_only=side_by_side, one_model=len(models) == 1))
            axes.set_ylabel("pass@$k$ (%)" if not at else "")
            panels.append((axes, rows))
    return figure, panels


def _title(model: str, name: str, rows: Frame, by: str, *, is_only: bool, one_model: bool) -> str:
    """Say model, benchmark and number of problems, or model and method."""
    benchmark = str(rows["benchmark"].iloc[0])
    problems = count_text([int(count) for count in rows["num_problems"]], "problem")
    if by == "method":
        method = line_styles(rows.assign(suffix=""))
        return f"{model}\n{next(iter(method.values())).label}, {benchmark}"
    if is_only:
        return f"{model}\n{benchmark}, {problems}"
    return f"{name}, {problems}" if one_model else f"{model}\n{name}, {problems}"


def _line(axes: Axes, rows: Frame, style: SeriesStyle, place: int) -> None:
    """Draw one curve and its band; without an interval a line alone."""
    if rows.empty:
        return
    rows = rows.sort_values("k")
    ks = rows["k"].to_numpy(dtype=np.float64)
    mean, low, high = (100 * rows[column].to_numpy(dtype=np.float64) for column in ("estimate", "low", "high"))
    options: dict[str, Any] = {**style.line(), "zorder": 2.5 + 0.001 * place}
    axes.plot(ks, mean, markeredgewidth=0.8 if style.marker == "x" else 0.0, **options)
    axes.fill_between(ks, low, high, color=style.color, alpha=_BAND, linewidth=0.0)


def _fit(axes: Axes, rows: Frame) -> None:
    """End the vertical axis at the panel's values and limits, within 0 and 100 but for a margin."""
    values = 100 * rows[["estimate", "low", "high"]].to_numpy(dtype=np.float64)
    low, high = max(0.0, float(np.nanmin(values))), min(100.0, float(np.nanmax(values)))
    margin = 0.03 * ((high - low) or 1.0)
    axes.set_ylim(low - margin, high + margin)


def _axes_text(panels: Sequence[tuple[Axes, Frame]]) -> str:
    return (
        " Vertical axes differ and do not begin at 0." if len(panels) > 1 else " The vertical axis does not begin at 0."
    )


def _sequential(count: int) -> list[str]:
    """Colours from dark to light for ordered lines."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return [to_hex(colormaps["viridis"](position)) for position in np.linspace(0.1, 0.8, count)]
