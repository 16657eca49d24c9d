"""What the paper states about the maze (App G.2.2), held against the trained agents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from maxpo_bench.plots.frames import Frame
from maxpo_bench.plots.style import style_of
from maxpo_bench.reproduce.finding import (
    FAILS,
    HOLDS,
    IN_PART,
    NO_CLAIM,
    UNDECIDED,
    Finding,
    Verdict,
    mean_of,
    number,
    shared,
    with_interval,
)
from maxpo_bench.reproduce.maze.agents import EI, EI_L2O, ENTROPY, PAPER, REINFORCE
from maxpo_bench.reproduce.maze.figures import OPTIMIZER_LABELS
from maxpo_bench.seeding import derive_seed
from maxpo_bench.stats import Interval, mean_interval, ratio_of_means_interval

Floats = NDArray[np.float64]
LEVEL = 0.05
SHOWN = 12
COLLAPSED = 0.95
"""P(action 1) from which the default policy is taken to have collapsed to the majority action."""


class Place(NamedTuple):
    """One setting of the maze experiment."""

    optimizer: str
    share: float
    group_size: int
    k: int

    def family(self) -> tuple[str, float]:
        """What tells the pictures apart."""
        return self.optimizer, self.share

    def text(self) -> str:
        """The setting in words."""
        return f"{OPTIMIZER_LABELS[self.optimizer]}, share {self.share:g}, n = {self.group_size}, K = {self.k}"


class Scores:
    """Final values at the chosen learning rates, by setting and agent.

    Args:
        finals: of `Measured.finals`; rows of other learning rates than the chosen ones are left out.
    """

    def __init__(self, finals: Frame) -> None:
        rows = finals[finals["is_chosen"]].sort_values("seed")
        keys = ["optimizer", "share", "group_size", "k", "agent"]
        self._tables = {
            (Place(str(o), float(s), int(n), int(k)), str(agent)): group
            for (o, s, n, k, agent), group in rows.groupby(keys)
        }
        self.places = sorted({place for place, _ in self._tables}, key=lambda p: (p.optimizer != "sgd", *p[1:]))
        self.agents = list(dict.fromkeys(agent for _, agent in self._tables))

    def has(self, place: Place, *agents: str) -> bool:
        """Were all of these agents trained there?"""
        return all((place, agent) in self._tables for agent in agents)

    def of(self, place: Place, agent: str, column: str = "returns") -> Floats:
        """Values of one agent, one per evaluation seed, in the order of the seeds."""
        return self._tables[place, agent][column].to_numpy(dtype=np.float64)

    def rate(self, place: Place, agent: str) -> float:
        """The chosen learning rate."""
        return float(self._tables[place, agent]["learning_rate"].iloc[0])

    def differences(self, place: Place, agent: str, other: str, column: str = "returns") -> Floats:
        """Differences of two agents on the same mazes and uniform numbers, at the seeds that both have."""
        ours, theirs = (self._tables[place, name].set_index("seed")[column] for name in (agent, other))
        return (ours - theirs).dropna().to_numpy(dtype=np.float64)


def outperforms(scores: Scores, source: str) -> list[Finding]:
    """EI+L2O against each of the paper's baselines, at every setting."""
    return [_outperforms(scores, other, source) for other in (REINFORCE, ENTROPY, EI)]


def _outperforms(scores: Scores, other: str, source: str) -> Finding:
    places = [place for place in scores.places if scores.has(place, EI_L2O, other)]
    confidence = shared(LEVEL, len(places))
    signs = {
        place: _sign(mean_interval(scores.differences(place, EI_L2O, other), confidence=confidence)) for place in places
    }
    label = style_of(other).label
    lines = [f"Above at {_count(signs, 1)}, not separated at {_count(signs, 0)}, below at {_count(signs, -1)}"]
    lines[0] += f" of {len(places)} settings."
    lines += [_family_line(signs, family, scores, other) for family in _families(places)]
    return Finding(
        source=source,
        statement=f"EI+L2O's return is above that of {label} for all n.",
        measured=tuple(lines),
        rule=f"holds if the differences' {_percent()} intervals, jointly valid over these settings, are above 0 at "
        "every one; does not hold if none is and some are below, is undecided if all contain 0",
        verdict=_by_signs(_count(signs, 1), _count(signs, -1), len(places)),
        numbers={"above": _count(signs, 1), "equal": _count(signs, 0), "below": _count(signs, -1)},
    )


