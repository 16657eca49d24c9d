"""Statistics over the runs of one sweep: every variant against a reference, on all tasks together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maxpo_bench.comparison import mean_score, optimality_gap, probability_of_improvement, share_of_wins
from maxpo_bench.seeding import derive_seed
from maxpo_bench.stats import DEFAULT_RESAMPLES, Interval, iqm_interval
from maxpo_bench.sweep.aggregate import Record
from maxpo_bench.sweep.comparability import ENOUGH_RUNS, Cells, complete_seeds, partners, reference_of, seed_text
from maxpo_bench.sweep.score_reading import read_scores
from maxpo_bench.sweep.scores import Normalise, Scores
from maxpo_bench.sweep.tuning import Choice, tune

UNEQUAL_STEPS = 1.2


@dataclass(frozen=True)
class Variant:
    """What one variant scored.

    Attributes:
        name: agent and the arguments that tell it apart.
        agent: name of the agent.
        arguments: the arguments that tell it apart, without the tuned ones.
        iqm: interquartile mean over all runs of all tasks.
        mean: mean over tasks of the mean over runs.
        gap: mean shortfall from the optimum; None where scores are not divided by it.
        reference: the variant that it is compared with; None for the reference itself and where there is none.
        improvement: probability that a run of it is better than one of the reference's on the same task.
        task_means: mean score by task.
        task_improvements: the probability of improvement by task; None as for `improvement`.
        timesteps: mean number of environment steps of a run; None where runs do not say.
    """

    name: str
    agent: str
    arguments: Mapping[str, Any]
    iqm: Interval
    mean: Interval
    gap: Interval | None
    reference: str | None
    improvement: Interval | None
    task_means: Mapping[str, float]
    task_improvements: Mapping[str, float] | None
    timesteps: float | None


@dataclass(frozen=True)
class Comparison:
    """Statistics over a sweep's runs.

    Attributes:
        scores: the scores compared, after tuning.
        tasks: names of the tasks, sorted.
        seeds: seeds that are compared; every variant has one run for each on each task.
        reference: agent, or variant, that the others are compared with.
        variants: what each scored, the best interquartile mean first.
        choices: what was chosen on the tuning seeds.
        tuning_seeds: those seeds, which are not compared.
        notes: what a reader should know.
        seed: root of the resamples.
        resamples: number of bootstrap resamples.
        confidence: of all intervals, each on its own.
    """

    scores: Scores
    tasks: tuple[str, ...]
    seeds: tuple[int, ...]
    reference: str
    variants: tuple[Variant, ...]
    choices: tuple[Choice, ...] = ()
    tuning_seeds: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    seed: int = 0
    resamples: int = DEFAULT_RESAMPLES
    confidence: float = field(default=0.95)

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the single scores as JSON types."""
        return {
            "metric": self.scores.metric,
            "optima": None if self.scores.optima is None else dict(self.scores.optima),
            "tasks": list(self.tasks),
            "seeds": list(self.seeds),
            "tuning_seeds": list(self.tuning_seeds),
            "reference": self.reference,
            "variants": [asdict(variant) for variant in self.variants],
            "choices": [asdict(choice) for choice in self.choices],
            "notes": list(self.notes),
            "seed": self.seed,
            "resamples": self.resamples,
            "confidence": self.confidence,
        }


def compare(
    records: Sequence[Record],
    metric: str | None = None,
    *,
    normalise: Normalise = "auto",
    against: str | None = None,
    tuned: Sequence[str] = (),
    tuning_seeds: Sequence[int] = (),
    seeds: Sequence[int] = (),
    agents: Sequence[str] = (),
    envs: Sequence[str] = (),
    seed: int = 0,
    resamples: int = DEFAULT_RESAMPLES,
) -> Comparison:
    """Compare the variants of a sweep on all its tasks, with stratified bootstrap intervals.

    Args:
        records: of one store.
        metric: see `maxpo_bench.sweep.score_reading.read_scores`.
        normalise: see there.
        against: the reference: a variant, or an agent by name or alias. Where that agent has several variants, each
            other one is compared with the one that has the same arguments. None: reinforce where it is there, else the
            first agent by name.
        tuned: agent arguments to choose on the tuning seeds, see `maxpo_bench.sweep.tuning.tune`.
        tuning_seeds: seeds that choose, and are not compared.
        seeds: compare these only; none: all that are not tuning seeds.
        agents: only these agents.
        envs: only these environments.
        seed: root of the resamples.
        resamples: number of bootstrap resamples.

    Raises:
        ValueError: what `read_scores` and `tune` raise; runs are missing; fewer than two seeds.
    """
    scores = read_scores(records, metric, normalise=normalise, tune=tuned, agents=agents, envs=envs)
    tasks = tuple(scores.tasks)
    scores, choices = _tuned(scores, tuned, tuning_seeds, seeds)
    unknown = sorted({*seeds} - {*scores.seeds})
    if unknown:
        raise ValueError(f"no run has the seeds {seed_text(unknown)}: there are {seed_text(scores.seeds)}")
    if seeds:
        scores = scores.only_seeds(seeds)
    cells = scores.cells()
    compared = complete_seeds(cells, tasks)
    reference = reference_of(scores, against)
    variants = [
        _variant(name, cells, tasks, partner, seed=seed, resamples=resamples, has_optimum=scores.optima is not None)
        for name, partner in partners(scores, reference).items()
    ]
    return Comparison(
        scores=scores,
        tasks=tasks,
        seeds=compared,
        reference=reference,
        variants=tuple(sorted(variants, key=lambda each: (-each.iqm.estimate, each.name))),
        choices=tuple(choices),
        tuning_seeds=tuple(sorted(tuning_seeds)),
        notes=tuple(_notes(variants, choices, compared, reference, is_tuned=bool(tuned))),
        seed=seed,
        resamples=resamples,
    )


