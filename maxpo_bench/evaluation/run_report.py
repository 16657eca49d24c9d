"""Everything that a set of training runs says beside the paper's language-model results, without any model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from maxpo_bench.evaluation.curves import doubling_ks
from maxpo_bench.evaluation.paper_reference import BENCHMARKS
from maxpo_bench.evaluation.proxy import ProxyRatio, proxy_ratio
from maxpo_bench.evaluation.report import checked_ks
from maxpo_bench.evaluation.rows import TASK_AVERAGE
from maxpo_bench.evaluation.run import (
    BASE,
    EvaluatedRun,
    Series,
    base_of,
    group_runs,
    main_series,
    models_of,
    objective_groups,
    partner,
)
from maxpo_bench.evaluation.run_means import Intervals, Means, mean_difference, mean_pass_at_k
from maxpo_bench.evaluation.run_notes import run_notes
from maxpo_bench.evaluation.run_sampling import check_sampling
from maxpo_bench.evaluation.run_selection import select_runs
from maxpo_bench.evaluation.run_support import MeanSupport, matched_budget, mean_support

SCHEMA = "maxpo-bench llm report 1"
LARGEST_AVERAGED_K = 256
"""The task average stops here (Sec. 5.2.1), whatever single benchmarks go to."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """One series beside another.

    Attributes:
        of: the series from whose values the other's are subtracted.
        against: the other.
        differences: of pass@k by benchmark, and the task average under `TASK_AVERAGE`.
        proxy: its variance proxy over the other's; None where there is none.
    """

    of: Series
    against: Series
    differences: Mapping[str, Means]
    proxy: ProxyRatio | None

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison for JSON."""
        return {
            "method": self.of.label,
            "against": self.against.label,
            "pass_at_k": {name: means.to_dict() for name, means in self.differences.items()},
            "variance_proxy": None if self.proxy is None else self.proxy.to_dict(),
        }


@dataclass(frozen=True, eq=False)
class ModelReport:
    """What the runs of one family of models say.

    Attributes:
        model: the family.
        series: all methods, K and variants.
        main: those with one K for each method, which tables and most figures show.
        benchmarks: all that a run has samples on, the paper's first, in its order.
        last_k: the largest k that all runs have samples for, at most 256; None without samples.
        pass_at_k: by label and benchmark, and the task average under `TASK_AVERAGE`.
        comparisons: of MaxPO with every other method, of each method's largest K with its smallest, and of trained
            methods with their base models.
        support: by label and benchmark, of trained methods.
    """

    model: str
    series: tuple[Series, ...]
    main: tuple[Series, ...]
    benchmarks: tuple[str, ...]
    last_k: int | None
    pass_at_k: Mapping[str, Mapping[str, Means]]
    comparisons: tuple[Comparison, ...]
    support: Mapping[str, Mapping[str, MeanSupport]]

    def to_dict(self) -> dict[str, Any]:
        """Return everything for JSON."""
        return {
            "model": self.model,
            "benchmarks": list(self.benchmarks),
            "last_k": self.last_k,
            "methods": [
                {
                    "label": each.label,
                    "method": each.method,
                    "k": each.k,
                    "variant": dict(each.variant),
                    "in_tables": each in self.main,
                    "runs": [
                        {"folder": run.name, "model": run.model, "seed": run.seed, "steps_with_proxy": len(run.steps)}
                        for run in each.runs
                    ],
                    "pass_at_k": {name: means.to_dict() for name, means in self.pass_at_k[each.label].items()},
                    "support": {name: part.to_dict() for name, part in self.support.get(each.label, {}).items()},
                }
                for each in self.series
            ],
            "comparisons": [each.to_dict() for each in self.comparisons],
        }


