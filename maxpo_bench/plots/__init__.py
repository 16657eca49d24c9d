"""Figures: the paper's, and the same ones for any estimator.

`plot(name, data)` draws one of `FIGURES` from a long frame and returns a matplotlib figure; `save` writes it as PNG,
SVG and PDF whose bytes depend on the figure alone. `maxpo_bench.plots.data` computes the data of the paper's figures.
Importing this package loads no matplotlib.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maxpo_bench.plots.bandit_figures import bias_vs_batches, variance_vs_arms, variance_vs_k
from maxpo_bench.plots.curve_figures import METRICS, learning_curves, p_action_1, variance_ratio
from maxpo_bench.plots.llm_curves import llm_objective_k, llm_pass_at_k
from maxpo_bench.plots.llm_proxy import llm_variance_proxy
from maxpo_bench.plots.llm_support import llm_support
from maxpo_bench.plots.maze_figures import maze
from maxpo_bench.plots.passk_figures import pass_at_k, pass_at_k_difference
from maxpo_bench.plots.profile_figures import performance_profile
from maxpo_bench.plots.style import (
    DOUBLE_COLUMN,
    FORMATS,
    SINGLE_COLUMN,
    SeriesStyle,
    check_format,
    figure_style,
    save,
    style_of,
    write,
)
from maxpo_bench.plots.support_figure import support
from maxpo_bench.registry import Registry

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "DOUBLE_COLUMN",
    "FIGURES",
    "FORMATS",
    "METRICS",
    "SINGLE_COLUMN",
    "SeriesStyle",
    "figure_style",
    "plot",
    "save",
    "style_of",
]

FIGURES: Registry[Callable[..., Figure]] = Registry("figure")
for _figure in (
    bias_vs_batches,
    variance_vs_arms,
    variance_vs_k,
    learning_curves,
    p_action_1,
    variance_ratio,
    maze,
    performance_profile,
    pass_at_k,
    pass_at_k_difference,
    support,
    llm_pass_at_k,
    llm_variance_proxy,
    llm_support,
    llm_objective_k,
):
    FIGURES.register(_figure.__name__, _figure)


def plot(name: str, data: Any, path: str | Path | None = None, **options: Any) -> Figure:
    """Draw a figure.

    Args:
        name: one of `FIGURES`.
        data: a pandas DataFrame in long form, or what its constructor takes; each figure's function says which columns.
        path: file to write as well, ending in .png, .svg or .pdf; its folder is made if it is missing.
        options: of the figure's function, e.g. ``metric="exact_max_at_k"``.

    Returns:
        A matplotlib figure. No window is opened.

    Raises:
        UnknownNameError: no such figure; the message suggests the nearest.
        ValueError: no rows, missing columns, or another file format.
    """
    draw = FIGURES.get(name)
    if path is not None:
        path = Path(path)
        check_format(path.suffix.lstrip(".").lower())
    with figure_style():
        figure = draw(data, **options)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(figure, path)
    return figure
