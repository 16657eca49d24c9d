"""Support of correct answers beside the base model, averaged over training runs (Wu et al., arXiv 2507.14843)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from maxpo_bench.evaluation.run import EvaluatedRun, Series, base_of
from maxpo_bench.evaluation.support import SUPPORT_CLASSES, Support, support_of


@dataclass(frozen=True)
class MeanSupport:
    """Numbers of problems in each class, means over runs.

    Attributes:
        k: samples of each of the two models: the matched budget.
        num_problems: sum of the four counts.
        counts: by class, in the order of `SUPPORT_CLASSES`.
        runs: each run's own classes, by its name.
    """

    k: int
    num_problems: int
    counts: dict[str, float]
    runs: dict[str, Support]

    def to_dict(self) -> dict[str, Any]:
        """Return counts and each run's own classes for JSON."""
        return {
            "k": self.k,
            "num_problems": self.num_problems,
            **self.counts,
            "runs": {name: support.to_dict() for name, support in self.runs.items()},
        }


def matched_budget(series: Sequence[Series], benchmark: str) -> int | None:
    """Return the fewest samples of a problem that any run has on a benchmark: all runs are compared at so many."""
    fewest = [part.fewest()[0] for each in series for run in each.runs if (part := run.on(benchmark)) is not None]
    return min(fewest, default=None)


def mean_support(each: Series, series: Sequence[Series], benchmark: str, k: int) -> MeanSupport | None:
    """Classify a benchmark's problems by who finds a correct answer among k samples, run by run beside its own base.

    Args:
        each: the trained method.
        series: all of them, the base among them.
        benchmark: on which both have samples.
        k: samples of each.

    Returns:
        None where no run has both samples and a base with samples of the same problems.
    """
    found: dict[str, Support] = {}
    for run in each.runs:
        base = base_of(run, series)
        mine, theirs = run.on(benchmark), None if base is None else base.on(benchmark)
        if mine is not None and theirs is not None and mine.keys == theirs.keys:
            found[run.name] = support_of(mine, theirs, k)
    if not found:
        return None
    counts = {name: sum(getattr(part, name) for part in found.values()) / len(found) for name in SUPPORT_CLASSES}
    return MeanSupport(k, next(iter(found.values())).num_problems, counts, found)


def without_base(each: Series, series: Sequence[Series], benchmark: str) -> list[EvaluatedRun]:
    """Return the runs with samples on a benchmark whose base has none, or other problems."""
    missing: list[EvaluatedRun] = []
    for run in each.on([benchmark]):
        base = base_of(run, series)
        mine, theirs = run.on(benchmark), None if base is None else base.on(benchmark)
        if theirs is None or mine is None or mine.keys != theirs.keys:
            missing.append(run)
    return missing