def _family_line(signs: Mapping[Place, int], family: tuple[str, float], scores: Scores, other: str) -> str:
    here = {place: sign for place, sign in signs.items() if place.family() == family}
    ratios = [scores.of(place, EI_L2O).mean() / max(scores.of(place, other).mean(), 1e-9) for place in here]
    times = f"{number(min(ratios))} to {number(max(ratios))}" if len(ratios) > 1 else number(ratios[0])
    below = [f"n = {place.group_size}, K = {place.k}" for place, sign in here.items() if sign < 0]
    text = f"{OPTIMIZER_LABELS[family[0]]}, share {family[1]:g}: above at {_count(here, 1)} of {len(here)}"
    return f"{text}, {times} times the return" + (f"; below at {'; '.join(below)}" if below else "")


def explores(scores: Scores, source: str) -> Finding:
    """P(action 1) under the global bias: does REINFORCE collapse to the majority action, and EI+L2O not?"""
    places = [place for place in scores.places if scores.has(place, EI_L2O, REINFORCE)]
    means = {
        place: tuple(float(scores.of(place, name, "p_action_1").mean()) for name in (REINFORCE, ENTROPY, EI_L2O))
        for place in places
    }
    collapsed = [place for place in places if means[place][0] >= COLLAPSED]
    spared = [place for place in collapsed if means[place][2] < COLLAPSED]
    lines = [
        f"REINFORCE ends with P(action 1) of at least {COLLAPSED:g} at {len(collapsed)} of {len(places)} settings; "
        f"EI+L2O ends below that at {len(spared)} of these."
    ]
    for family in _families(places):
        here = [means[place] for place in places if place.family() == family]
        spans = [_span(column) for column in zip(*here, strict=True)]
        lines.append(
            f"{OPTIMIZER_LABELS[family[0]]}, share {family[1]:g}: REINFORCE {spans[0]}, with entropy {spans[1]}, "
            f"EI+L2O {spans[2]}"
        )
    return Finding(
        source=source,
        statement="REINFORCE's default policy collapses to the majority action, EI+L2O's stays exploratory.",
        measured=tuple(lines),
        rule=f"holds where REINFORCE's mean P(action 1) under the global bias is at least {COLLAPSED:g} and EI+L2O's "
        "is less; means, without intervals",
        verdict=_by_count(len(spared), len(places)),
        numbers={"collapsed": len(collapsed), "spared": len(spared), "settings": len(places)},
    )


class Ratios:
    """Variance ratios EI+L2O over EI at the chosen learning rate: logarithms, averaged along each training run."""

    def __init__(self, ratios: Frame) -> None:
        rows = ratios[ratios["is_chosen"]]
        rows = rows.assign(log=np.log(rows["ratio"].to_numpy(dtype=np.float64)))
        keys = ["optimizer", "share", "group_size", "k", "seed"]
        means = rows.groupby(keys)["log"].mean().reset_index()
        self.logs: dict[Place, Mapping[int, float]] = {
            Place(str(o), float(s), int(n), int(k)): dict(zip(group["seed"], group["log"], strict=True))
            for (o, s, n, k), group in means.groupby(keys[:-1])
        }

    def values(self, place: Place) -> Floats:
        """One per seed."""
        return np.array(list(self.logs[place].values()))

    def geometric_mean(self, place: Place, confidence: float = 0.95) -> Interval:
        """Geometric mean over seeds with its interval, which has no ends where one seed alone has a ratio."""
        values = self.values(place)
        alone = Interval(-np.inf, float(values[0]), np.inf, confidence)
        found = mean_of(values, confidence) if len(values) > 1 else alone
        low, middle, high = (float(value) for value in np.exp([found.low, found.estimate, found.high]))
        return Interval(low, middle, high, confidence)


