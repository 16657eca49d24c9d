"""Figure 7, its variants and its overview, with their captions, tables and findings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from maxpo_bench.agents.maze_runs import Optimizer
from maxpo_bench.plots.frames import Frame
from maxpo_bench.plots.style import figure_style, in_order, style_of
from maxpo_bench.reproduce.finding import Finding, mean_of, with_interval
from maxpo_bench.reproduce.maze.figures import OPTIMIZER_LABELS, draw_curves, draw_overview
from maxpo_bench.reproduce.maze.findings import (
    Place,
    Ratios,
    Scores,
    above_ei,
    added,
    at_the_edge,
    explores,
    more_at_small_k,
    outperforms,
    reduces_variance,
    times_reinforce,
)
from maxpo_bench.reproduce.maze.measure import OPTIMIZERS, Measured
from maxpo_bench.reproduce.maze.sizes import MazeSize
from maxpo_bench.reproduce.report import TITLES, Drawn, Report, Table, plain, rounded

SOURCE = "App G.2.2, Fig 7"


def draw_fig7(measured: Measured) -> list[Drawn]:
    """Draw Figure 7 by plain gradient ascent and by Adam, and the overview of all settings.

    Args:
        measured: with the cells of `maxpo_bench.reproduce.maze.measure.fig7_cells`.
    """
    return [*(_curves(measured, optimizer) for optimizer in OPTIMIZERS), _overview(measured)]


def _curves(measured: Measured, optimizer: Optimizer) -> Drawn:
    size, figure = measured.size, "fig7" if optimizer == "sgd" else "fig7-adam"
    curves = measured.curves(optimizer, size.share, size.k)
    ratios = _at(measured.variance_ratios(), optimizer, size.share)
    finals = _at(measured.finals(), optimizer, size.share)
    chosen = ratios[ratios["is_chosen"]]
    caption = curves_caption(size, OPTIMIZER_LABELS[optimizer], size.share, size.k, rates_text(size, optimizer))
    with figure_style():
        picture = draw_curves(curves, chosen, caption)
    scores, spread = Scores(finals), Ratios(ratios)
    findings = [
        *outperforms(scores, SOURCE),
        explores(scores, SOURCE),
        reduces_variance(spread, SOURCE),
        more_at_small_k(spread, SOURCE),
    ]
    table = returns_table(scores, [place for place in scores.places if place.k == size.k], ("group_size",))
    report = Report(
        figure, TITLES[figure], caption, tuple(findings), plain(asdict(size)), points(curves, chosen), (table,)
    )
    return Drawn(report, picture, curves)


def _overview(measured: Measured) -> Drawn:
    size, finals = measured.size, measured.finals()
    scores, ratios = Scores(finals), Ratios(measured.variance_ratios())
    chosen = finals[finals["is_chosen"]]
    caption = (
        f"{size.note}Mean return over the last {size.last} of {size.iterations:,} iterations against n; "
        f"{_seeds(size)}; learning rates chosen for each agent at each setting (SGD: {rates_text(size, 'sgd')}; "
        f"Adam: {rates_text(size, 'adam')}). EI+L2O needs n > K. Bars: 95 % intervals over mazes."
    )
    with figure_style():
        picture = draw_overview(chosen, caption)
    findings: list[Finding] = [
        *outperforms(scores, SOURCE),
        explores(scores, SOURCE),
        reduces_variance(ratios, SOURCE),
        more_at_small_k(ratios, SOURCE),
        *_checks(scores, size),
        at_the_edge(scores, {name: size.rates(name) for name in OPTIMIZERS}),
        *added(scores),
    ]
    middle = [place for place in scores.places if place.group_size == _middle(size) and place.k == size.k]
    tables = (returns_table(scores, middle, ("optimizer", "share")),)
    report = Report(
        "fig7-settings",
        TITLES["fig7-settings"],
        caption,
        tuple(findings),
        plain(asdict(size)),
        final_points(chosen),
        tables,
    )
    return Drawn(report, picture, chosen.drop(columns="is_chosen"))


def _middle(size: MazeSize) -> int:
    return 16 if 16 in size.group_sizes else size.group_sizes[0]


def _checks(scores: Scores, size: MazeSize) -> Iterable[Finding]:
    for optimizer in OPTIMIZERS:
        n = _middle(size)
        checks = (
            times_reinforce(scores, Place(optimizer, 0.8, n, 4), size.seed),
            above_ei(scores, Place(optimizer, 0.7, n, 2)),
        )
        yield from (finding for finding in checks if finding is not None)


def returns_table(scores: Scores, places: list[Place], names: tuple[str, ...]) -> Table:
    """Return a table of mean returns with intervals and learning rates, a row for each agent, a column for each place.

    Args:
        scores: of the agents.
        places: settings.
        names: attributes of the settings that tell them apart.
    """

    def head(place: Place) -> str:
        words = {"group_size": f"n = {place.group_size}", "share": f"share {place.share:g}", "k": f"K = {place.k}"}
        words["optimizer"] = OPTIMIZER_LABELS[place.optimizer]
        return ", ".join(words[name] for name in names)

    def cell(place: Place, agent: str) -> str:
        if not scores.has(place, agent):
            return "not defined"
        return f"{with_interval(mean_of(scores.of(place, agent)))} at {scores.rate(place, agent):g}"

    fixed = {name: {getattr(place, name) for place in places} for name in Place._fields if name not in names}
    constant = places[0]
    words = [f"n = {constant.group_size}"] if "group_size" in fixed else []
    words += [f"K = {constant.k}"] if "k" in fixed else []
    title = f"Mean return, 95 % interval over mazes, and the learning rate chosen ({', '.join(words)})"
    rows = [(style_of(agent).label, *(cell(place, agent) for place in places)) for agent in in_order(scores.agents)]
    return Table(title, ("agent", *map(head, places)), tuple(rows))


def curves_caption(size: MazeSize, optimizer: str, share: float, k: int, rates: str, ends: str = "one step") -> str:
    """Everything that is needed to read the curves."""
    return (
        f"{size.note}Paths of {size.length:,} states, majority share {share:g}, dead ends of {ends}; {optimizer}, "
        f"learning rate {rates}; K = {k}; {_seeds(size)}. Top: return, means of {size.record_every} iterations; "
        "centre: probability of action 1 under the global bias alone; bottom, a line for each K: geometric mean of the "
        f"ratio of total gradient variances at EI+L2O's policies, {size.num_groups} groups each (Eq 125). Bands: 95 % "
        "intervals over mazes."
    )


def rates_text(size: MazeSize, optimizer: Optimizer) -> str:
    """The grid of an optimizer, in words."""
    return f"chosen among {', '.join(f'{rate:g}' for rate in size.rates(optimizer))} on {size.tuning} other mazes"


def _seeds(size: MazeSize) -> str:
    return f"{size.instances} mazes with a run each (seed {size.seed})"


def _at(frame: Frame, optimizer: str, share: float) -> Frame:
    return frame[(frame["optimizer"] == optimizer) & (frame["share"] == share)]


def points(curves: Frame, ratios: Frame | None) -> list[dict[str, Any]]:
    """Mean and standard error of every point of the curves and of the logarithm of the ratio."""
    import numpy as np

    found: list[dict[str, Any]] = []
    for panel in ("return", "p_action_1"):
        rows = curves.groupby(["agent", "group_size", "k", "iteration"])[panel].agg(mean="mean", standard_error="sem")
        found += [{"panel": panel, **rounded(row)} for row in rows.reset_index().to_dict("records")]
    if ratios is not None:
        logs = ratios.assign(log=np.log(ratios["ratio"]))
        rows = logs.groupby(["group_size", "k", "iteration"])["log"].agg(log_mean="mean", log_standard_error="sem")
        found += [{"panel": "ratio", **rounded(row)} for row in rows.reset_index().to_dict("records")]
    return found


def final_points(finals: Frame) -> list[dict[str, Any]]:
    """Mean and standard error of every final return and P(action 1)."""
    keys = ["optimizer", "share", "group_size", "k", "agent", "learning_rate"]
    rows = finals.groupby(keys).agg(
        mean=("returns", "mean"),
        standard_error=("returns", "sem"),
        p_action_1=("p_action_1", "mean"),
        env_steps=("env_steps", "mean"),
    )
    return [{"panel": "final", **rounded(row)} for row in rows.reset_index().to_dict("records")]
