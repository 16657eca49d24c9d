"""Noise in detail, from the stored block sums: by kind of bandit and (n, K), and by the number of groups averaged."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from maxpo_bench.leaderboard.noise import BlockSums, NoiseMetrics, noise_metrics, ratio_interval, usable
from maxpo_bench.leaderboard.score import REFERENCE
from maxpo_bench.leaderboard.store import ScoredEntry
from maxpo_bench.leaderboard.suite import SUITES, Instance
from maxpo_bench.moments.gradient import eta

ETA_BATCHES = tuple(2**power for power in range(13))
"""Numbers of groups of the eta curve: 1, 2, 4, ..., 4096."""
Group = tuple[str, int, int]


def reference_of(stored: Sequence[ScoredEntry]) -> ScoredEntry:
    """Return the score of the reference.

    Raises:
        ValueError: it has none.
    """
    for item in stored:
        if item.entry.name == REFERENCE:
            return item
    raise ValueError(
        f"no score of the reference {REFERENCE} among the stored ones: call `maxpo-bench leaderboard --score` first"
    )


def family_figures(scored: ScoredEntry, reference: ScoredEntry) -> list[dict[str, Any]]:
    """Noise by kind of bandit and (n, K), in the order of the suite.

    All means are geometric, over the bandits of one kind at one (n, K). Intervals are made as those of the table's
    column, paired with the reference.

    Args:
        scored: the entry.
        reference: the score of the reference on the same suite.

    Returns:
        ``family``, ``n``, ``k``, ``b95_ratio`` (infinite ones count as `B95_CAP`), ``b95_low``, ``b95_high``, ``nsr``,
        ``groups`` (B95 itself), ``solved`` (share of the bandits with a finite B95). Numbers are None where the
        estimator is not defined or too noisy for the number of groups; ``nsr`` and ``groups`` also where infinite.

    Raises:
        ValueError: the raw sums are not those of the entry's suite.
    """
    return [
        {"family": family, "n": n, "k": k, **_figures(ours, theirs)}
        for (family, n, k), ours, theirs in _by_family(scored, reference)
    ]


def eta_curve(noise: Sequence[BlockSums | None]) -> list[float] | None:
    """Share of the exact-gradient step kept at each of `ETA_BATCHES`, mean over bandits.

    None where a bandit is missing or too noisy, as in the table.
    """
    measured = usable(noise)
    if not measured:
        return None
    metrics = [plain_metrics(sums) for sums in measured]
    return [
        float(np.mean([eta(float(each.cos[0]), float(each.nsr[0]), batches) for each in metrics]))
        for batches in ETA_BATCHES
    ]


def plain_metrics(sums: BlockSums) -> NoiseMetrics:
    """Metrics of one bandit from all of its blocks, each [1]."""
    return noise_metrics(sums, np.ones((1, len(sums.dot))))


def _by_family(
    scored: ScoredEntry, reference: ScoredEntry
) -> Iterator[tuple[Group, list[BlockSums | None], list[BlockSums | None]]]:
    instances = SUITES.get(scored.entry.suite).instances()
    if not len(instances) == len(scored.noise) == len(reference.noise):
        raise ValueError(
            f"{scored.entry.name} and {reference.entry.name} hold {len(scored.noise)} and {len(reference.noise)} "
            f"bandits, suite {scored.entry.suite} has {len(instances)}: score them again"
        )

    def key(row: tuple[Instance, BlockSums | None, BlockSums | None]) -> Group:
        return row[0].family, row[0].n, row[0].k

    rows = zip(instances, scored.noise, reference.noise, strict=True)
    for group, members in groupby(rows, key):
        found = list(members)
        yield group, [ours for _, ours, _ in found], [theirs for _, _, theirs in found]


def _figures(ours: Sequence[BlockSums | None], theirs: Sequence[BlockSums | None]) -> dict[str, float | None]:
    measured, base = usable(ours), usable(theirs)
    if measured is None or base is None:
        return dict.fromkeys(("b95_ratio", "b95_low", "b95_high", "nsr", "groups", "solved"))
    ratio = ratio_interval(measured, base, "b95")
    metrics = [plain_metrics(sums) for sums in measured]
    return {
        "b95_ratio": ratio.value,
        "b95_low": ratio.low,
        "b95_high": ratio.high,
        "nsr": _geometric_mean([float(each.nsr[0]) for each in metrics]),
        "groups": _geometric_mean([float(each.b95[0]) for each in metrics]),
        "solved": float(np.mean([np.isfinite(each.b95[0]) for each in metrics])),
    }


def _geometric_mean(values: Sequence[float]) -> float | None:
    """Return the geometric mean of positive numbers; None where one is infinite or not positive."""
    if not all(0.0 < value < math.inf for value in values):
        return None
    return math.exp(float(np.mean(np.log(values))))
