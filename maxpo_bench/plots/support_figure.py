"""Figure of scored samples: which problems a method can solve beside another."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from maxpo_bench.plots.frames import Frame, as_frame, count_text
from maxpo_bench.plots.style import BLUE, DOUBLE_COLUMN, GREEN, ORANGE, finish, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CLASSES = {
    "preservation": ("preservation", BLUE, BLUE),
    "expansion": ("expansion", GREEN, "#017a58"),
    "shrinkage": ("shrinkage", ORANGE, "#a86800"),
    "out_of_support": ("out of support", "#dddddd", "0.35"),
}
"""Label, colour of the bar, and colour of the number, dark enough to be read on white."""
_LONGEST_LINE = 32
_FIRST, _STEP = 24.0, 24.0
"""Right ends of the columns of numbers, in points from the right end of the axes."""


def support(data: Any, *, caption: str = "") -> Figure:
    """Share of problems that both methods solve, one of them, or neither: one bar per benchmark and method.

    The numbers of problems stand beside the bar, where they can be read however narrow a segment is.

    Args:
        data: columns benchmark, method, against, k, num_problems, preservation, expansion, shrinkage and
            out_of_support (numbers of problems), as `maxpo_bench.evaluation.rows.support_rows` makes them. Benchmarks,
            and methods within them, stand in the order of the rows.
        caption: put before the sentence on problems.

    Raises:
        ValueError: no rows or missing columns.
    """
    frame = as_frame(data, "support", ["benchmark", "method", "against", "k", "num_problems", *CLASSES])
    lines = _lines(frame)
    figure, ((axes,),) = new_figure(1, 1, width=DOUBLE_COLUMN, height=1.0 + 0.2 * len(lines))
    rows = [(place, row) for place, (_, row) in enumerate(lines) if row is not None]
    for place, row in rows:
        draw_bar(axes, place, row)
    for label, color, _ in CLASSES.values():
        axes.barh([0.0], [0.0], color=color, label=label)
    draw_squares(axes)
    labels = ["\n".join(textwrap.wrap(label, _LONGEST_LINE)) for label, _ in lines]
    axes.set_yticks(range(len(lines)), labels)
    if len(rows) < len(lines):
        for tick, (_, row) in zip(axes.get_yticklabels(), lines, strict=True):
            tick.set_fontweight("bold" if row is None else "normal")
    axes.set(xlabel="Problems (%)", xlim=(0.0, 100.0), ylim=(len(lines) - 0.4, -0.6))
    axes.tick_params(axis="y", length=0.0)
    return finish(figure, f"{caption + ' ' if caption else ''}{_caption(frame)}")


def _lines(frame: Frame) -> list[tuple[str, Any]]:
    """Return label and row of each line: with several methods, benchmarks are headings without a row."""
    if frame["method"].nunique() == 1:
        return [(str(row["benchmark"]), row) for _, row in frame.iterrows()]
    lines: list[tuple[str, Any]] = []
    for name in dict.fromkeys(map(str, frame["benchmark"])):
        rows = frame[frame["benchmark"].astype(str) == name]
        lines += [(name, None), *((str(row["method"]), row) for _, row in rows.iterrows())]
    return lines


def draw_squares(axes: Axes) -> None:
    """Draw the classes' colours above the columns of numbers."""
    for column, (_, color, _) in enumerate(CLASSES.values()):
        _beside(axes, -1.0, column, "\u25a0", color)


def draw_bar(axes: Axes, place: int, row: Any) -> None:
    """Draw one bar, and its numbers at the right.

    Args:
        axes: to draw on.
        place: of the bar on the vertical axis.
        row: num_problems and the four counts by name.
    """
    left = 0.0
    for column, (name, (_, color, dark)) in enumerate(CLASSES.items()):
        count = float(row[name])
        share = 100.0 * count / float(row["num_problems"])
        axes.barh([place], [share], left=[left], height=0.72, color=color, linewidth=0.0)
        _beside(axes, place, column, _count(count), dark)
        left += share


def _beside(axes: Axes, place: float, column: int, text: str, color: str) -> None:
    """Write at the right of the axes, at a distance in points, so that the layout can reserve the room."""
    axes.annotate(
        text,
        (1.0, place),
        xycoords=axes.get_yaxis_transform(),
        xytext=(_FIRST + _STEP * column, 0.0),
        textcoords="offset points",
        ha="right",
        va="center_baseline",
        size=6.5,
        color=color,
        annotation_clip=False,
    )


def _caption(frame: Frame) -> str:
    """Say who is compared with whom, at how many samples, on how many problems."""
    against = ", ".join(dict.fromkeys(map(str, frame["against"])))
    problems = count_text([int(count) for count in frame["num_problems"]], "problem")
    known = [int(k) for k in frame["k"].dropna()]
    samples = count_text(known, "sample") if known and len(known) == len(frame) else "the same number of samples"
    methods = list(dict.fromkeys(map(str, frame["method"])))
    who = methods[0] if len(methods) == 1 else "the method"
    return (
        f"Problems with a correct answer among {samples} of each: found by {who} and {against} (preservation), only by "
        f"{who} (expansion), only by {against} (shrinkage), by neither (out of support; Wu et al., arXiv"
        f"\u00a02507.14843). {problems} per benchmark. Numbers at the right are problems, expected ones where they "
        "are not whole."
    )


def _count(value: float) -> str:
    return f"{value:.0f}" if abs(value - round(value)) < 0.05 else f"{value:.1f}"