def reduces_variance(ratios: Ratios, source: str) -> Finding:
    """Is the variance ratio below 1 in all settings?"""
    places = sorted(ratios.logs, key=lambda p: (p.optimizer != "sgd", *p[1:]))
    confidence = shared(LEVEL, len(places))
    found = {place: ratios.geometric_mean(place, confidence) for place in places}
    below = [place for place in places if found[place].high < 1]
    above = [place for place in places if found[place].low > 1]
    lines = [
        f"Below 1 at {len(below)}, not separated from 1 at {len(places) - len(below) - len(above)}, above 1 at "
        f"{len(above)} of {len(places)} settings."
    ]
    for family in _families(places):
        by_k: dict[int, list[str]] = {}
        for place in places:
            if place.family() == family:
                by_k.setdefault(place.k, []).append(number(found[place].estimate))
        parts = [f"K = {k}: {', '.join(values)}" for k, values in sorted(by_k.items())]
        sizes = sorted({place.group_size for place in places if place.family() == family})
        lines.append(
            f"{OPTIMIZER_LABELS[family[0]]}, share {family[1]:g} (n ascending, {sizes[0]} to {sizes[-1]}): "
            + "; ".join(parts)
        )
    return Finding(
        source=source,
        statement="The L2O baseline reduces the gradient's variance in all settings: the ratio is below 1.",
        measured=tuple(lines),
        rule="geometric mean of the ratio along training and over seeds; holds if its "
        f"{_percent()} intervals, jointly valid over these settings, are below 1 at every one, does not hold if none "
        "is and some are above, is undecided if all contain 1",
        verdict=_by_signs(len(below), len(above), len(places)),
        numbers={"below": len(below), "above": len(above), "settings": len(places)},
    )


def more_at_small_k(ratios: Ratios, source: str) -> Finding:
    """Is the reduction larger at smaller K, for the same n?"""
    pairs = [
        (place, place._replace(k=larger))
        for place in ratios.logs
        for larger in sorted({other.k for other in ratios.logs if other.k > place.k})[:1]
        if place._replace(k=larger) in ratios.logs
    ]
    confidence = shared(LEVEL, len(pairs))
    signs: list[int] = []
    for small, large in pairs:
        both = sorted(set(ratios.logs[small]) & set(ratios.logs[large]))
        steps = np.array([ratios.logs[large][seed] - ratios.logs[small][seed] for seed in both])
        signs.append(_sign(mean_interval(steps, confidence=confidence)) if len(both) > 1 else 0)
    grows = signs.count(1)
    return Finding(
        source=source,
        statement="The reduction is larger at smaller K.",
        measured=(
            f"From one K to the next the ratio grows at {grows}, is not separated at {signs.count(0)}, and falls at "
            f"{signs.count(-1)} of {len(pairs)} pairs.",
        ),
        rule=f"holds if the {_percent()} intervals of the change, jointly valid over these pairs of neighbouring K at "
        "the same n, are above 0 for every one; does not hold if none is and some are below, is undecided if all "
        "contain 0. Each K has policies of its own, trained with it",
        verdict=_by_signs(grows, signs.count(-1), len(pairs)),
        numbers={"grows": grows, "falls": signs.count(-1), "pairs": len(pairs)},
    )


def times_reinforce(scores: Scores, place: Place, seed: int) -> Finding | None:
    """How many times REINFORCE's return EI+L2O reaches at one setting; None where it was not gone over."""
    if not (place in scores.places and scores.has(place, EI_L2O, REINFORCE)):
        return None
    ours, theirs = (scores.of(place, name) for name in (EI_L2O, REINFORCE))
    rng = np.random.default_rng(derive_seed(seed, "times_reinforce", *map(str, place)))
    ratio = ratio_of_means_interval(ours, np.maximum(theirs, 1e-9), rng)
    intervals = [mean_of(values) for values in (ours, theirs)]
    is_disjoint = intervals[0].low > intervals[1].high
    return Finding(
        source="check",
        statement=f"EI+L2O reaches twice REINFORCE's return at {place.text()}, with disjoint intervals.",
        measured=(
            f"{with_interval(intervals[0])} against {with_interval(intervals[1])}: {with_interval(ratio)} times.",
        ),
        rule="holds if the ratio of the means is at least 2 and the two means' 95 % intervals do not overlap",
        verdict=HOLDS if ratio.estimate >= 2 and is_disjoint else FAILS,
        numbers={"ratio": ratio.estimate, "low": ratio.low, "high": ratio.high},
    )


