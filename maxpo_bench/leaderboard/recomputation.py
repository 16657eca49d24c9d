"""Does a stored score follow from its own seeds? What is scored again on them must come out the same.

Fresh seeds test what is random. They say nothing of what was written into a file by hand where the right figure is not
random: the bias, the cosines, a fingerprint that hides whose copy an entry is, the chosen step size. All of these are
computed once more on the entry's own seeds and compared up to rounding.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from maxpo_bench.leaderboard.agreement import Comparison
from maxpo_bench.leaderboard.entry import Interval
from maxpo_bench.leaderboard.scored import ScoredEntry
from maxpo_bench.stats import iqm

RELATIVE = 1e-5
ABSOLUTE = 1e-7
"""Differences up to these are rounding, on whatever processor."""
TIE = 0.01
"""Step sizes whose tuning returns differ by less than this share of the best are as good as each other."""
COLUMNS = (
    *("origin", "kind", "track", "scale", "domain", "solved", "nsr", "cosine_min", "cosine_median", "bias"),
    *("eta", "centring"),
)
PLATFORM = ("python", "torch", "numpy", "processor")


def recompute(stored: ScoredEntry, again: ScoredEntry) -> Comparison:
    """Compare a stored score with the score of the same estimator on the same seeds.

    Args:
        stored: as it was read.
        again: made now, by the same scorer.
    """
    differing = [*_columns(stored, again), *_parts(stored, again), *_learning(stored, again)]
    return Comparison(
        metric="own seeds",
        stored=None,
        rerun=None,
        agrees=not differing,
        note="; ".join(differing) or "scored once more, the score is the same",
    )


def _columns(stored: ScoredEntry, again: ScoredEntry) -> list[str]:
    pairs = {name: (getattr(stored.entry, name), getattr(again.entry, name)) for name in COLUMNS}
    return [
        f"{name} is {_text(second)}, stored is {_text(first)}"
        for name, (first, second) in pairs.items()
        if not is_close(_plain(first), _plain(second))
    ]


def _parts(stored: ScoredEntry, again: ScoredEntry) -> list[str]:
    differing = []
    for first, second in zip(stored.noise, again.noise, strict=True):
        one = first or second
        if one is not None and (first is None or second is None):
            differing.append(f"bandit {one.instance} is measured in one score only")
        elif first is not None and second is not None:
            sums = [[each.sum_sq, each.dot, each.full_gram().ravel().tolist()] for each in (first, second)]
            fixed = [[each.num_groups, each.truth_sq, each.constant] for each in (first, second)]
            if not is_close(*fixed) or not all(_is_close_for_its_size(*pair) for pair in zip(*sums, strict=True)):
                differing.append(f"the block sums of bandit {first.instance} are others")
    if _same_platform(stored, again) and not is_close(stored.certificate, again.certificate):
        differing.append("the certificate's figures are others")
    if not is_close(stored.fingerprint, again.fingerprint):
        differing.append("the fingerprint is another")
    return differing


def _learning(stored: ScoredEntry, again: ScoredEntry) -> list[str]:
    first, second = stored.learning, again.learning
    if first is None or second is None:
        return [] if first is second else ["the maze is trained in one score only"]
    differing = []
    value = stored.entry.learning.value
    if value is None or not is_close(value, iqm(first["returns"])):
        differing.append(f"maze return {_text(value)} is not that of the stored returns")
    rate = stored.entry.learning_rate
    best = max(second["tuning"].values())
    if rate != first["learning_rate"] or second["tuning"].get(str(rate), -math.inf) < best - TIE * abs(best):
        differing.append(f"the tuning chooses step size {second['learning_rate']:g}, stored is {_text(rate)}")
    elif _same_platform(stored, again):
        if not is_close(first["returns"], second["returns"]):
            differing.append("the returns on the maze are others")
        if not is_close(first.get("curve"), second.get("curve")):
            differing.append("the curve of learning is another")
        if not is_close(_plain(stored.entry.learning), _plain(again.entry.learning)):
            differing.append("the interval of the maze return is another")
    return differing


def _same_platform(stored: ScoredEntry, again: ScoredEntry) -> bool:
    """Training amplifies rounding, and so does a B95 at the edge: they are the same only where the arithmetic is."""
    return all(stored.entry.scorer.get(key) == again.entry.scorer.get(key) for key in PLATFORM)


def is_close(first: object, second: object) -> bool:
    """Are two values of plain JSON equal up to rounding?"""
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        return first.keys() == second.keys() and all(is_close(first[key], second[key]) for key in first)
    if isinstance(first, list | tuple) and isinstance(second, list | tuple):
        return len(first) == len(second) and all(map(is_close, first, second))
    if isinstance(first, bool) or isinstance(second, bool):
        return first is second
    if isinstance(first, int | float) and isinstance(second, int | float):
        return math.isclose(first, second, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    return first == second


def _is_close_for_its_size(first: Sequence[float], second: Sequence[float]) -> bool:
    """Are two lists equal up to rounding of their largest values?"""
    size = max(map(abs, [*first, *second]), default=0.0)
    return len(first) == len(second) and all(abs(a - b) <= RELATIVE * size for a, b in zip(first, second, strict=True))


def _plain(value: Any) -> Any:
    return value.to_dict() if isinstance(value, Interval) else value


def _text(value: Any) -> str:
    if isinstance(value, Interval):
        return _text(value.value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)
