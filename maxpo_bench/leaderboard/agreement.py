"""Does a rerun on fresh seeds agree with a stored score? Each metric within the joint interval of both runs.

Both runs are of the same size and independent of each other, so that under agreement every difference is symmetric
around zero. A metric agrees if the difference is within ``t * sqrt(s0^2 + s1^2)``, with s0 and s1 the jackknife errors
over the blocks of the two runs and t from Student's distribution with Welch's degrees of freedom, at a level that makes
`FALSE_ALARM` the chance of any false alarm in a whole verification (Bonferroni). The maze's returns, of which there are
few and some are zero, are compared by permutation tests, which are exact.

A logarithm near zero has no useful error. Ratios are therefore taken over the bandits where both runs are far from
zero, by `DECIDED` errors; at the other ones the quantity itself is compared, bandit by bandit, at half of the metric's
level. What is not random (the certificate, where the estimator is defined, its constants) must be equal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats as scipy_stats

from maxpo_bench.leaderboard.entry import B95_CAP
from maxpo_bench.leaderboard.noise import BlockSums, jackknife_weights, noise_metrics
from maxpo_bench.leaderboard.scored import ScoredEntry
from maxpo_bench.moments.gradient import ETA_TARGET
from maxpo_bench.stats import iqm

Array = NDArray[np.float64]

FALSE_ALARM = 5e-4
"""Of a whole verification; the Student approximation leaves room below the 1e-3 that is promised."""
METRICS = ("B95 ratio", "solved", "variance ratio", "NSR", "maze return")
"""What is compared with an error."""
LEVEL = FALSE_ALARM / len(METRICS)
DECIDED = 10.0
ROUNDING = 1e-6
"""Relative differences below this are rounding: block sums are stored with eight digits."""
RESAMPLES = 99_999


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One metric of a stored score against that of its rerun.

    Attributes:
        metric: its name.
        stored: its value in the stored score, over the bandits that are compared; None where there is none.
        rerun: the same in the rerun.
        low: smallest value of the rerun that agrees, or None where equality is asked for.
        high: largest one.
        agrees: does the rerun agree?
        note: what a reader has to know: over which bandits, what differs.
    """

    metric: str
    stored: float | str | None
    rerun: float | str | None
    low: float | None = None
    high: float | None = None
    agrees: bool
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        parts = []
        if self.stored is not None or self.rerun is not None:
            allowed = "" if self.low is None else f" ({_text(self.low)} to {_text(self.high)} agree)"
            parts = [f"{_text(self.stored)} stored, {_text(self.rerun)} rerun{allowed}"]
        return f"{self.metric}: {': '.join([*parts, *[self.note] * bool(self.note)])}"


@dataclass(frozen=True)
class Run:
    """One run of an estimator, with the reference on the same groups."""

    scored: ScoredEntry
    reference: ScoredEntry


def compare(stored: Run, rerun: Run, rng: np.random.Generator) -> list[Comparison]:
    """Compare a stored score with its rerun on fresh seeds.

    Args:
        stored: the stored score and the stored reference's.
        rerun: the rerun and the reference, rerun on the same groups.
        rng: generator of the permutations.
    """
    pairs = _Pairs.of(stored, rerun)
    return [
        _same_kind(stored, rerun),
        pairs.same_bandits(),
        pairs.b95(),
        pairs.solved(),
        pairs.variance(),
        pairs.nsr(),
        _maze(stored.scored.learning, rerun.scored.learning, rng),
    ]


def _same_kind(stored: Run, rerun: Run) -> Comparison:
    first, second = stored.scored.entry.kind, rerun.scored.entry.kind
    return Comparison(metric="certificate", stored=first, rerun=second, agrees=first == second)