def above_ei(scores: Scores, place: Place) -> Finding | None:
    """Is EI+L2O above EI at one setting? None where it was not gone over."""
    if not (place in scores.places and scores.has(place, EI_L2O, EI)):
        return None
    difference = mean_of(scores.differences(place, EI_L2O, EI))
    values = [with_interval(mean_of(scores.of(place, name))) for name in (EI_L2O, EI)]
    return Finding(
        source="check",
        statement=f"EI+L2O is above EI at {place.text()}.",
        measured=(f"{values[0]} against {values[1]}; difference on the same mazes {with_interval(difference)}.",),
        rule="holds if the difference's 95 % interval is above 0, does not hold if it is below, else undecided",
        verdict=HOLDS if difference.low > 0 else FAILS if difference.high < 0 else UNDECIDED,
        numbers={"difference": difference.estimate, "low": difference.low, "high": difference.high},
    )


def at_the_edge(scores: Scores, rates: Mapping[str, Sequence[float]]) -> Finding:
    """Which agents took the smallest or largest learning rate of the grid."""
    found: list[str] = []
    total = 0
    smallest = min((place.k for place in scores.places), default=0)
    for place in scores.places:
        grid = rates[place.optimizer]
        for agent in scores.agents:
            is_counted_before = agent in (REINFORCE, ENTROPY) and place.k > smallest
            if scores.has(place, agent) and not is_counted_before:
                total += 1
                if scores.rate(place, agent) in (grid[0], grid[-1]):
                    found.append(f"{style_of(agent).label} at {place.text()}: {scores.rate(place, agent):g}")
    return Finding(
        source="check",
        statement="The best learning rate lies inside the grid.",
        measured=(
            f"At an end of the grid in {len(found)} of {total} choices.",
            *found[:SHOWN],
            *([f"and {len(found) - SHOWN} more"] if len(found) > SHOWN else []),
        ),
        rule="holds if no choice is at an end of its grid",
        verdict=_by_count(total - len(found), total),
        numbers={"at_an_end": len(found), "choices": total},
    )


def added(scores: Scores) -> list[Finding]:
    """Final returns of the added estimators beside EI+L2O's."""
    names = [agent for agent in scores.agents if agent not in PAPER]
    return [_added(scores, name) for name in names]


def _added(scores: Scores, name: str) -> Finding:
    places = [place for place in scores.places if scores.has(place, EI_L2O, name)]
    ratios = {place: scores.of(place, name).mean() / max(scores.of(place, EI_L2O).mean(), 1e-9) for place in places}
    confidence = shared(LEVEL, len(places))
    words = {-1: "below", 0: "not separated", 1: "above"}
    signs = {
        place: _sign(mean_interval(scores.differences(place, name, EI_L2O), confidence=confidence)) for place in places
    }
    lines = [f"{place.text()}: {number(ratio)} times, {words[signs[place]]}" for place, ratio in ratios.items()]
    head = f"Above at {_count(signs, 1)}, not separated at {_count(signs, 0)}, below at {_count(signs, -1)} settings."
    return Finding(
        source="added",
        statement=f"Return of {style_of(name).label} over that of EI+L2O.",
        measured=(head, *lines) if lines else ("Not defined where EI+L2O is.",),
        rule=f"{_percent()} intervals of the differences on the same mazes, jointly valid over these settings",
        verdict=NO_CLAIM,
        numbers={place.text(): float(ratio) for place, ratio in ratios.items()},
    )


def _span(values: Sequence[float]) -> str:
    """Write the smallest and the largest value, or the only one."""
    low, high = f"{min(values):.2f}", f"{max(values):.2f}"
    return low if low == high else f"{low} to {high}"


def _families(places: Iterable[Place]) -> list[tuple[str, float]]:
    return list(dict.fromkeys(place.family() for place in places))


def _count(signs: Mapping[Any, int], sign: int) -> int:
    return list(signs.values()).count(sign)


def _sign(interval: Interval) -> int:
    """1 above 0, -1 below, 0 where 0 is inside."""
    return int(interval.low > 0) - int(interval.high < 0)


def _by_signs(holding: int, opposite: int, total: int) -> Verdict:
    """Return what comparisons say together: without any that is separated, nothing."""
    return UNDECIDED if total and not holding and not opposite else _by_count(holding, total)


def _by_count(holding: int, total: int) -> Verdict:
    if not total:
        return NO_CLAIM
    if holding == total:
        return HOLDS
    return IN_PART if holding else FAILS


def _percent() -> str:
    return f"{100 * (1 - LEVEL):g} %"
