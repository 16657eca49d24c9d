"""How figures look: one colour, marker and label per estimator everywhere, sizes, fonts, files without dates."""

from __future__ import annotations

import hashlib
import os
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maxpo_bench.registry import suggest

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SINGLE_COLUMN = 3.25
DOUBLE_COLUMN = 6.75
FORMATS = ("png", "svg", "pdf")
OPTIMUM, SQRT_GUIDE, SCORE_SQUARE = "exact optimum", "slope $-1/2$", r"$\propto 1 - \|\pi\|^2$ (Eq 120)"
GUIDES = (OPTIMUM, SQRT_GUIDE, SCORE_SQUARE)

LineStyle = str | tuple[int, tuple[int, ...]]

# seaborn's "colorblind" palette (a test compares them), so that looking a style up needs no import of seaborn
BLUE, ORANGE, GREEN, RED, PURPLE = "#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc"
BROWN, PINK, GREY, YELLOW, CYAN = "#ca9161", "#fbafe4", "#949494", "#ece133", "#56b4e9"
PALETTE = (BLUE, ORANGE, GREEN, RED, PURPLE, BROWN, PINK, GREY, YELLOW, CYAN)
OLIVE = "#8f7c00"
"""The palette's yellow, darkened: that one can hardly be seen on white."""


@dataclass(frozen=True)
class SeriesStyle:
    """How one estimator or agent is drawn.

    Attributes:
        label: its name in legends.
        color: hexadecimal colour.
        marker: matplotlib marker.
        linestyle: matplotlib line style, by name or as (offset, dashes).
    """

    label: str
    color: str
    marker: str
    linestyle: LineStyle = "-"

    def line(self) -> dict[str, Any]:
        """Keyword arguments for `Axes.plot` and `Axes.errorbar`."""
        return {"color": self.color, "marker": self.marker, "linestyle": self.linestyle, "label": self.label}


