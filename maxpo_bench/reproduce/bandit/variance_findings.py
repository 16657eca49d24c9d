"""What Section 5.1 and App G.1 say of total variances (Figures 1, 4, 5), held against the measured ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from maxpo_bench.plots.frames import Frame
from maxpo_bench.plots.style import style_of
from maxpo_bench.reproduce.finding import (
    FAILS,
    HOLDS,
    IN_PART,
    NO_CLAIM,
    Finding,
    Table,
    Verdict,
    combined,
    listed,
    mean_of,
    number,
    ratio,
    shared,
    table,
    with_error,
    with_interval,
)
from maxpo_bench.seeding import derive_seed
from maxpo_bench.stats import Interval, ratio_of_means_interval

BASE, CENTRED = "ei", "ei_l2o"
PAPER = ("ei", "ei_l2o", "ei_l1o")
MODERATE = (0.25, 0.75)
SAME_RATIO = 0.01
EQ_120_FACTOR = 1.25
SPLIT = 4
"""Fewest bandits of which one half says where to look and the other what is there."""
LEVEL = 0.05
"""Chance of a false alarm over all steps of one curve that are looked through for a rise."""


@dataclass(frozen=True, eq=False)
class Ratios:
    """Variance of EI+L2O over EI's in each bandit, in groups of one size.

    Attributes:
        n: group size.
        x: number of arms, or K.
        each: ratio in each bandit.
        of_means: mean of EI+L2O's variances over the mean of EI's, with a paired bootstrap interval.
    """

    n: int
    x: list[int]
    each: Table
    of_means: list[Interval]

    @classmethod
    def of(cls, frame: Frame, n: int, x: str, seed: int) -> Ratios:
        """Read them off a frame of variances."""
        upper, lower = (_needed(frame[frame["group_size"] == n], name, x) for name in (CENTRED, BASE))
        each = ratio(upper, lower)
        values = [int(value) for value in each.x]
        rngs = [np.random.default_rng(derive_seed(seed, "findings", x, n, value)) for value in values]
        of_means = [
            ratio_of_means_interval(upper.at(value), lower.at(value), rng)
            for value, rng in zip(values, rngs, strict=True)
        ]
        return cls(n, values, each, of_means)

    def text(self, at: int) -> str:
        """Both statistics at one x."""
        return f"{with_error(self.each.at(at))} (ratio of means {with_interval(self.of_means[self.x.index(at)])})"

    def numbers(self) -> dict[str, list[float] | list[int]]:
        """Both statistics at every x."""
        return {
            "x": self.x,
            "mean_of_ratios": self.each.mean.tolist(),
            "standard_error": self.each.standard_error.tolist(),
            "ratio_of_means": [interval.estimate for interval in self.of_means],
        }


def arms_findings(frame: Frame, seed: int, source: str) -> list[Finding]:
    """Return the findings on variance against the number of arms, over all group sizes of the frame.

    Args:
        frame: columns estimator, group_size, num_arms, instance, value, score_square.
        seed: of the bootstrap.
        source: where the paper shows it.
    """
    return [_grows_with_arms(_all_ratios(frame, "num_arms", seed), source), _eq_120(frame), _eq_121(frame)]


def k_findings(frame: Frame, seed: int, source: str) -> list[Finding]:
    """Return the findings on variance against K, over all group sizes of the frame.

    Args:
        frame: columns estimator, group_size, k, instance, value.
        seed: of the bootstrap.
        source: where the paper shows it.
    """
    found = _all_ratios(frame, "k", seed)
    return [_moderate_k(found, seed, source), _few_comparators(found, source)]


def falls_with_n(frame: Frame, x: str, source: str) -> Finding:
    """Return the finding on variance against the group size.

    Args:
        frame: columns estimator, group_size, instance, value and `x`, at least two group sizes.
        x: "num_arms" or "k".
        source: where the paper shows it.
    """
    sizes = _sizes(frame)
    falls, factors = [], []
    for small, large in pairwise(sizes):
        for name in PAPER:
            step = ratio(*(_needed(frame[frame["group_size"] == n], name, x) for n in (small, large)))
            falls += [mean_of(np.log(step.values[:, place])).low > 0 for place in range(len(step.x))]
            factors += [float(np.exp(np.log(step.values[:, place]).mean())) for place in range(len(step.x))]
    return Finding(
        source,
        "The variance falls as the group size n grows.",
        (
            f"In {sum(falls)} of {len(falls)} steps from one n to the next ({', '.join(map(str, sizes))}; every "
            f"estimator and {_NAMES[x]}) it falls, by a factor of {number(min(factors))} to {number(max(factors))} "
            "(geometric mean over bandits)",
        ),
        "a step falls if the 95 % interval of the mean log ratio excludes 0; holds if all do, in part if some do",
        HOLDS if all(falls) else IN_PART if any(falls) else FAILS,
        {"falling_steps": sum(falls), "steps": len(falls), "factors": [min(factors), max(factors)]},
    )


def added_findings(frame: Frame, x: str, names: Sequence[str]) -> list[Finding]:
    """Return what was measured of added estimators: their variance over EI's, without a verdict.

    Args:
        frame: columns estimator, group_size, instance, value and `x`.
        x: "num_arms" or "k".
        names: the added estimators; those without rows are left out.
    """
    found = []
    for name in names:
        parts = []
        for n in _sizes(frame):
            rows = frame[frame["group_size"] == n]
            own = table(rows, name, x)
            if own is not None:
                each = ratio(own, _needed(rows, BASE, x))
                shown = dict.fromkeys([0, int(each.mean.argmin()), len(each.x) - 1])
                points = ", ".join(f"{with_error(each.values[:, at])} at {_at(x, int(each.x[at]))}" for at in shown)
                parts.append(f"n = {n}: {points}")
        if parts:
            lines = (
                "Variance over EI's, first, lowest and last, mean of ratios ± standard error, under the scale that it "
                "declares. A copy of an unbiased estimator that is c times as long has c^2 of its variance, and a "
                "biased one may have any: see its certificate, and its B95 on the leaderboard:",
                *parts,
            )
            found.append(Finding("added", f"{style_of(name).label} against {_NAMES[x]}", lines, "", NO_CLAIM))
    return found


_NAMES = {"num_arms": "number of arms", "k": "K"}


def _at(x: str, value: int) -> str:
    return f"{value:,} arms" if x == "num_arms" else f"K = {value}"


def _sizes(frame: Frame) -> list[int]:
    return sorted(int(n) for n in frame["group_size"].unique())


def _needed(frame: Frame, name: str, x: str) -> Table:
    found = table(frame, name, x)
    if found is None:
        raise ValueError(f"no variances of {name}: it is one of the paper's three")
    return found


def _all_ratios(frame: Frame, x: str, seed: int) -> list[Ratios]:
    return [Ratios.of(frame, n, x, seed) for n in _sizes(frame)]


def _grows_with_arms(found: Sequence[Ratios], source: str) -> Finding:
    """The variance reduction of L2O over EI grows with the number of arms."""
    parts = []
    for each in found:
        above = [x for x, mean in zip(each.x, each.each.mean, strict=True) if mean > 1]
        level = next(x for x, m in zip(each.x, each.each.mean, strict=True) if abs(m - each.each.mean[-1]) < SAME_RATIO)
        more = f"above 1 up to {above[-1]:,} arms" if above else "nowhere above 1"
        parts.append(
            f"n = {each.n}: {each.text(each.x[0])} at {each.x[0]} arms, {each.text(each.x[-1])} at {each.x[-1]:,}; "
            f"{more}; no change by {SAME_RATIO} or more from {level:,} arms on"
        )
    return Finding(
        source,
        "The variance reduction of EI+L2O over EI grows with the number of arms.",
        ("Variance of EI+L2O over EI's, mean of ratios ± standard error:", *parts),
        "holds if the log ratio falls from the fewest to the most arms (95 % interval of paired differences) and rises "
        "in no step (intervals that together cover 95 %), and the mean ratio is at most 1 for every number of arms; in "
        "part if it only falls overall",
        combined([_growth(each.each) for each in found]),
        {f"n{each.n}": each.numbers() for each in found},
    )


def _growth(ratios: Table) -> Verdict:
    logs = np.log(ratios.values)
    if mean_of(logs[:, -1] - logs[:, 0]).high >= 0:
        return FAILS
    steps = np.diff(logs, axis=1).T
    rises = any(mean_of(step, shared(LEVEL, len(steps))).low > 0 for step in steps)
    return IN_PART if rises or (ratios.mean > 1).any() else HOLDS


def _eq_120(frame: Frame) -> Finding:
    """The variance depends on the number of arms as 1 - ‖π‖² does."""
    parts, verdicts, numbers = [], [], {}
    for n in _sizes(frame):
        for name in (BASE, CENTRED):
            rows = frame[(frame["group_size"] == n) & (frame["estimator"] == name)]
            means = rows.groupby("num_arms")[["value", "score_square"]].mean().sort_index()
            quotient = (means["value"] / means["score_square"]).to_numpy()
            low, high = (float(each) for each in (quotient.min() / quotient[-1], quotient.max() / quotient[-1]))
            is_constant = high <= EQ_120_FACTOR and low >= 1 / EQ_120_FACTOR
            rises = means["value"].iloc[-1] > means["value"].iloc[0]
            verdicts.append(HOLDS if is_constant else IN_PART if rises else FAILS)
            parts.append(f"{style_of(name).label}, n = {n}: {number(low)} to {number(high)}")
            numbers[f"{name}_n{n}"] = [low, high]
    return Finding(
        "App G.1.2, Eq 113-120",
        "Up to a factor, the total variance is 1 - ‖π‖², whatever the number of arms.",
        ("Mean variance over mean 1 - ‖π‖², relative to that at the most arms, from lowest to highest:", *parts),
        f"holds if that stays within a factor of {EQ_120_FACTOR} of 1; in part if it does not, but the variance is "
        "larger at the most arms than at the fewest",
        combined(verdicts),
        numbers,
    )


def _eq_121(frame: Frame) -> Finding:
    """1 - ‖π‖² rises with the number of arms towards 1."""
    rows = frame[(frame["estimator"] == BASE) & (frame["group_size"] == _sizes(frame)[0])]
    wide = rows.pivot(index="instance", columns="num_arms", values="score_square").sort_index(axis=1)
    arms, values = wide.columns.to_numpy(dtype=np.int64), wide.to_numpy(dtype=np.float64)
    rises = all(mean_of(step).low > 0 for step in np.diff(values, axis=1).T)
    last = float(values[:, -1].mean())
    shown = ", ".join(f"{with_error(values[:, place])} at {arms[place]:,}" for place in (0, len(arms) // 2, -1))
    uniform = ", ".join(f"{1 - 1 / arms[place]:.3g}" for place in (0, len(arms) // 2, -1))
    return Finding(
        "App G.1.2, Eq 121",
        "1 - ‖π‖² rises with the number of arms and approaches 1.",
        (f"Mean ± standard error over the policies: {shown} arms; uniform policies have {uniform}",),
        "holds if it rises in every step (95 % intervals of paired differences) and is at least 0.95 at the most arms; "
        "in part if one of the two is so",
        HOLDS if rises and last >= 0.95 else IN_PART if rises or last >= 0.95 else FAILS,
        {"arms": arms.tolist(), "mean": values.mean(axis=0).tolist()},
    )


def _moderate_k(found: Sequence[Ratios], seed: int, source: str) -> Finding:
    """The reduction is largest at moderate K relative to n."""
    parts, verdicts = [], []
    for each in found:
        best = each.x[int(each.each.mean.argmin())]
        above = [str(x) for x, m in zip(each.x, each.each.mean, strict=True) if m > 1]
        where = f"above 1 at K = {', '.join(above)}" if above else "nowhere above 1"
        parts.append(
            f"n = {each.n}, K = {', '.join(map(str, each.x))}: lowest at K = {best}, {each.text(best)}, in "
            f"{_support(each, best, seed):.0%} of bootstrap resamples; {where}; {each.text(each.x[-1])} at K = "
            f"{each.x[-1]}"
        )
        verdicts.append(_moderation(each, best))
    low, high = MODERATE
    return Finding(
        source,
        "EI+L2O reduces the variance most at moderate K relative to n.",
        ("Variance of EI+L2O over EI's, mean of ratios ± standard error:", *parts),
        f"holds if the mean ratio is lowest at {low:g} n <= K <= {high:g} n and below 1 there; in part if the lowest "
        "is at another K between the smallest and the largest; does not hold if it is at one of these two",
        combined(verdicts),
        {f"n{each.n}": each.numbers() for each in found},
    )


def _moderation(each: Ratios, best: int) -> Verdict:
    if best in (each.x[0], each.x[-1]) or each.each.mean.min() >= 1:
        return FAILS
    return HOLDS if MODERATE[0] * each.n <= best <= MODERATE[1] * each.n else IN_PART


def _support(each: Ratios, best: int, seed: int, resamples: int = 2000) -> float:
    """Share of bootstrap resamples of the bandits in which the mean ratio is lowest at the same K."""
    rng = np.random.default_rng(derive_seed(seed, "findings", "lowest", each.n))
    bandits = len(each.each.values)
    weights = rng.multinomial(bandits, np.full(bandits, 1 / bandits), resamples)
    lowest = (weights @ each.each.values).argmin(axis=1)
    return float((lowest == each.x.index(best)).mean())


def _few_comparators(found: Sequence[Ratios], source: str) -> Finding:
    """Few comparators left to the baseline (K close to n) diminish the reduction."""
    parts, verdicts, numbers = [], [], {}
    for each in found:
        best, rise = _rise_to_the_last(each)
        measured = with_interval(rise) if len(each.each.values) >= SPLIT else "too few bandits to tell"
        parts.append(f"n = {each.n}: {measured}, lowest at K = {each.x[best]}")
        verdicts.append(HOLDS if rise.low > 0 and len(each.each.values) >= SPLIT else FAILS)
        numbers[f"n{each.n}"] = {
            "lowest_at": each.x[best],
            "rise": listed(rise),
            "mean_of_ratios": each.each.mean.tolist(),
        }
    return Finding(
        source,
        "With K close to n too few comparators are left for the baseline, and the reduction diminishes.",
        (
            "Ratio at the largest K minus that at the K where half of the bandits have the lowest mean, on the other "
            "half (95 % interval):",
            *parts,
        ),
        "holds if the interval is above 0; choosing K on other bandits than those compared keeps the choice from "
        "widening the difference",
        combined(verdicts),
        numbers,
    )


def _rise_to_the_last(each: Ratios) -> tuple[int, Interval]:
    """Return the place of the K of the lowest mean ratio in every other bandit, and the rise from it in the others."""
    chosen, compared = each.each.values[::2], each.each.values[1::2]
    best = int(chosen.mean(axis=0).argmin())
    return best, mean_of(compared[:, -1] - compared[:, best])