@dataclass(frozen=True)
class _Estimates:
    """A quantity of every bandit with its jackknife error, each [bandits], from replicates [bandits, 1 + B]."""

    rows: Array

    @property
    def value(self) -> Array:
        return self.rows[:, 0]

    @property
    def error_sq(self) -> Array:
        blocks = self.rows.shape[1] - 1
        without = self.rows[:, 1:]
        with np.errstate(invalid="ignore"):  # infinite ones have no error; `is_decided` leaves them out
            return (blocks - 1) / blocks * ((without - without.mean(1, keepdims=True)) ** 2).sum(1)

    def is_decided(self, border: float = 0.0) -> NDArray[np.bool_]:
        """Is it above the border by many errors?"""
        with np.errstate(invalid="ignore"):
            return np.isfinite(self.rows).all(1) & (self.value - border > DECIDED * np.sqrt(self.error_sq))


@dataclass(frozen=True)
class _Bandits:
    """What one run gives on the bandits that both runs have; each [bandits, 1 + B]."""

    alignment_of_direction: Array
    b95: Array
    reference_b95: Array
    signal: Array
    variance: Array
    reference_variance: Array
    alignment: Array

    @classmethod
    def of(cls, entry: Sequence[BlockSums], reference: Sequence[BlockSums]) -> _Bandits:
        with np.errstate(divide="ignore", invalid="ignore"):
            ours, theirs = (
                [noise_metrics(sums, jackknife_weights(len(sums.dot))) for sums in run] for run in (entry, reference)
            )
            table = {
                "alignment_of_direction": [m.cos * np.abs(m.cos) for m in ours],
                "b95": [m.b95 for m in ours],
                "reference_b95": [m.b95 for m in theirs],
                "signal": [np.where(m.nsr > 0, 1.0 / m.nsr, np.inf) for m in ours],
                "variance": [m.variance for m in ours],
                "reference_variance": [m.variance / m.alignment**2 for m in theirs],
                "alignment": [m.alignment for m in ours],
            }
        return cls(**{name: np.array(rows) if rows else np.zeros((0, 2)) for name, rows in table.items()})


