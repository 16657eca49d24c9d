"""Which problems a report is of: nothing is left out unless asked for, and what is left out is counted."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from maxpo_bench.evaluation.samples import ProblemKey, ScoredSamples

_NAMED = 5


@dataclass(frozen=True)
class Selection:
    """A method's samples on the problems of a report.

    Attributes:
        samples: those kept.
        too_short: problems left out because they have too few samples.
        not_common: problems left out because another method lacks them, or has too few samples of them.
    """

    samples: ScoredSamples
    too_short: int
    not_common: int


def select(
    methods: Sequence[ScoredSamples], largest_k: int | None, *, common: bool, skip_short: bool
) -> list[Selection]:
    """Choose the problems of each method.

    Args:
        methods: all that are in the report.
        largest_k: the most samples that a problem must have; None if no k was asked for.
        common: keep only problems that all methods have.
        skip_short: keep only problems with `largest_k` samples, instead of raising.

    Raises:
        ValueError: a problem has fewer than `largest_k` samples, or nothing would be left.
    """
    if skip_short and largest_k is None:
        raise ValueError(
            "leaving short problems out (skip_short, --skip-short) needs k (ks, --k): give the largest one"
        )
    if largest_k is not None and not skip_short:
        for each in methods:
            _check_enough(each, largest_k)
    least = largest_k if skip_short and largest_k is not None else 0
    kept = [_long_enough(each, least) for each in methods]
    shared = frozenset.intersection(*kept) if common else None
    if common and not shared:
        names = ", ".join(each.label for each in methods)
        raise ValueError(f"no problem is common to {names}: {_benchmarks_text(methods)}")
    return [_selection(each, keys, keys & shared if shared else keys) for each, keys in zip(methods, kept, strict=True)]


def check_same_problems(methods: Sequence[ScoredSamples]) -> None:
    """Raise ValueError if not all methods have the same problems; the message says which are where."""
    last = methods[-1]
    for each in methods[:-1]:
        mine, theirs = set(each.keys), set(last.keys)
        if mine == theirs:
            continue
        parts = [
            f"{_listed(keys)} only in {label}"
            for keys, label in ((mine - theirs, each.label), (theirs - mine, last.label))
            if keys
        ]
        remedy = "restrict both to the common ones (common=True, --common)"
        if not mine & theirs:
            remedy = f"they have none in common ({_benchmarks_text([each, last])})"
        raise ValueError(f"{each.label} and {last.label} have different problems: {'; '.join(parts)}: {remedy}")


def name_of(key: ProblemKey) -> str:
    """Return a problem's id, after its benchmark unless the id says it."""
    benchmark, problem = key
    return problem if problem.startswith(f"{benchmark}/") else f"{benchmark}/{problem}"


def _long_enough(method: ScoredSamples, least: int) -> frozenset[ProblemKey]:
    keys = (key for key, samples in zip(method.keys, method.num_samples, strict=True) if samples >= least)
    if kept := frozenset(keys):
        return kept
    most = int(method.num_samples.max())
    raise ValueError(f"no problem of {method.label} has {least} samples, the most are {most}: lower k")


def _selection(method: ScoredSamples, long: Collection[ProblemKey], kept: Collection[ProblemKey]) -> Selection:
    return Selection(method.restricted_to(kept), len(method.keys) - len(long), len(long) - len(kept))


def _check_enough(method: ScoredSamples, k: int) -> None:
    fewest, key = method.fewest()
    if fewest < k:
        raise ValueError(
            f"k={k} needs at least {k} samples of every problem, {method.label} has {fewest} of {name_of(key)}: "
            "lower k, draw more samples, or leave such problems out (skip_short, --skip-short)"
        )


def _listed(keys: set[ProblemKey]) -> str:
    names = [name_of(key) for key in sorted(keys)]
    rest = len(names) - _NAMED
    named = ", ".join(names[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")
    return f"{len(names)} problem{'s' * (len(names) > 1)} ({named})"


def _benchmarks_text(methods: Sequence[ScoredSamples]) -> str:
    return "; ".join(
        f"{each.label} has benchmark{'s' * (len(each.benchmarks) > 1)} {', '.join(each.benchmarks)}" for each in methods
    )
