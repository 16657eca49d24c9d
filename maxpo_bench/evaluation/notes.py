"""What a reader of a report has to know of its data, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from maxpo_bench.evaluation.curves import Curves
from maxpo_bench.evaluation.selection import name_of

if TYPE_CHECKING:
    from maxpo_bench.evaluation.report import MethodResult

FEW_PROBLEMS = 100
"""Fewer make intervals near 0 and 1 clearly too narrow, see `maxpo_bench.evaluation.curves.estimate_curves`."""
_NOT_JUDGED = ("timeout", "crash")


def report_notes(
    results: Sequence[MethodResult], differences: Mapping[str, Curves], ks: tuple[int, ...] | None
) -> Iterator[str]:
    """Yield what was left out, what is missing, and what cannot be compared as it stands.

    Args:
        results: all methods; the last is what others are compared with if there are differences.
        differences: by label.
        ks: those asked for, None for the default ones.
    """
    for result in results:
        yield from _left_out(result)
        if ks is None:
            yield from _shortened(result)
        yield from _samples(result)
    sizes = {name: _size(each, name) for each in results for name in each.samples.benchmarks}
    few = ", ".join(f"{name} {size}" for name, size in sorted(sizes.items()) if 1 < size < FEW_PROBLEMS)
    if few:
        yield (
            f"Few problems ({few}): the true mean lies outside their intervals more often than the stated confidence "
            "allows, above all where it is near 0 or 100 %, or for differences where few problems differ. With 30 "
            "problems and a true mean of 94 %, for example, 95 % intervals hold it about 83 % of the time."
        )
    alone = sorted(
        {f"{name} of {each.label}" for each in results for name in each.samples.benchmarks if _size(each, name) == 1}
    )
    if alone:
        yield f"One problem cannot be resampled: no intervals for {', '.join(alone)}, nor for averages that hold it."
    if len({each.samples.keys for each in results}) > 1:
        yield (
            "The methods have different problems: their curves are not comparable as they are. "
            "--common leaves out what not all have."
        )
    if differences:
        yield from _unequal(results)


def _left_out(result: MethodResult) -> Iterator[str]:
    if result.too_short:
        yield f"{result.label}: {_count(result.too_short, 'problem')} left out for too few samples."
    if result.not_common:
        yield f"{result.label}: {_count(result.not_common, 'problem')} left out that not all methods have."


def _shortened(result: MethodResult) -> Iterator[str]:
    """Say where a problem with few samples ends the curve of its benchmark."""
    for name in result.samples.benchmarks:
        part = result.samples.of(name)
        fewest, key = part.fewest()
        most = int(part.num_samples.max())
        if fewest < most:
            yield (
                f"{result.label}: k ends at {fewest} on {name}, since {name_of(key)} has {_count(fewest, 'sample')} "
                f"where others have up to {most}. --k with --skip-short leaves such problems out."
            )


def _samples(result: MethodResult) -> Iterator[str]:
    total = int(result.samples.num_samples.sum())
    statuses = result.samples.statuses
    missed = {name: statuses[name] for name in _NOT_JUDGED if name in statuses}
    if missed:
        text = ", ".join(f"{name} {number}" for name, number in missed.items())
        count = _count(sum(missed.values()), "sample")
        yield f"{result.label}: {count} could not be judged ({text}) and count as wrong."
    if 0 < result.samples.unscored < total:
        yield f"{result.label}: {_count(result.samples.unscored, 'sample')} without a score, so there is no max@k."


def _unequal(results: Sequence[MethodResult]) -> Iterator[str]:
    """Say whose support is an expected one because numbers of samples differ."""
    *others, base = results
    for each in others:
        if each.samples.num_samples.tolist() != base.samples.num_samples.tolist():
            yield (
                f"{each.label} and {base.label} have different numbers of samples: their supports are compared by "
                "expected counts at the smaller number."
            )


def _size(result: MethodResult, benchmark: str) -> int:
    return sum(name == benchmark for name, _ in result.samples.keys)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