def _tuned(
    scores: Scores, tuned: Sequence[str], tuning_seeds: Sequence[int], seeds: Sequence[int]
) -> tuple[Scores, list[Choice]]:
    """Tune if that was asked for."""
    if bool(tuned) != bool(tuning_seeds):
        raise ValueError("--tune NAME and --tuning-seeds go together: some seeds choose, the others are compared")
    shared = sorted({*tuning_seeds} & {*seeds})
    if shared:
        raise ValueError(f"seeds {seed_text(shared)} cannot be both tuning seeds and compared: leave them out of one")
    return tune(scores, tuning_seeds) if tuned else (scores, [])


def _variant(
    name: str,
    cells: Cells,
    tasks: Sequence[str],
    reference: str | None,
    *,
    seed: int,
    resamples: int,
    has_optimum: bool,
) -> Variant:
    own = _table(cells, name, tasks)
    rows = [row for task in tasks for row in cells[name, task].values()]

    def rng(*path: str) -> np.random.Generator:
        return np.random.default_rng(derive_seed(seed, "compare", name, *path))

    improvement, by_task = None, None
    if reference is not None:
        other = _table(cells, reference, tasks)
        improvement = probability_of_improvement(own, other, rng("against", reference), resamples=resamples)
        by_task = dict(zip(tasks, map(share_of_wins, own, other), strict=True))
    steps = [row.timesteps for row in rows if row.timesteps is not None]
    return Variant(
        name=name,
        agent=rows[0].agent,
        arguments=rows[0].agent_arguments,
        iqm=iqm_interval(own, rng("iqm"), resamples=resamples),
        mean=mean_score(own, rng("mean"), resamples=resamples),
        gap=optimality_gap(own, rng("gap"), resamples=resamples) if has_optimum else None,
        reference=reference,
        improvement=improvement,
        task_means=dict(zip(tasks, own.mean(axis=1).tolist(), strict=True)),
        task_improvements=by_task,
        timesteps=float(np.mean(steps)) if len(steps) == len(rows) else None,
    )


def _table(cells: Cells, variant: str, tasks: Sequence[str]) -> NDArray[np.float64]:
    """Return the scores ``[tasks, seeds]`` of a variant, by seed."""
    return np.array([[cells[variant, task][seed].value for seed in sorted(cells[variant, task])] for task in tasks])


def _notes(
    variants: Sequence[Variant], choices: Sequence[Choice], seeds: Sequence[int], reference: str, *, is_tuned: bool
) -> Iterator[str]:
    """Yield what a reader of the table should know."""
    if len(seeds) < ENOUGH_RUNS:
        yield (
            f"{len(seeds)} runs per task: intervals of so few cover less often than they say; "
            f"{ENOUGH_RUNS} or more are better"
        )
    edges = sorted({choice.variant for choice in choices if choice.is_at_edge})
    if edges:
        yield f"a chosen value is the least or the greatest that was tried, widen the grid: {', '.join(edges)}"
    alone = [each.name for each in variants if each.reference is None and reference not in (each.agent, each.name)]
    if alone:
        yield f"no {reference} has the same arguments as {', '.join(alone)}: name one of its variants with --against"
    repeated = {each.agent for each in variants if sum(other.agent == each.agent for other in variants) > 1}
    if repeated and not is_tuned:
        arguments = sorted({name for each in variants if each.agent in repeated for name in each.arguments})
        yield (
            f"agents are there with several values of {', '.join(arguments)}; the best of several looks better on the "
            "seeds it was picked on than it is: --tune picks on other seeds"
        )
    steps = [each.timesteps for each in variants if each.timesteps is not None]
    if steps and max(steps) > UNEQUAL_STEPS * min(steps):
        yield f"runs took different numbers of environment steps: {min(steps):,.0f} to {max(steps):,.0f} by variant"