@dataclass(frozen=True)
class _Pairs:
    """The bandits that both runs measured, and those that only one did."""

    names: list[str]
    one_sided: list[str]
    first: _Bandits
    second: _Bandits
    constants: list[tuple[float | None, float | None]]

    @classmethod
    def of(cls, stored: Run, rerun: Run) -> _Pairs:
        both, one_sided = [], []
        bases = zip(stored.reference.noise, rerun.reference.noise, strict=True)
        for first, second, (base, again) in zip(stored.scored.noise, rerun.scored.noise, bases, strict=True):
            if first is not None and second is not None and base is not None and again is not None:
                both.append((first, base, second, again))
            elif first is not None or second is not None:
                one_sided.append((first or second or BlockSums("", 0, 0.0, None, [], [], [])).instance)
        columns = [list(column) for column in zip(*both, strict=True)] or [[], [], [], []]
        return cls(
            names=[sums.instance for sums in columns[0]],
            one_sided=one_sided,
            first=_Bandits.of(columns[0], columns[1]),
            second=_Bandits.of(columns[2], columns[3]),
            constants=[(a.constant, b.constant) for a, b in zip(columns[0], columns[2], strict=True)],
        )

    def same_bandits(self) -> Comparison:
        """The estimator is defined on the same bandits, with the same certified constants."""
        other = [name for name, pair in zip(self.names, self.constants, strict=True) if not _same_constant(*pair)]
        notes = [f"measured in one run only: {_listed(self.one_sided)}"] if self.one_sided else []
        notes += [f"another certified constant at {_listed(other)}"] if other else []
        count = len(self.names)
        return Comparison(
            metric="bandits",
            stored=float(count),
            rerun=float(count),
            agrees=not notes,
            note="; ".join(notes) or "measured in both runs, with equal certified constants",
        )

    def b95(self) -> Comparison:
        """Geometric mean of the B95 ratio over the bandits that both runs solve beyond doubt."""
        chosen = self._decided("alignment_of_direction", ETA_TARGET)
        chosen &= np.isfinite(self.first.reference_b95).all(1) & np.isfinite(self.second.reference_b95).all(1)
        chosen &= (self.first.b95 > 0).all(1) & (self.second.b95 > 0).all(1)
        first, second = (
            np.log(np.minimum(run.b95[chosen] / run.reference_b95[chosen], B95_CAP))
            for run in (self.first, self.second)
        )
        return self._geometric("B95 ratio", first, second, LEVEL, "solved beyond doubt in both runs")

    def solved(self) -> Comparison:
        """Share of the bandits with a finite B95; a bandit may change sides where its cosine is within the interval."""
        first, second = (_Estimates(run.alignment_of_direction) for run in (self.first, self.second))
        if not self.names:
            return Comparison(metric="solved", stored=None, rerun=None, agrees=True, note="no bandit is measured")
        half = _half_width(first, second, LEVEL / len(self.names))
        before, after = (estimates.value > ETA_TARGET for estimates in (first, second))
        wrong = (before != after) & (np.abs(second.value - first.value) > half)
        return Comparison(
            metric="solved",
            stored=float(before.mean()),
            rerun=float(after.mean()),
            low=float((first.value - half > ETA_TARGET).mean()),
            high=float((first.value + half > ETA_TARGET).mean()),
            agrees=not wrong.any(),
            note=f"the squared cosine differs at {self._named(wrong)}" if wrong.any() else "",
        )

    def variance(self) -> Comparison:
        """Geometric mean of the total variance at matched scale, relative to the reference's."""
        chosen = self._decided("alignment") & self._decided("variance")
        first, second = (
            np.log(run.variance[chosen] / run.alignment[chosen] ** 2 / run.reference_variance[chosen])
            for run in (self.first, self.second)
        )
        found = self._geometric("variance ratio", first, second, LEVEL / 2, "pointing along the gradient in both runs")
        return self._with_rest(found, "alignment", ~chosen, "the alignment")

    def nsr(self) -> Comparison:
        """Geometric mean of the noise-to-signal ratio."""
        chosen = self._decided("signal")
        first, second = (-np.log(run.signal[chosen]) for run in (self.first, self.second))
        found = self._geometric("NSR", first, second, LEVEL / 2, "with a signal beyond doubt in both runs")
        return self._with_rest(found, "signal", ~chosen, "the signal-to-noise ratio")

    def _decided(self, name: str, border: float = 0.0) -> NDArray[np.bool_]:
        first, second = (_Estimates(getattr(run, name)) for run in (self.first, self.second))
        return first.is_decided(border) & second.is_decided(border)

    def _geometric(self, metric: str, first: Array, second: Array, level: float, which: str) -> Comparison:
        count = len(first)
        if not count:
            return Comparison(metric=metric, stored=None, rerun=None, agrees=True, note=f"no bandit is {which}")
        means = [float(logs[:, 0].mean()) for logs in (first, second)]
        half = _half_width_of_mean(_Estimates(first), _Estimates(second), level)
        stored, rerun = (float(np.exp(mean)) for mean in means)
        return Comparison(
            metric=metric,
            stored=stored,
            rerun=rerun,
            low=float(np.exp(means[0] - half)),
            high=float(np.exp(means[0] + half)),
            agrees=abs(means[1] - means[0]) <= half,
            note="" if count == len(self.names) else f"over the {count} of {len(self.names)} bandits {which}",
        )

    def _with_rest(self, found: Comparison, name: str, rest: NDArray[np.bool_], words: str) -> Comparison:
        """Compare a quantity at each of the bandits that are not part of the mean."""
        if not rest.any():
            return found
        first, second = (_Estimates(getattr(run, name)[rest]) for run in (self.first, self.second))
        half = _half_width(first, second, LEVEL / 2 / int(rest.sum()))
        with np.errstate(invalid="ignore"):
            apart = np.abs(second.value - first.value) > half
        wrong = np.zeros(len(rest), dtype=bool)
        wrong[rest] = apart | (np.isfinite(first.value) != np.isfinite(second.value))
        if not wrong.any():
            return found
        notes = [found.note] * bool(found.note) + [f"{words} differs at {self._named(wrong)}"]
        return Comparison(**{**found.to_dict(), "agrees": False, "note": "; ".join(notes)})

    def _named(self, which: NDArray[np.bool_]) -> str:
        return _listed([name for name, is_one in zip(self.names, which, strict=True) if is_one])


