"""Where does Figure 7 look as in the paper? Its statements, held against every setting that its text leaves open.

The paper's text gives binary actions, up to 1000 steps, dead ends of one or two steps, n, 3000 iterations, and one
learning rate from a grid search; it leaves open the optimizer, the majority share and K. Here every agent is trained
with every learning rate of a grid; a candidate is one optimizer, share and K with one learning rate for all agents, or
with that which is best for each agent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from maxpo_bench.agents.maze_runs import Optimizer
from maxpo_bench.plots.frames import Frame
from maxpo_bench.plots.style import figure_style, style_of
from maxpo_bench.reproduce.finding import FAILS, HOLDS, IN_PART, Finding, mean_of, number
from maxpo_bench.reproduce.maze.agents import EI, EI_L2O, ENTROPY, REINFORCE
from maxpo_bench.reproduce.maze.figures import OPTIMIZER_LABELS, draw_curves
from maxpo_bench.reproduce.maze.findings import COLLAPSED, Place, Ratios, Scores
from maxpo_bench.reproduce.maze.measure import OPTIMIZERS, Measured
from maxpo_bench.reproduce.maze.report import curves_caption, points, rates_text
from maxpo_bench.reproduce.report import TITLES, Drawn, Report, Table, plain

BASELINES = (REINFORCE, ENTROPY, EI)
SHOWN = 10


@dataclass(frozen=True)
class CandidateSetting:
    """One way to fill in what the text leaves open, with the group sizes at which each statement holds.

    Attributes:
        optimizer: "sgd" or "adam".
        share: majority share.
        k: objective size.
        rate: learning rate of all agents; None for the best of each.
        above: for each baseline, the n at which EI+L2O's return is above it.
        explores: the n at which REINFORCE's default policy collapses and EI+L2O's does not.
        reduces: the n at which the variance ratio is below 1.
        mean_return: of EI+L2O, over all n.
    """

    optimizer: Optimizer
    share: float
    k: int
    rate: float | None
    above: dict[str, list[int]]
    explores: list[int]
    reduces: list[int]
    mean_return: float

    @property
    def held(self) -> int:
        """How many statements hold, counted at every n."""
        return sum(map(len, self.above.values())) + len(self.explores) + len(self.reduces)

    def text(self) -> str:
        """The setting in words."""
        rate = "best learning rate of each" if self.rate is None else f"learning rate {self.rate:g}"
        return f"{OPTIMIZER_LABELS[self.optimizer]}, {rate}, share {self.share:g}, K = {self.k}"


def candidates(measured: Measured) -> list[CandidateSetting]:
    """Judge every setting gone over; those at which most statements hold come first."""
    size, finals, ratios = measured.size, measured.finals(), measured.variance_ratios()
    found = []
    for optimizer in OPTIMIZERS:
        for rate in (None, *size.rates(optimizer)):
            scores, spread = Scores(_with_rate(finals, rate)), Ratios(_with_rate(ratios, rate))
            found += [
                _judge(scores, spread, optimizer, share, k, rate, size.group_sizes)
                for share in size.searched_shares
                for k in size.searched_objectives
            ]
    return sorted(found, key=lambda each: (-each.held, -each.mean_return))


def _with_rate(frame: Frame, rate: float | None) -> Frame:
    """Return a frame in which the rows of one learning rate are the chosen ones."""
    return frame if rate is None else frame.assign(is_chosen=frame["learning_rate"] == rate)


def _judge(
    scores: Scores, ratios: Ratios, optimizer: Optimizer, share: float, k: int, rate: float | None, sizes: Iterable[int]
) -> CandidateSetting:
    places = [Place(optimizer, share, n, k) for n in sizes]
    places = [place for place in places if scores.has(place, EI_L2O, *BASELINES)]

    def p(place: Place, agent: str) -> float:
        return float(scores.of(place, agent, "p_action_1").mean())

    return CandidateSetting(
        optimizer,
        share,
        k,
        rate,
        above={
            other: [at.group_size for at in places if mean_of(scores.differences(at, EI_L2O, other)).low > 0]
            for other in BASELINES
        },
        explores=[at.group_size for at in places if p(at, EI_L2O) < COLLAPSED <= p(at, REINFORCE)],
        reduces=[at.group_size for at in places if at in ratios.logs and ratios.geometric_mean(at).high < 1],
        mean_return=float(np.mean([scores.of(place, EI_L2O).mean() for place in places])),
    )


def draw_search(measured: Measured) -> Drawn:
    """Draw Figure 7 at the setting at which most of the paper's statements hold, and list the next ones.

    Args:
        measured: with the cells of `maxpo_bench.reproduce.maze.measure.search_cells`.
    """
    size, found = measured.size, candidates(measured)
    best = found[0]
    curves = measured.curves(best.optimizer, best.share, best.k, best.rate)
    ratios = _with_rate(measured.variance_ratios(), best.rate)
    here = (ratios["optimizer"] == best.optimizer) & (ratios["share"] == best.share)
    shown = ratios[ratios["is_chosen"] & here]
    rate = rates_text(size, best.optimizer) if best.rate is None else f"{best.rate:g} for all"
    label, ends = OPTIMIZER_LABELS[best.optimizer], "one or two steps"
    caption = curves_caption(size, label, best.share, best.k, rate, ends)
    with figure_style():
        picture = draw_curves(curves, shown, caption)
    report = Report(
        "fig7-search",
        TITLES["fig7-search"],
        caption,
        (_finding(found, len(size.group_sizes)),),
        plain(asdict(size)),
        points(curves, shown),
        (_table(found[:SHOWN], len(size.group_sizes)),),
    )
    return Drawn(report, picture, curves)


def _table(found: Sequence[CandidateSetting], sizes: int) -> Table:
    header = (
        "setting",
        *(f"above {style_of(other).label}" for other in BASELINES),
        "only REINFORCE collapses",
        "ratio below 1",
        "return",
    )
    rows = tuple(
        (
            each.text(),
            *(_at(each.above[other], sizes) for other in BASELINES),
            _at(each.explores, sizes),
            _at(each.reduces, sizes),
            number(each.mean_return),
        )
        for each in found
    )
    return Table("Settings at which most statements hold, and the n at which each does", header, rows)


def _at(group_sizes: Sequence[int], total: int) -> str:
    if not group_sizes:
        return "none"
    return "all n" if len(group_sizes) == total else "n = " + ", ".join(map(str, group_sizes))


def _finding(found: Sequence[CandidateSetting], sizes: int) -> Finding:
    best, most = found[0], sizes * (len(BASELINES) + 2)
    complete = sum(each.held == most for each in found)
    ties = sum(each.held == best.held for each in found)
    numbers: dict[str, Any] = {"held": best.held, "of": most, "complete": complete, "settings": len(found)}
    return Finding(
        source="App G.2.2, Fig 7",
        statement="There is a reading of the setting at which all of the figure's statements hold.",
        measured=(
            f"{complete} of {len(found)} settings fulfil all. {best.text()} fulfils {best.held} of {most}, "
            f"{'no other as many' if ties == 1 else 'as does 1 more' if ties == 2 else f'as do {ties - 1} more'}.",
            *(f"{each.text()}: {each.held} of {most}" for each in found[1:4]),
        ),
        rule="five statements at every n: EI+L2O's return above REINFORCE's, above that with entropy and above EI's "
        "(95 % intervals of the differences on the same mazes); REINFORCE's mean P(action 1) under the global bias at "
        f"least {COLLAPSED:g} and EI+L2O's less; geometric mean of the variance ratio below 1 (95 % interval). Holds "
        "if some setting fulfils all, does not hold if none fulfils any. It is a search, not a test: intervals are "
        "not adjusted for the number of settings",
        verdict=HOLDS if complete else IN_PART if best.held else FAILS,
        numbers=numbers,
    )