@dataclass(frozen=True, eq=False)
class RunReport:
    """What a set of runs says.

    Attributes:
        models: one entry for each family of models, the paper's first.
        intervals: how limits were made.
        notes: what a reader has to know: what is missing, left out or mixed.
    """

    models: tuple[ModelReport, ...]
    intervals: Intervals
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return every figure for JSON."""
        return {
            "schema": SCHEMA,
            "confidence": self.intervals.confidence,
            "resamples": self.intervals.resamples,
            "seed": self.intervals.seed,
            "models": [model.to_dict() for model in self.models],
            "notes": list(self.notes),
        }


def make_run_report(
    runs: Sequence[EvaluatedRun],
    *,
    ks: Sequence[int] | None = None,
    common: bool = False,
    skip_short: bool = False,
    support_at: int | None = None,
    intervals: Intervals | None = None,
) -> RunReport:
    """Compute pass@k, differences, variance proxies and supports of a set of runs.

    Args:
        runs: at least one, of any models, methods and seeds; samples and logs may be missing.
        ks: numbers of draws; by default 1, 2, 4, ... up to the fewest samples of a problem.
        common: see `maxpo_bench.evaluation.run_selection.select_runs`.
        skip_short: see there.
        support_at: samples at which supports are compared, by default the fewest that any run has of a benchmark.
        intervals: how limits are made.

    Raises:
        ValueError: no run has samples or a variance proxy, or as `check_sampling`, `select_runs`, `group_runs` and
            `support_of` raise.
    """
    if not any(run.samples is not None or len(run.steps) for run in runs):
        raise ValueError("no run has scored samples or a variance proxy in its log: train and evaluate one first")
    grid = None if ks is None else checked_ks(ks)
    unrecorded = check_sampling(runs)
    chosen, notes = select_runs(runs, grid, common=common, skip_short=skip_short)
    series = group_runs(chosen)
    limits = intervals or Intervals()
    models = tuple(
        _model_report([each for each in series if each.model == name], grid, support_at, limits)
        for name in models_of(series)
    )
    notes += unrecorded
    notes += [note for model in models for note in run_notes(model.series, model.main, model.benchmarks)]
    return RunReport(models, limits, tuple(notes))


def average_of(benchmarks: Sequence[str]) -> str:
    """Return the name under which the mean over a model's benchmarks is: its only one's own, else `TASK_AVERAGE`."""
    return benchmarks[0] if len(benchmarks) == 1 else TASK_AVERAGE


def _model_report(
    series: Sequence[Series], ks: tuple[int, ...] | None, support_at: int | None, intervals: Intervals
) -> ModelReport:
    names = {name for each in series for name in each.benchmarks}
    benchmarks = tuple(sorted(names, key=lambda name: (_place(name), name)))
    main = main_series(series)
    curves = {each.label: _curves(each, benchmarks, ks, intervals) for each in series}
    return ModelReport(
        series[0].model,
        tuple(series),
        tuple(main),
        benchmarks,
        _last_k(series, benchmarks, ks),
        curves,
        tuple(
            _compared(of, against, benchmarks, ks, intervals)
            for of, against in [*_pairs(series, main), *_beside_bases(series, main)]
        ),
        {each.label: _supports(each, series, support_at) for each in series if each.method != BASE},
    )


def _place(benchmark: str) -> int:
    return BENCHMARKS.index(benchmark) if benchmark in BENCHMARKS else len(BENCHMARKS)


def _last_k(series: Sequence[Series], benchmarks: Sequence[str], ks: tuple[int, ...] | None) -> int | None:
    runs = [run for each in series for run in each.runs]
    fewest = [part.fewest()[0] for run in runs for name in benchmarks if (part := run.on(name)) is not None]
    if not fewest:
        return None
    most = min(LARGEST_AVERAGED_K, *fewest)
    return most if ks is None else max((k for k in ks if k <= most), default=None)


def _grids(
    runs: Sequence[EvaluatedRun], benchmarks: Sequence[str], ks: tuple[int, ...] | None
) -> dict[str, tuple[int, ...]]:
    """Return the k of each benchmark's curve, and of the task average where there are several benchmarks."""
    fewest = {
        name: min((part.fewest()[0] for run in runs if (part := run.on(name)) is not None), default=0)
        for name in benchmarks
    }
    limits = dict(fewest)
    if len(benchmarks) > 1:
        limits[TASK_AVERAGE] = min(LARGEST_AVERAGED_K, *fewest.values())
    averaged = _grid(limits.get(TASK_AVERAGE, 0), ks)
    return {name: tuple(sorted({*_grid(limit, ks), *averaged})) if limit else () for name, limit in limits.items()}


def _grid(limit: int, ks: tuple[int, ...] | None) -> tuple[int, ...]:
    if not limit:
        return ()
    return doubling_ks(limit) if ks is None else tuple(k for k in ks if k <= limit)


def _members(name: str, benchmarks: Sequence[str]) -> list[str]:
    return list(benchmarks) if name == TASK_AVERAGE else [name]


def _curves(
    each: Series, benchmarks: Sequence[str], ks: tuple[int, ...] | None, intervals: Intervals
) -> dict[str, Means]:
    """Return the means on each benchmark, and on average over all where a run has all."""
    grids = _grids(each.runs, benchmarks, ks)
    means = {
        name: mean_pass_at_k(each.runs, _members(name, benchmarks), grid, intervals) for name, grid in grids.items()
    }
    return {name: found for name, found in means.items() if found.estimates}


def _pairs(series: Sequence[Series], main: Sequence[Series]) -> list[tuple[Series, Series]]:
    """Return MaxPO beside every other method, and each method's largest K beside its smallest."""
    pairs: list[tuple[Series, Series]] = []
    for of in main:
        if of.method == "maxpo":
            others = dict.fromkeys(each.method for each in main if each.method not in ("maxpo", BASE))
            pairs += [(of, other) for method in others if (other := partner(of, method, series)) is not None]
    return pairs + [(group[-1], group[0]) for group in objective_groups(series)]


def _beside_bases(series: Sequence[Series], main: Sequence[Series]) -> list[tuple[Series, Series]]:
    """Return trained methods beside the base models of their own runs, each base under the seed of the run."""
    pairs: list[tuple[Series, Series]] = []
    for of in main:
        bases = [(run, base_of(run, series)) for run in of.runs if of.method != BASE]
        known = tuple(replace(base, seed=run.seed) for run, base in bases if base is not None)
        if known:
            pairs.append((of, Series(of.model, BASE, None, (), known)))
    return pairs


def _compared(
    of: Series, against: Series, benchmarks: Sequence[str], ks: tuple[int, ...] | None, intervals: Intervals
) -> Comparison:
    grids = _grids([*of.runs, *against.runs], benchmarks, ks)
    differences = {
        name: mean_difference(of.runs, against.runs, _members(name, benchmarks), grid, intervals)
        for name, grid in grids.items()
    }
    found = {name: means for name, means in differences.items() if means.estimates}
    return Comparison(of, against, found, proxy_ratio(of.runs, against.runs, intervals.confidence))


def _supports(each: Series, series: Sequence[Series], support_at: int | None) -> dict[str, MeanSupport]:
    found: dict[str, MeanSupport] = {}
    for name in each.benchmarks:
        k = matched_budget(series, name) if support_at is None else support_at
        part = None if k is None else mean_support(each, series, name, k)
        if part is not None:
            found[name] = part
    return found
