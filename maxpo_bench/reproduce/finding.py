"""Findings: a statement of the paper, what was measured, and the verdict that a stated rule gives on the numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from maxpo_bench.plots.frames import Frame
from maxpo_bench.stats import Interval, mean_interval

Verdict = Literal["holds", "holds in part", "does not hold", "undecided", ""]
Floats = NDArray[np.float64]

HOLDS: Verdict = "holds"
IN_PART: Verdict = "holds in part"
FAILS: Verdict = "does not hold"
UNDECIDED: Verdict = "undecided"
NO_CLAIM: Verdict = ""


@dataclass(frozen=True)
class Finding:
    """One statement beside the measurement.

    Attributes:
        source: where the paper states it, or "check" for a check of this suite.
        statement: in our words.
        measured: the figures, in words, one line each.
        rule: when it holds, holds in part, does not hold.
        verdict: what the rule says of the figures; empty where nothing is claimed.
        numbers: the figures.
    """

    source: str
    statement: str
    measured: tuple[str, ...]
    rule: str
    verdict: Verdict
    numbers: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self) | {"measured": list(self.measured), "numbers": dict(self.numbers)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Finding:
        """Read what `to_dict` wrote.

        Raises:
            KeyError: a key is missing.
        """
        names = ("source", "statement", "rule", "verdict", "numbers")
        return cls(measured=tuple(data["measured"]), **{name: data[name] for name in names})


@dataclass(frozen=True, eq=False)
class Table:
    """Values of one estimator at one setting but for what varies.

    Attributes:
        x: what varies, `[X]` ascending.
        values: `[B, X]`, one row per bandit.
    """

    x: NDArray[np.int64]
    values: Floats

    @property
    def mean(self) -> Floats:
        """Mean over bandits, `[X]`."""
        return self.values.mean(axis=0)

    @property
    def standard_error(self) -> Floats:
        """Standard error of the mean, `[X]`."""
        return self.values.std(axis=0, ddof=1) / np.sqrt(len(self.values))

    def at(self, x: int) -> Floats:
        """Values at one x, `[B]`."""
        return self.values[:, int(np.flatnonzero(self.x == x)[0])]


def table(frame: Frame, estimator: str, x: str, *, kind: str | None = None) -> Table | None:
    """Return one estimator's values, bandits as rows; None where there are none.

    Args:
        frame: columns estimator, instance, value and `x`, one row for each of them (and each kind).
        estimator: name.
        x: column that varies.
        kind: only rows of this kind.
    """
    rows = frame[frame["estimator"] == estimator]
    if kind is not None:
        rows = rows[rows["kind"] == kind]
    if rows.empty:
        return None
    wide = rows.pivot(index="instance", columns=x, values="value").sort_index(axis=1).dropna(axis=1)
    return Table(wide.columns.to_numpy(dtype=np.int64), wide.to_numpy(dtype=np.float64))


def ratio(upper: Table, lower: Table) -> Table:
    """Return the ratio of two tables in each bandit, at the x that both have."""
    x = np.intersect1d(upper.x, lower.x)
    top, bottom = (each.values[:, np.isin(each.x, x)] for each in (upper, lower))
    return Table(x, top / bottom)


def combined(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the verdict on several cases of one statement: their common one, else that it holds in part."""
    found = set(verdicts)
    return found.pop() if len(found) == 1 else IN_PART


def mean_of(values: Floats, confidence: float = 0.95) -> Interval:
    """Student's interval of a mean over bandits; of constant values, the value itself."""
    if np.ptp(values) == 0:
        return Interval(float(values[0]), float(values[0]), float(values[0]), confidence)
    return mean_interval(values, confidence=confidence)


def shared(level: float, comparisons: int) -> float:
    """Return the confidence of each of several intervals that all hold with a chance of 1 - ``level`` (Bonferroni)."""
    return 1.0 - level / max(comparisons, 1)


def number(value: float) -> str:
    """Write a number with three digits."""
    return f"{value:.3g}"


def with_error(values: Floats) -> str:
    """Write a mean over bandits with its standard error."""
    return f"{number(float(values.mean()))} ± {values.std(ddof=1) / np.sqrt(values.size):.1g}"


def with_interval(interval: Interval) -> str:
    """Write an estimate with its 95 % interval, alone where that has no width."""
    if interval.high - interval.low <= 1e-9 * abs(interval.estimate):
        return number(interval.estimate)
    return f"{number(interval.estimate)} [{number(interval.low)}, {number(interval.high)}]"


def listed(interval: Interval) -> list[float]:
    """Return (estimate, low, high) as a list for JSON."""
    return [interval.estimate, interval.low, interval.high]
