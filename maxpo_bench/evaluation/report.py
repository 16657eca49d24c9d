"""Everything that files of scored samples say: pass@k of each method, differences to one of them, support."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from maxpo_bench.evaluation.curves import DEFAULT_RESAMPLES, Curves, PerProblem, doubling_ks, estimate_curves
from maxpo_bench.evaluation.maxk import max_at_k
from maxpo_bench.evaluation.notes import report_notes
from maxpo_bench.evaluation.passk import FloatArray, pass_at_k, sampling_error
from maxpo_bench.evaluation.samples import ScoredSamples
from maxpo_bench.evaluation.selection import Selection, check_same_problems, select
from maxpo_bench.evaluation.support import Support, support_of, unseen_bound

SCHEMA = "maxpo-bench pass@k 1"


@dataclass(frozen=True)
class MethodResult:
    """What one method's samples say.

    Attributes:
        samples: the counts that the figures are of, after what was left out.
        pass_at_k: curves of pass@k.
        max_at_k: curves of max@k of the scores; None unless every sample has one.
        sampling_errors: standard error of pass@1 due to the samples alone by benchmark, see `sampling_error`.
        too_short: problems left out because they have too few samples.
        not_common: problems left out because another method lacks them, or has too few samples of them.
    """

    samples: ScoredSamples
    pass_at_k: Curves
    max_at_k: Curves | None
    sampling_errors: Mapping[str, float | None]
    too_short: int
    not_common: int

    @property
    def label(self) -> str:
        """The method's name."""
        return self.samples.label

    def to_dict(self) -> dict[str, Any]:
        """Return the result for JSON."""
        parts = {name: self.samples.of(name) for name in self.samples.benchmarks}
        benchmarks = {
            name: {
                "num_problems": len(part.keys),
                "samples_per_problem": [int(part.num_samples.min()), int(part.num_samples.max())],
                "num_correct": int(part.num_correct.sum()),
                "pass_at_1_sampling_error": self.sampling_errors[name],
            }
            for name, part in parts.items()
        }
        return {
            "label": self.label,
            "files": list(self.samples.files),
            "num_problems": len(self.samples.keys),
            "num_samples": int(self.samples.num_samples.sum()),
            "statuses": dict(self.samples.statuses),
            "left_out": {"too_few_samples": self.too_short, "not_common": self.not_common},
            "benchmarks": benchmarks,
            "pass_at_k": self.pass_at_k.to_dict(),
            "max_at_k": None if self.max_at_k is None else self.max_at_k.to_dict(),
        }


