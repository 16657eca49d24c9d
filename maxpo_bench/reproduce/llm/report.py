"""Picture, tables and findings of the tiny model's experiment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from maxpo_bench.llm.methods import LABELS
from maxpo_bench.plots.frames import Frame, count_text
from maxpo_bench.plots.style import DOUBLE_COLUMN, SeriesStyle, figure_style, finish, new_figure, style_of
from maxpo_bench.reproduce.cell_files import Floats
from maxpo_bench.reproduce.finding import mean_of, number
from maxpo_bench.reproduce.llm.findings import findings_of
from maxpo_bench.reproduce.llm.rows import Row
from maxpo_bench.reproduce.llm.sizes import TinyLMSize
from maxpo_bench.reproduce.report import TITLES, Drawn, Report, Table, plain, rounded
from maxpo_bench.stats import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME = "tiny-lm"
BASE = "base"
SHOWN = (1, 4, 16, 64)


def draw(size: TinyLMSize, rows: Sequence[Row]) -> Drawn:
    """Draw pass@k and the proxy of every method, and hold them beside the paper's statements.

    Args:
        size: what was gone over.
        rows: one per method, on the same seeds.
    """
    with figure_style():
        picture = _picture(size, rows)
    report = Report(
        NAME,
        TITLES[NAME],
        _caption(size),
        findings_of(rows),
        plain(asdict(size)),
        [{"panel": "pass@k", **rounded(point)} for point in _points(rows)],
        (_table(rows), _grid_table(rows)),
    )
    return Drawn(report, picture, _frame(rows))


def _caption(size: TinyLMSize) -> str:
    tuning = count_text([size.tuning], "other seed")
    return (
        f"{size.note}A Llama of 0.3 million parameters, pretrained on countdown with {size.difficulty} "
        f"numbers, then {size.steps} optimisation steps of {size.groups_per_step} questions with n = "
        f"{size.group_size}, K = {size.k}, by Adam. {size.seeds} seeds, each with a pretraining, training problems and "
        f"held-out problems of its own (seed {size.seed}); learning rates chosen by pass@{size.k} among "
        f"{len(size.learning_rates)} on {tuning}. {size.problems} held-out problems, {size.samples} samples each at "
        "temperature 1. Bands and brackets: 95 % intervals over seeds; of the proxy, standard deviations."
    )


def _label(method: str) -> str:
    return LABELS.get(method, method)


def _base_style() -> SeriesStyle:
    return SeriesStyle("before training", "#000000", "", "--")


def _style(method: str) -> SeriesStyle:
    style = style_of(method)
    return SeriesStyle(_label(method), style.color, style.marker, style.linestyle)


def _picture(size: TinyLMSize, rows: Sequence[Row]) -> Figure:
    figure, grid = new_figure(1, 3, width=DOUBLE_COLUMN, height=2.2)
    curves, gains, proxies = grid[0]
    base = rows[0].cell
    _band(curves, base.ks, 100 * base.base, _base_style())
    for row in rows:
        cell, style = row.cell, _style(row.method)
        _band(curves, cell.ks, 100 * cell.passed, style)
        _band(gains, cell.ks, 100 * (cell.passed - cell.base), style)
        mean, deviation = cell.proxy_curve.mean(axis=0), cell.proxy_curve.std(axis=0, ddof=1)
        proxies.plot(cell.steps, mean, color=style.color, linestyle=style.linestyle, label=style.label)
        proxies.fill_between(cell.steps, mean - deviation, mean + deviation, color=style.color, alpha=0.15, lw=0)
    gains.axhline(0.0, color="black", linewidth=0.8, linestyle="--")
    for axes, label in ((curves, "pass@$k$ (%)"), (gains, "pass@$k$ minus before (points)")):
        axes.set_xscale("log", base=2)
        axes.set_xticks(base.ks, [str(k) for k in base.ks])
        axes.set(xlabel="$k$", ylabel=label)
    curves.set_ylim(0, min(100.0, curves.get_ylim()[1]))
    proxies.set(xlabel="optimisation step", ylabel="Adam variance proxy", yscale="log")
    return finish(figure, _caption(size))


def _band(axes: Axes, ks: Sequence[int], values: Floats, style: SeriesStyle) -> None:
    intervals = [mean_of(values[:, at]) for at in range(len(ks))]
    axes.plot(ks, [each.estimate for each in intervals], **style.line())
    axes.fill_between(
        ks, [each.low for each in intervals], [each.high for each in intervals], color=style.color, alpha=0.12, lw=0
    )


def _points(rows: Sequence[Row]) -> list[dict[str, object]]:
    base = rows[0].cell
    series = [(BASE, base.base, base.ks), *((row.method, row.cell.passed, row.cell.ks) for row in rows)]
    return [
        {"method": name, "k": k, "mean": float(values[:, at].mean()), "standard_error": _error(values[:, at])}
        for name, values, ks in series
        for at, k in enumerate(ks)
    ]


def _error(values: Floats) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values)))


def _shown(ks: Sequence[int]) -> list[int]:
    return [k for k in SHOWN if k in ks] or [ks[0], ks[-1]]


def _table(rows: Sequence[Row]) -> Table:
    base = rows[0].cell
    shown = _shown(base.ks)
    lines = [("before training", *(_percent(mean_of(100 * base.base_at(k))) for k in shown), "", "", "", "")]
    for row in rows:
        cell = row.cell
        edge = ", an end of the grid" if row.is_at_edge else ""
        lines.append(
            (
                _label(row.method),
                *(_percent(mean_of(100 * cell.at(k))) for k in shown),
                f"{cell.learning_rate:g}{edge}",
                f"{number(float(cell.proxy.mean()))} ± {cell.proxy.std(ddof=1):.1g}",
                number(float(cell.entropy.mean())),
                f"+{cell.expansion.mean():.0f} / -{cell.shrinkage.mean():.0f}",
            )
        )
    header = ("method", *(f"pass@{k}" for k in shown), "learning rate", "variance proxy", "entropy", "support")
    return Table(
        "Held-out pass@k in per cent, 95 % intervals over seeds; proxy and entropy (nats per token) at the end of "
        "training; problems gained and lost",
        header,
        tuple(lines),
    )


def _grid_table(rows: Sequence[Row]) -> Table:
    shown = _shown(rows[0].cell.ks)
    lines = tuple(
        (
            _label(row.method),
            f"{cell.learning_rate:g}" + (", chosen" if cell.learning_rate == row.cell.learning_rate else ""),
            *(f"{100 * cell.at(k).mean():.1f}" for k in shown),
            number(float(cell.proxy.mean())),
        )
        for row in rows
        for cell in row.grid
    )
    header = ("method", "learning rate", *(f"pass@{k}" for k in shown), "variance proxy")
    return Table("Every learning rate on the tuning seeds: means", header, lines)


def _percent(interval: Interval) -> str:
    return f"{interval.estimate:.1f} [{interval.low:.1f}, {interval.high:.1f}]"


def _frame(rows: Sequence[Row]) -> Frame:
    import pandas as pd

    cells = [
        (part, cell)
        for row in rows
        for part, found in (("tuning", row.grid), ("evaluation", [row.cell]))
        for cell in found
    ]
    return pd.DataFrame(
        [
            {
                "seeds": part,
                "method": cell.method,
                "learning_rate": cell.learning_rate,
                "seed": seed,
                "k": k,
                "pass_at_k": cell.passed[place, at],
                "base_pass_at_k": cell.base[place, at],
                "adam_variance_proxy": cell.proxy[place],
                "entropy": cell.entropy[place],
            }
            for part, cell in cells
            for place, seed in enumerate(cell.seeds)
            for at, k in enumerate(cell.ks)
        ]
    )