def _half_width(first: _Estimates, second: _Estimates, level: float) -> Array:
    """Half widths of the joint intervals of both runs, for each bandit by itself."""
    parts = np.stack([first.error_sq, second.error_sq], 1)
    scale = np.maximum(np.abs(first.value), np.abs(second.value))
    return _student(parts, level, first.rows.shape[1] - 2) + ROUNDING * np.where(np.isfinite(scale), scale, 0.0)


def _half_width_of_mean(first: _Estimates, second: _Estimates, level: float) -> float:
    """Half width of the joint interval of the mean over bandits of a logarithm."""
    parts = np.concatenate([first.error_sq, second.error_sq])[None] / len(first.rows) ** 2
    return float(_student(parts, level, first.rows.shape[1] - 2)[0]) + ROUNDING


def _student(parts: Array, level: float, freedom: int) -> Array:
    """``t * sqrt(sum of squared errors)`` for each row of parts [rows, parts], with Welch's degrees of freedom."""
    total = parts.sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        degrees = np.where(total > 0, total**2 / ((parts**2).sum(1) / freedom), freedom)
    return scipy_stats.t.isf(level / 2, np.nan_to_num(degrees, nan=freedom)) * np.sqrt(np.nan_to_num(total, posinf=0.0))


def _maze(stored: dict[str, Any] | None, rerun: dict[str, Any] | None, rng: np.random.Generator) -> Comparison:
    """The returns, by their interquartile mean and, as that ignores the half of few seeds, by their mean."""
    if stored is None or rerun is None:
        first, second = (None if run is None else iqm(run["returns"]) for run in (stored, rerun))
        return Comparison(metric="maze return", stored=first, rerun=second, agrees=stored is rerun)
    first, second = (np.array(run["returns"], dtype=np.float64) for run in (stored, rerun))
    half = _permuted(first, second, _iqm_difference, rng)
    half_of_mean = _permuted(first, second, _mean_difference, rng)
    means = float(iqm(first)), float(iqm(second))
    same_mean = abs(float(second.mean() - first.mean())) <= half_of_mean
    notes = [f"interquartile means, both with step size {stored['learning_rate']:g}"]
    if not same_mean:
        notes.append(
            f"the plain means are {first.mean():.5g} and {second.mean():.5g}, {half_of_mean:.3g} may lie between"
        )
    return Comparison(
        metric="maze return",
        stored=means[0],
        rerun=means[1],
        low=means[0] - half,
        high=means[0] + half,
        agrees=abs(means[1] - means[0]) <= half and same_mean,
        note="; ".join(notes),
    )


def _permuted(first: Array, second: Array, difference: Callable[..., Array], rng: np.random.Generator) -> float:
    """Largest difference that seeds dealt to the two runs at random reach at half of the metric's level."""
    found = scipy_stats.permutation_test(
        (second, first), difference, vectorized=True, n_resamples=RESAMPLES, batch=10_000, rng=rng
    )
    sizes = np.sort(np.abs(found.null_distribution))[::-1]
    beyond = int(LEVEL / 2 * (len(sizes) + 1))
    return float(sizes[max(beyond - 1, 0)]) + ROUNDING * float(np.abs([*first, *second]).max())


def _iqm_difference(first: Array, second: Array, axis: int = -1) -> Array:
    return np.asarray(scipy_stats.trim_mean(first, 0.25, axis=axis) - scipy_stats.trim_mean(second, 0.25, axis=axis))


def _mean_difference(first: Array, second: Array, axis: int = -1) -> Array:
    return np.asarray(first.mean(axis=axis) - second.mean(axis=axis))


def _same_constant(first: float | None, second: float | None) -> bool:
    if first is None or second is None:
        return first is second
    return abs(first - second) <= ROUNDING * max(abs(first), abs(second))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _text(value: float | str | None) -> str:
    return "none" if value is None else value if isinstance(value, str) else f"{value:.5g}"
