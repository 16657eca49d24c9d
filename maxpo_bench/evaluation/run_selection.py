"""Which problems a report of several runs is of: all runs of a model have the same, or each seed's runs have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from maxpo_bench.evaluation.run import BASE, EvaluatedRun
from maxpo_bench.evaluation.samples import ScoredSamples
from maxpo_bench.evaluation.selection import Selection, check_same_problems, select


def select_runs(
    runs: Sequence[EvaluatedRun], ks: tuple[int, ...] | None, *, common: bool, skip_short: bool
) -> tuple[list[EvaluatedRun], list[str]]:
    """Choose the problems of each run, benchmark by benchmark among the runs of one family of models.

    Args:
        runs: all that are in the report.
        ks: numbers of draws asked for, None for the default ones. On a benchmark only those count that some problem
            has samples for: the paper goes to k = 1024 on three of five.
        common: keep only problems that all runs of the family have.
        skip_short: keep only problems with as many samples as the largest k that counts.

    Returns:
        The runs with what is left of their samples, and what was left out, in sentences.

    Raises:
        ValueError: runs of one model and seed have different problems, a problem has too few samples, or nothing is
            left.
    """
    kept: dict[int, list[ScoredSamples]] = {at: [] for at in range(len(runs))}
    notes: list[str] = []
    if skip_short and ks is None:
        raise ValueError("leaving short problems out (--skip-short) needs k (--k): give the largest one")
    for family in dict.fromkeys(run.family for run in runs):
        members = [at for at, run in enumerate(runs) if run.family == family]
        names = {name for at in members if (samples := runs[at].samples) for name in samples.benchmarks}
        for benchmark in sorted(names):
            parts = {at: part for at in members if (part := runs[at].on(benchmark)) is not None}
            largest = _largest(list(parts.values()), ks)
            labelled = [replace(part, label=f"{runs[at].name} on {benchmark}") for at, part in parts.items()]
            chosen = select(labelled, largest, common=common, skip_short=skip_short)
            for at, selection in zip(parts, chosen, strict=True):
                kept[at].append(selection.samples)
                notes += _left_out(selection)
            _check([(runs[at], each.samples) for at, each in zip(parts, chosen, strict=True)])
    return [replace(run, samples=_joined(run, kept[at])) for at, run in enumerate(runs)], notes


def _largest(parts: Sequence[ScoredSamples], ks: tuple[int, ...] | None) -> int | None:
    if ks is None:
        return None
    most = max(int(part.num_samples.max()) for part in parts)
    return max((k for k in ks if k <= most), default=None)


def _check(parts: Sequence[tuple[EvaluatedRun, ScoredSamples]]) -> None:
    """Raise unless all runs have the same problems, or else all trained runs of each seed."""
    if len({samples.keys for _, samples in parts}) == 1:
        return
    trained = [(run, samples) for run, samples in parts if run.method != BASE]
    if len({samples.keys for run, samples in trained if run.replicate == trained[0][0].replicate}) == 1:
        by_seed = {run.replicate: samples.keys for run, samples in trained}
        if all(by_seed[run.replicate] == samples.keys for run, samples in trained) and len(by_seed) > 1:
            return
    check_same_problems([samples for _, samples in parts])
    other = next(samples for _, samples in parts[1:] if samples.keys != parts[0][1].keys)
    check_same_problems([parts[0][1], other])


def _left_out(selection: Selection) -> list[str]:
    label = selection.samples.label
    reasons = (
        (selection.too_short, "for too few samples"),
        (selection.not_common, "that not all runs have"),
    )
    return [f"{label}: {count} problem{'s' * (count > 1)} left out {reason}." for count, reason in reasons if count]


def _joined(run: EvaluatedRun, parts: Sequence[ScoredSamples]) -> ScoredSamples | None:
    """Put the benchmarks of a run together again; they come in ascending order, and so do their keys."""
    if run.samples is None or not parts:
        return None
    return replace(
        run.samples,
        keys=tuple(key for part in parts for key in part.keys),
        num_samples=np.concatenate([part.num_samples for part in parts]),
        num_correct=np.concatenate([part.num_correct for part in parts]),
        scores=None,
    )