@dataclass(frozen=True)
class Report:
    """Curves of several methods, and what distinguishes each from the one they are compared with.

    Attributes:
        methods: in the order given; `against` last.
        against: label of the method that the others are compared with.
        differences: pass@k of a method minus that of `against` on the same problems, by label.
        support: what a method finds beside `against`, by label and benchmark.
        confidence: of all intervals.
        resamples: of all bootstraps.
        seed: root of all resamples.
        notes: what a reader has to know of the data.
    """

    methods: tuple[MethodResult, ...]
    against: str | None
    differences: Mapping[str, Curves]
    support: Mapping[str, Mapping[str, Support]]
    confidence: float
    resamples: int
    seed: int
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return every figure for JSON; the keys are the same for all reports of one schema."""
        return {
            "schema": SCHEMA,
            "confidence": self.confidence,
            "resamples": self.resamples,
            "seed": self.seed,
            "methods": [method.to_dict() for method in self.methods],
            "against": self.against,
            "differences": {label: curves.to_dict() for label, curves in self.differences.items()},
            "support": {
                label: {name: self._support_dict(part) for name, part in parts.items()}
                for label, parts in self.support.items()
            },
            "notes": list(self.notes),
        }

    def _support_dict(self, part: Support) -> dict[str, Any]:
        bound = None if part.k is None else unseen_bound(part.k, self.confidence)
        return {**part.to_dict(), "unseen_bound": bound}


def make_report(
    methods: Sequence[ScoredSamples],
    against: ScoredSamples | None = None,
    *,
    ks: Sequence[int] | None = None,
    common: bool = False,
    skip_short: bool = False,
    support_at: int | None = None,
    confidence: float = 0.95,
    resamples: int = DEFAULT_RESAMPLES,
    seed: int = 0,
) -> Report:
    """Compute pass@k per benchmark and on average for each method, and compare each with `against`.

    Args:
        methods: at least one; labels are distinct.
        against: what the others are compared with: the base model, or another method.
        ks: numbers of draws; by default 1, 2, 4, ... up to the smallest number of samples of any problem of the
            benchmark, and that number.
        common: leave out problems that not all methods have. Without it, different problems are an error where there
            is `against`, and a note where there is not.
        skip_short: leave out problems with fewer samples than the largest of `ks`; without it they are an error.
        support_at: compare supports at this many samples, see `support_of`.
        confidence: of the intervals, in (0, 1).
        resamples: of the bootstraps.
        seed: root of the resamples; the same data and seed give the same report.

    Raises:
        ValueError: see the arguments; the message names problems and remedies.
    """
    everyone = [*methods, *([against] if against else [])]
    grid = None if ks is None else checked_ks(ks)
    _check_labels(methods, everyone)
    if support_at is not None and against is None:
        raise ValueError(f"support at k={support_at} needs a method to compare with (against, --against)")
    selections = select(everyone, None if grid is None else grid[-1], common=common, skip_short=skip_short)
    selected = [selection.samples for selection in selections]
    curves_of = partial(estimate_curves, seed=seed, confidence=confidence, resamples=resamples)
    differences: dict[str, Curves] = {}
    support: dict[str, dict[str, Support]] = {}
    if against is not None:
        check_same_problems(selected)
        *others, base = selected
        differences = {each.label: curves_of(_differences(each, base, grid)) for each in others}
        support = {
            each.label: {name: support_of(each.of(name), base.of(name), support_at) for name in base.benchmarks}
            for each in others
        }
    results = tuple(_result(selection, grid, curves_of) for selection in selections)
    label = None if against is None else against.label
    notes = tuple(report_notes(results, differences, grid))
    return Report(results, label, differences, support, confidence, resamples, seed, notes)


def checked_ks(ks: Sequence[int]) -> tuple[int, ...]:
    """Return distinct numbers of draws in ascending order.

    Raises:
        TypeError: one is no integer.
        ValueError: there is none, or one is below 1.
    """
    if not ks:
        raise ValueError("no k: give at least one, or none at all for 1, 2, 4, ...")
    for k in ks:
        if isinstance(k, bool) or not isinstance(k, int | np.integer):
            raise TypeError(f"k must be an integer, got {k!r}")
        if k < 1:
            raise ValueError(f"k must be at least 1, got {k}")
    return tuple(sorted({int(k) for k in ks}))


def _check_labels(methods: Sequence[ScoredSamples], everyone: Sequence[ScoredSamples]) -> None:
    if not methods:
        raise ValueError("no methods: give the samples of at least one")
    label, times = Counter(each.label for each in everyone).most_common(1)[0]
    if times > 1:
        raise ValueError(f"{times} methods are called {label!r}: give each a label of its own (label, --label)")


def _grid(parts: Sequence[ScoredSamples], ks: tuple[int, ...] | None) -> tuple[int, ...]:
    """Return the k asked for, or those that all parts of a benchmark have samples for."""
    return doubling_ks(min(part.fewest()[0] for part in parts)) if ks is None else ks


def _pass_values(samples: ScoredSamples, ks: tuple[int, ...]) -> FloatArray:
    return pass_at_k(samples.num_samples, samples.num_correct, np.array(ks))


def _result(
    selection: Selection, ks: tuple[int, ...] | None, curves_of: Callable[[Mapping[str, PerProblem]], Curves]
) -> MethodResult:
    samples = selection.samples
    parts = {name: samples.of(name) for name in samples.benchmarks}
    grids = {name: _grid([part], ks) for name, part in parts.items()}
    passed = {name: PerProblem(grids[name], _pass_values(part, grids[name])) for name, part in parts.items()}
    best: Curves | None = None
    if samples.scores is not None:
        values = {name: _max_values(part, grids[name]) for name, part in parts.items()}
        best = curves_of({name: PerProblem(grids[name], value) for name, value in values.items()})
    errors = {name: sampling_error(part.num_samples, part.num_correct) for name, part in parts.items()}
    return MethodResult(samples, curves_of(passed), best, errors, selection.too_short, selection.not_common)


def _max_values(samples: ScoredSamples, ks: tuple[int, ...]) -> FloatArray:
    return np.stack([max_at_k(scores, np.array(ks)) for scores in samples.scores or ()])


def _differences(method: ScoredSamples, base: ScoredSamples, ks: tuple[int, ...] | None) -> dict[str, PerProblem]:
    """Return each problem's pass@k of a method minus that of the base, by benchmark."""
    differences = {}
    for name in base.benchmarks:
        mine, theirs = method.of(name), base.of(name)
        grid = _grid([mine, theirs], ks)
        differences[name] = PerProblem(grid, _pass_values(mine, grid) - _pass_values(theirs, grid))
    return differences
