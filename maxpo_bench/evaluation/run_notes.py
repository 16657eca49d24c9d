"""What a reader of a report of several runs has to know of them, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from maxpo_bench.evaluation.notes import FEW_PROBLEMS
from maxpo_bench.evaluation.run import BASE, EvaluatedRun, Series
from maxpo_bench.evaluation.run_support import without_base
from maxpo_bench.evaluation.selection import name_of

FEW_SEEDS = 3
_NOT_JUDGED = ("timeout", "crash")


def run_notes(series: Sequence[Series], main: Sequence[Series], benchmarks: Sequence[str]) -> Iterator[str]:
    """Yield what is missing, mixed or cannot be compared among the runs of one model.

    Args:
        series: all of the model.
        main: those that tables show.
        benchmarks: all of the model.
    """
    model = series[0].model
    for each in series:
        yield from _missing(each, benchmarks)
        yield from _mixed(each)
    yield from _hidden(model, series, main)
    yield from _seeds(model, main)
    yield from _short(model, series, benchmarks)
    yield from _without_base(series, benchmarks)
    yield from _few_problems(model, series, benchmarks)


def _missing(each: Series, benchmarks: Sequence[str]) -> Iterator[str]:
    for run in each.runs:
        absent = [name for name in benchmarks if run.on(name) is None]
        if run.samples is None:
            yield f"{run.name} ({each.label}) has no scored samples: it is in no pass@k."
        elif absent:
            average = ", and in no task average" if len(benchmarks) > 1 else ""
            yield f"{run.name} ({each.label}) has no samples on {', '.join(absent)}: it is not in those{average}."
        if each.method != BASE and not len(run.steps):
            yield f"{run.name} ({each.label}) has no variance proxy in its log: it is not in Figure 3."
        statuses = {} if run.samples is None else run.samples.statuses
        unjudged = {name: statuses[name] for name in _NOT_JUDGED if name in statuses}
        if unjudged:
            text = ", ".join(f"{name} {number}" for name, number in unjudged.items())
            yield f"{run.name} ({each.label}): samples that could not be judged ({text}) count as wrong."


def _mixed(each: Series) -> Iterator[str]:
    """Say in which options the runs differ that are taken as repetitions."""
    if len(each.runs) < 2 or each.method == BASE:
        return
    names = dict.fromkeys(name for run in each.runs for name in run.options if "seed" not in name)
    for name in names:
        values = list(dict.fromkeys(run.options.get(name) for run in each.runs))
        if len(values) > 1 and not any(isinstance(value, str) for value in values):
            told = ", ".join(map(str, values))
            yield (
                f"{each.model}, {each.label}: runs that differ in {name.removeprefix('config.')} ({told}) are averaged "
                "as if they were repetitions."
            )


def _hidden(model: str, series: Sequence[Series], main: Sequence[Series]) -> Iterator[str]:
    hidden = [each.label for each in series if each not in main]
    if hidden:
        shown = ", ".join(each.label for each in main if each.names_k)
        yield (
            f"{model}: tables and figures of all methods show {shown}; {', '.join(hidden)} "
            f"{'is' if len(hidden) == 1 else 'are'} in Figure 10 and in pass_at_k.csv."
        )


def _seeds(model: str, main: Sequence[Series]) -> Iterator[str]:
    trained = [each for each in main if each.method != BASE]
    single = [each.label for each in trained if len(each.runs) == 1]
    if single:
        yield (
            f"{model}: one run of {', '.join(single)}, so there is no interval over seeds, and no verdict on "
            "differences: how much training varies is unknown."
        )
    few = [each.label for each in trained if 1 < len(each.runs) < FEW_SEEDS]
    if few:
        yield f"{model}: two runs of {', '.join(few)}: Student's interval over two seeds is very wide, rightly so."
    replicates = {run.replicate for each in trained for run in each.runs}
    bases = {base for base, _ in replicates}
    if 1 < len(bases) < len(replicates):
        yield (
            f"{model}: {len(replicates)} pairs of pretraining and training seeds from {len(bases)} pretrained models: "
            "intervals over seeds take them as independent, and are too narrow if pretraining matters."
        )


def _short(model: str, series: Sequence[Series], benchmarks: Sequence[str]) -> Iterator[str]:
    """Say where a problem with few samples ends the curve of its benchmark."""
    for name in benchmarks:
        for each in series:
            for run in each.on([name]):
                yield from _shortened(model, name, each, run)


def _shortened(model: str, name: str, each: Series, run: EvaluatedRun) -> Iterator[str]:
    part = run.on(name)
    if part is None:
        return
    fewest, key = part.fewest()
    most = int(part.num_samples.max())
    if fewest < most:
        yield (
            f"{model}, {each.label}: k ends at {fewest} on {name}, since {name_of(key)} of {run.name} has so many "
            f"samples where others have up to {most}. --k with --skip-short leaves such problems out."
        )


def _without_base(series: Sequence[Series], benchmarks: Sequence[str]) -> Iterator[str]:
    missing = {
        run.name: run
        for each in series
        if each.method != BASE
        for name in benchmarks
        for run in without_base(each, series, name)
    }
    if missing:
        names = list(missing)
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        yield (
            f"{series[0].model}: no base model (a run of method {BASE!r}) with samples of the same problems beside "
            f"{shown}: Figure 9 lacks them."
        )


def _few_problems(model: str, series: Sequence[Series], benchmarks: Sequence[str]) -> Iterator[str]:
    sizes: dict[str, int] = {}
    for name in benchmarks:
        counts = [len(part.keys) for each in series for run in each.runs if (part := run.on(name)) is not None]
        sizes[name] = min(counts)
    few = ", ".join(f"{name} {size}" for name, size in sizes.items() if size < FEW_PROBLEMS)
    if few:
        yield (
            f"{model}: few problems ({few}): bootstrap intervals over problems are too narrow there, above all near 0 "
            "and 100 % and for differences where few problems differ; of one problem there is none."
        )