STYLES: dict[str, SeriesStyle] = {
    "ei_l2o": SeriesStyle("EI+L2O (MaxPO)", BLUE, "o"),
    "ei": SeriesStyle("EI (PKPO)", ORANGE, "s"),
    "ei_l1o": SeriesStyle("EI+L1O", GREEN, "^"),
    "reinforce_l1o": SeriesStyle("REINFORCE", GREY, "D"),
    "reinforce_entropy": SeriesStyle("REINFORCE+entropy", PURPLE, "v"),
    "grpo": SeriesStyle("GRPO", RED, "P"),
    "dr_grpo": SeriesStyle("Dr. GRPO", RED, "X", "--"),
    "entropy_adv": SeriesStyle("Entropy-Adv", PURPLE, "*", "--"),
    "pkpo_sloo": SeriesStyle("PKPO sloo", BROWN, "s"),
    "pkpo_sloo_minus_one": SeriesStyle("PKPO sloo-1", ORANGE, "d", "--"),
    "passk_analytic": SeriesStyle("pass@k analytic", CYAN, "o"),
    "passk_analytic_std": SeriesStyle("pass@k analytic, std", CYAN, "X", "--"),
    "all_subsets": SeriesStyle("all subsets", PINK, "p"),
    "all_subsets_centered": SeriesStyle("all subsets, centred", PINK, "h", "--"),
    "bon_mean": SeriesStyle("BoN mean", OLIVE, "<"),
    "ei_mean_centered": SeriesStyle("EI, mean-centred", GREEN, ">", "--"),
    "passk_top1": SeriesStyle("pass@k top-1", OLIVE, "P", "--"),
    "ppo": SeriesStyle("PPO", BROWN, "X", ":"),
    "a2c": SeriesStyle("A2C", BROWN, "p", "-."),
    "trpo": SeriesStyle("TRPO", BROWN, "v", "--"),
    "ars": SeriesStyle("ARS", BROWN, "D", (0, (3, 1, 1, 1, 1, 1))),
}
ALIASES = {"maxpo": "ei_l2o", "pkpo": "ei", "reinforce": "reinforce_l1o", "entropy": "reinforce_entropy"}
# dark tones of Paul Tol's "muted" scheme, none of them in PALETTE
OWN_COLORS = ("#332288", "#882255", "#44aa99", "#000000", "#661100", "#999933")
_OWN_MARKERS = "H8dph*<>"
_OWN_LINESTYLES: tuple[LineStyle, ...] = ("-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1, 1, 1)))


def style_of(name: str) -> SeriesStyle:
    """Return the style of an estimator or agent, the same in every figure and every process.

    A name that is not one of the suite's own gets colour, marker and line style from a hash of the name.
    """
    name = ALIASES.get(name, name)
    if name in STYLES:
        return STYLES[name]
    digest = hashlib.blake2b(name.encode(), digest_size=8, person=b"maxpo-style").digest()
    return SeriesStyle(
        label=name,
        color=OWN_COLORS[digest[0] % len(OWN_COLORS)],
        marker=_OWN_MARKERS[digest[1] % len(_OWN_MARKERS)],
        linestyle=_OWN_LINESTYLES[digest[2] % len(_OWN_LINESTYLES)],
    )


def in_order(names: Sequence[str]) -> list[str]:
    """Return the distinct names in the suite's order, users' own last and sorted."""
    rank = {name: position for position, name in enumerate(STYLES)}
    distinct = set(names)
    return sorted(distinct, key=lambda name: (rank.get(ALIASES.get(name, name), len(rank)), name))


@contextmanager
def figure_style() -> Iterator[None]:
    """Apply seaborn's paper context and ticks style, and what makes files reproducible, inside a `with` block."""
    import matplotlib as mpl
    import seaborn as sns

    settings: dict[Any, Any] = {
        **sns.axes_style("ticks"),
        **sns.plotting_context("paper"),
        "font.family": "sans-serif",
        "font.sans-serif": ["DejaVu Sans"],
        "font.size": 8.0,
        "axes.labelsize": 8.0,
        "axes.titlesize": 8.0,
        "xtick.labelsize": 7.0,
        "ytick.labelsize": 7.0,
        "legend.fontsize": 7.0,
        "legend.frameon": False,
        "legend.handlelength": 4.0,
        "lines.linewidth": 1.3,
        "lines.markersize": 3.5,
        "axes.linewidth": 0.7,
        "xtick.major.width": 0.7,
        "ytick.major.width": 0.7,
        "xtick.minor.width": 0.5,
        "ytick.minor.width": 0.5,
        "xtick.major.size": 3.0,
        "ytick.major.size": 3.0,
        "xtick.minor.size": 1.7,
        "ytick.minor.size": 1.7,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": False,
        "figure.dpi": 100.0,
        "savefig.dpi": 200.0,
        "svg.fonttype": "path",
        "svg.hashsalt": "maxpo-bench",
        "pdf.fonttype": 42,
    }
    with mpl.rc_context(settings):
        yield


def new_figure(
    rows: int, columns: int, *, width: float, height: float, **options: Any
) -> tuple[Figure, list[list[Axes]]]:
    """Return a figure and its axes `[rows][columns]`; no window and no global pyplot state is involved.

    Args:
        rows: of panels.
        columns: of panels.
        width: inches, `SINGLE_COLUMN` or `DOUBLE_COLUMN`.
        height: inches.
        options: for `Figure.subplots`, e.g. ``sharex="col"``.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, [list(row) for row in axes]


def finish(figure: Figure, caption: str, order: Sequence[str] = ()) -> Figure:
    """Add one legend above the panels for all their labelled series, and the caption line below them.

    The figure grows by the height of both, so that the panels keep theirs.

    Args:
        figure: with all its panels.
        caption: wrapped to the figure's width.
        order: labels of one estimator's variants stand in this order; without it, in that of the panels.
    """
    handles = _handles(figure)
    width, height = (float(side) for side in figure.get_size_inches())
    lines = textwrap.wrap(caption, int(width * 20))
    figure.supxlabel("\n".join(lines), fontsize=6.0, color="0.35")
    height += 0.1 * len(lines)
    if handles:
        known = [style.label for style in STYLES.values()]
        place = {label: position for position, label in enumerate(order)}
        labels = sorted(handles, key=lambda label: (label in GUIDES, _rank(label, known), place.get(label, 0)))
        columns = max(1, min(len(labels), int(width / (0.64 + 0.06 * max(map(len, labels))))))
        ordered = [handles[label] for label in labels]
        figure.legend(ordered, labels, loc="outside upper center", ncols=columns, columnspacing=1.2, borderpad=0.2)
        height += 0.15 * -(-len(labels) // columns)
    figure.set_size_inches(width, height)
    return figure


def _handles(figure: Figure) -> dict[str, Any]:
    """Legend handles of all panels by label: a line where a series has one in any panel, else points."""
    from matplotlib.container import ErrorbarContainer

    handles: dict[str, Any] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            if label not in handles or isinstance(handles[label], ErrorbarContainer):
                handles[label] = handle
    return handles


def _rank(label: str, known: Sequence[str]) -> int:
    """Place of a label in the suite's order: that of the style whose label it is or begins with, else last."""
    places = [place for place, name in enumerate(known) if label == name or label.startswith(f"{name}, ")]
    return min(places, default=len(known))


def save(figure: Figure, directory: str | Path, name: str, formats: Sequence[str] = FORMATS) -> list[Path]:
    """Write ``directory/name.FORMAT`` for each format and return the paths; the bytes depend on the figure alone.

    Each file is written beside its place and then moved there, so that it is never seen half written.

    Args:
        figure: from `maxpo_bench.plots.plot`.
        directory: made if it is missing.
        name: file name without an ending.
        formats: of "png", "svg", "pdf".

    Raises:
        ValueError: another format.
    """
    directory = Path(directory)
    paths = [directory / f"{name}.{check_format(kind)}" for kind in formats]
    directory.mkdir(parents=True, exist_ok=True)
    for path in paths:
        unfinished = path.with_name(f".writing-{os.getpid()}-{path.name}")
        try:
            write(figure, unfinished)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    return paths


def check_format(kind: str) -> str:
    """Return `kind`.

    Raises:
        ValueError: it is none of `FORMATS`.
    """
    if kind not in FORMATS:
        raise ValueError(f"figure format {kind!r} is not one of {', '.join(FORMATS)}.{suggest(kind, FORMATS)}")
    return kind


def write(figure: Figure, path: Path) -> None:
    """Write one file of a figure, without dates and program versions in its metadata."""
    metadata: dict[str, dict[str, Any]] = {
        "png": {"Software": None},
        "svg": {"Date": None, "Creator": None},
        "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    }
    kind = check_format(path.suffix.lstrip(".").lower())
    with figure_style():
        figure.savefig(path, format=kind, metadata=metadata[kind])
