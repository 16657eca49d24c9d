"""Estimators that are sums over reward gaps: what one gap pays to the samples above it and to those below it.

EI, EI+L1O, EI+L2O, PKPO's two, the all-subsets rewards and REINFORCE are all of the form

    A_i = offset * r_min + sum over the gaps d between neighbouring reward levels of d * above(c)   for gaps below r_i
                                                                             and of d * below(c)   for gaps above r_i

where c is the number of samples of the group at or below the gap. Such an estimator is known from its answers to the
n + 1 groups of c zeros and n - c ones; whether an estimator is of the form is then tested on other groups.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from maxpo_bench.estimators import Estimator
from maxpo_bench.moments.blackbox import check_estimators, evaluate
from maxpo_bench.moments.gradient import FloatArray
from maxpo_bench.seeding import derive_seed

TOLERANCE = 1e-10
"""Largest deviation of an estimator from its table, as a share of the group's largest advantage."""

ROUNDING = 1e-13
"""The same, as a share of the group's largest reward in absolute value: what rounding the rewards costs."""

PROBES = 48
"""Random groups of each kind on which a table is tested."""


@dataclass(frozen=True, eq=False)
class GapTable:
    """What one unit of reward gap pays, by the number c = 0..n of samples at or below it.

    Args:
        above: paid to each sample above the gap, [n+1]; ``above[0]`` is what a group of ones gets.
        below: paid to each sample at or below the gap, [n+1].
    """

    above: FloatArray
    below: FloatArray

    @property
    def n(self) -> int:
        """Group size."""
        return len(self.above) - 1

    @property
    def offset(self) -> float:
        """Advantage of every sample of a group of ones: 0 for estimators that don't see a shift of the rewards."""
        return float(self.above[0])

    @property
    def total(self) -> FloatArray:
        """Sum of the group's advantages for one unit of gap, [n+1]; 0 for centred estimators."""
        count = np.arange(self.n + 1)
        return (self.n - count) * self.above + count * self.below

    @property
    def is_centred(self) -> bool:
        """Do the advantages of every group add up to 0, up to rounding?"""
        largest = max(np.abs(self.above).max(), np.abs(self.below).max())
        return bool(np.abs(self.total).max() <= TOLERANCE * self.n * largest)

    def advantages(self, rewards: FloatArray) -> FloatArray:
        """Return the advantages of groups [rows, n]."""
        order = rewards.argsort(axis=1)
        values = np.take_along_axis(rewards, order, axis=1)
        gaps = np.diff(values, axis=1)
        paid_above, paid_below = gaps * self.above[1:-1], gaps * self.below[1:-1]
        by_rank = np.broadcast_to(self.offset * values[:, :1], rewards.shape).copy()
        by_rank[:, 1:] += paid_above.cumsum(axis=1)
        by_rank[:, :-1] += paid_below[:, ::-1].cumsum(axis=1)[:, ::-1]
        result = np.empty_like(by_rank)
        np.put_along_axis(result, order, by_rank, axis=1)
        return result


def gap_table(estimator: Estimator, n: int, probes: FloatArray | None = None, *, seed: int = 0) -> GapTable | None:
    """Return the estimator's table for groups of ``n``, or None if its advantages are no such sums.

    The table is read off the groups of zeros and ones and tested on random groups of several kinds (normal, tied,
    heavy-tailed, shifted, tiny; in random order) and on ``probes``. A test, not a proof: an estimator that behaves
    otherwise only on groups that were not tried is not found out, so give probes from where it is to be used.

    Args:
        estimator: any estimator; one for binary rewards has no table.
        n: samples per group.
        probes: further groups to test it on, [rows, n].
        seed: of the random groups.

    Raises:
        CertificateError: the estimator fails on some group (the message shows it).
        ValueError: a group size that the estimator does not take.
    """
    check_estimators([estimator])
    estimator.check_group_size(n)
    if estimator.domain == "binary":
        return None
    steps = 1.0 - np.tri(n + 1, n, -1)  # row c: c zeros, then n - c ones
    answers = evaluate(estimator, steps)
    table = GapTable(
        above=np.append(answers[:-1, -1], 0.0),
        below=np.insert(answers[1:, 0], 0, 0.0),
    )
    rows = _probes(n, seed)
    rows = np.concatenate([steps, rows] if probes is None else [steps, rows, probes])
    found = np.concatenate([answers, evaluate(estimator, rows[n + 1 :])])
    allowed = TOLERANCE * np.abs(found).max(axis=1) + ROUNDING * np.abs(rows).max(axis=1)
    return table if (np.abs(found - table.advantages(rows)).max(axis=1) <= allowed).all() else None


def _probes(n: int, seed: int) -> FloatArray:
    rng = np.random.default_rng(derive_seed(seed, "gap table", n))
    shape = (PROBES, n)
    normal = rng.standard_normal(shape)
    kinds = [
        normal,
        rng.integers(0, 4, shape).astype(np.float64),
        rng.standard_cauchy(shape),
        100.0 * rng.standard_normal(shape) + 1e3,
        1e-3 * rng.standard_normal(shape) - 1.0,
        rng.random(shape) * (rng.random(shape) < 0.2),
    ]
    return np.concatenate(kinds)
