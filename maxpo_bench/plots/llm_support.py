"""What training did to the support of correct answers, by benchmark and method (Fig 9)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maxpo_bench.plots.frames import Frame, as_frame, count_text
from maxpo_bench.plots.llm_style import joined, line_styles
from maxpo_bench.plots.style import DOUBLE_COLUMN, finish, new_figure
from maxpo_bench.plots.support_figure import CLASSES, draw_bar, draw_squares

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = 2
_NEEDED = ("model", "benchmark", "method", "label", "suffix", "against", "k", "runs", "num_problems", *CLASSES)


def llm_support(data: Any, *, caption: str = "") -> Figure:
    """Share of problems that a trained model and its base solve, one of them, or neither: a bar for each method.

    Models are side by side, two in a row, benchmarks below each other with their problems and samples in brackets.
    Methods are named at the left of a row only where both of its models have the same.

    Args:
        data: columns model, benchmark, method, label, suffix, against, k, runs, num_problems, preservation, expansion,
            shrinkage and out_of_support (numbers of problems, means over runs), as
            `maxpo_bench.evaluation.run_rows.run_support_rows` makes them.
        caption: put before the sentence on classes.

    Raises:
        ValueError: no rows or missing columns.
    """
    frame = as_frame(data, "llm_support", _NEEDED)
    models = list(dict.fromkeys(map(str, frame["model"])))
    lines = [_lines(frame[frame["model"] == model]) for model in models]
    most = max(map(len, lines))
    columns = min(_COLUMNS, len(models))
    rows = -(-len(models) // columns)
    figure, grid = new_figure(rows, columns, width=DOUBLE_COLUMN, height=(0.8 + 0.17 * most) * rows)
    flat = [axes for row in grid for axes in row]
    for axes in flat[len(models) :]:
        axes.remove()
    for place, (axes, model, parts) in enumerate(zip(flat, models, lines, strict=False)):
        is_named = place % columns == 0 or _names(parts) != _names(lines[place - 1])
        _panel(axes, model, parts, most, is_named=is_named)
    for label, color, _ in CLASSES.values():
        grid[0][0].barh([0.0], [0.0], color=color, label=label)
    return finish(figure, joined(caption, _caption(frame)))


def _lines(frame: Frame) -> list[tuple[str, Any]]:
    """Return label and row of each line; benchmarks are headings without a row."""
    styles = line_styles(frame)
    lines: list[tuple[str, Any]] = []
    for name in dict.fromkeys(map(str, frame["benchmark"])):
        rows = frame[frame["benchmark"] == name]
        problems = count_text([int(count) for count in rows["num_problems"]], "problem")
        lines.append((f"{name} ({problems}, $k = {int(rows['k'].iloc[0])}$)", None))
        lines += [(styles[str(row["label"])].label, row) for _, row in rows.iterrows()]
    return lines


def _names(lines: list[tuple[str, Any]]) -> list[str]:
    """Return the names at the left: those of methods, nothing at headings."""
    return ["" if row is None else label for label, row in lines]


def _panel(axes: Axes, model: str, lines: list[tuple[str, Any]], most: int, *, is_named: bool) -> None:
    """Draw one model's bars, with the methods' names or without."""
    for place, (label, row) in enumerate(lines):
        if row is None:
            axes.text(0.0, place + 0.1, label, va="center", size=7.0, fontweight="bold")
        else:
            draw_bar(axes, place, row)
    draw_squares(axes)
    named = [(place, label) for place, (label, row) in enumerate(lines) if row is not None]
    axes.set_yticks([place for place, _ in named], [label if is_named else "" for _, label in named])
    axes.set_title(model, loc="left")
    axes.set(xlabel="Problems (%)", xlim=(0.0, 100.0), ylim=(most - 0.4, -0.6))
    axes.tick_params(axis="y", length=0.0)


def _caption(frame: Frame) -> str:
    runs = count_text([int(count) for count in frame["runs"]], "run")
    return (
        "Problems with a correct answer among $k$ samples of each: found by trained and base model (preservation), "
        "only by the trained one (expansion), only by the base (shrinkage), by neither (out of support; Wu et al., "
        f"arXiv\u00a02507.14843). Means over {runs} of each method. Numbers at the right are problems."
    )
