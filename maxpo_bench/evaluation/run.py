"""Evaluated training runs, and which of them are repetitions of one another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from maxpo_bench.evaluation.paper_reference import MODELS, printed_model
from maxpo_bench.evaluation.passk import FloatArray, IntArray
from maxpo_bench.evaluation.samples import ScoredSamples

BASE = "base"
"""Method of the model before training."""
LABELS = {
    BASE: "base model",
    "reinforce_l1o": "REINFORCE+L1O",
    "dr_grpo": "Dr. GRPO",
    "grpo": "GRPO",
    "entropy_adv": "Entropy-Adv",
    "pkpo": "PKPO",
    "maxpo": "MaxPO",
}
"""Names in tables. The order of rows is this one, others before the last two: as in the paper's tables."""
WITHOUT_K = frozenset({BASE, "reinforce_l1o", "dr_grpo", "grpo", "entropy_adv", "passk_top1"})
"""Methods whose updates do not depend on K; passk_top1 is EI at K = n."""
DEFAULT_K = 4
"""Objective size K of the recipes: where a method has several, the one that tables and figures of all methods take."""
_CALLED = {"ei": "pkpo", "ei_l2o": "maxpo"}

Scalar = str | int | float | bool | None
Replicate = tuple[str, int]
"""Base model and seed: what tells repetitions apart, and pairs them between methods."""


@dataclass(frozen=True, eq=False)
class EvaluatedRun:
    """One training run with its scored samples and its variance proxy.

    Attributes:
        name: where it was found, for messages.
        model: the model that training began with.
        family: models that differ by the seed of their pretraining only are one family.
        method: "maxpo", "grpo", ..., or `BASE`.
        k: objective size K; None where there is none.
        seed: of training.
        options: what else describes the run, flat: group_size, engine, recipe, config.learning_rate, ...
        samples: on all benchmarks; None if there are none yet.
        steps: of the log that have a value of the proxy, ascending, [T].
        proxy: Adam's variance proxy after them, [T].
        sampling: how the samples on a benchmark were drawn, by its name (`maxpo_bench.evaluation.run_sampling`);
            nothing where that is not recorded.
    """

    name: str
    model: str
    family: str
    method: str
    k: int | None
    seed: int
    options: Mapping[str, Scalar]
    samples: ScoredSamples | None
    steps: IntArray
    proxy: FloatArray
    sampling: Mapping[str, Mapping[str, Scalar]] = field(default_factory=dict)

    @property
    def replicate(self) -> Replicate:
        """What this run shares with the runs of other methods that it is compared with in pairs."""
        return self.model, self.seed

    def on(self, benchmark: str) -> ScoredSamples | None:
        """Return its samples on a benchmark; None if there are none."""
        if self.samples is None or benchmark not in self.samples.benchmarks:
            return None
        return self.samples.of(benchmark)


@dataclass(frozen=True, eq=False)
class Series:
    """Repetitions of one method on one model: one row of a table, one line of a figure.

    Attributes:
        model: the family of models.
        method: its name.
        k: objective size K; None where there is none, or the method does not use it.
        variant: options by which series of one method differ, by name; empty where nothing needs them.
        runs: by model and seed, each pair once.
        names_k: whether the label says K, since the method has several on this model.
    """

    model: str
    method: str
    k: int | None
    variant: tuple[tuple[str, Scalar], ...]
    runs: tuple[EvaluatedRun, ...]
    names_k: bool = field(default=False)

    @property
    def suffix(self) -> str:
        """What tells it from other series of its method: ", K=2, learning_rate=0.0001"."""
        parts = [f"K={self.k}"] if self.names_k else []
        parts += [f"{name.rpartition('.')[2]}={value}" for name, value in self.variant]
        return "".join(f", {part}" for part in parts)

    @property
    def label(self) -> str:
        """Its name in tables."""
        return LABELS.get(self.method, self.method) + self.suffix

    @property
    def benchmarks(self) -> tuple[str, ...]:
        """All benchmarks that a run has samples on, in ascending order."""
        return tuple(sorted({name for run in self.runs if run.samples for name in run.samples.benchmarks}))

    def on(self, benchmarks: Sequence[str]) -> tuple[EvaluatedRun, ...]:
        """Return the runs that have samples on all of these benchmarks."""
        return tuple(run for run in self.runs if all(run.on(name) is not None for name in benchmarks))


def canonical_method(name: str) -> str:
    """Return the name that a method has in the paper's tables: "pkpo" for "ei", "maxpo" for "ei_l2o"."""
    return _CALLED.get(name, name)


def group_runs(runs: Iterable[EvaluatedRun]) -> list[Series]:
    """Group repetitions: runs of one model, method and K that differ in their seeds.

    Where two have one seed as well, what else they differ in parts them (group size, engine, recipe, numbers of the
    configuration): a grid of learning rates becomes one series for each.

    Returns:
        By model (the paper's first), method and K.

    Raises:
        ValueError: two runs differ in nothing.
    """
    groups: dict[tuple[str, str, int | None], list[EvaluatedRun]] = {}
    for run in runs:
        method = canonical_method(run.method)
        k = None if method in WITHOUT_K else run.k
        groups.setdefault((run.family, method, k), []).append(run)
    sizes = Counter((model, method) for model, method, _ in groups)
    found = [
        Series(*key, variant, tuple(sorted(part, key=lambda run: run.replicate)), sizes[key[:2]] > 1)
        for key, group in groups.items()
        for variant, part in _parts(group)
    ]
    return sorted(found, key=_rank)


def main_series(series: Sequence[Series]) -> list[Series]:
    """Keep one K of each method and model: `DEFAULT_K`, else that of most methods of the model, else the smallest."""
    kept: list[Series] = []
    for each in series:
        shared = Counter(other.k for other in {(s.method, s.k): s for s in series if s.model == each.model}.values())
        ks = [other.k for other in series if (other.model, other.method) == (each.model, each.method)]
        if each.k is None or each.k == min(
            (k for k in ks if k is not None), key=lambda k: (k != DEFAULT_K, -shared[k], k)
        ):
            kept.append(each)
    return kept


def partner(of: Series, method: str, series: Sequence[Series]) -> Series | None:
    """Return the series of another method that one is compared with: same model, no option said differently.

    Of several the one with the same K is taken, else the one whose K its model's tables have.
    """
    options = dict(of.variant)
    others = [
        other
        for other in series
        if (other.model, other.method) == (of.model, method)
        and all(options.get(name, value) == value for name, value in other.variant)
    ]
    same = [other for other in others if other.k == of.k]
    return next(iter(same or main_series(others)), None)


def objective_groups(series: Sequence[Series]) -> list[list[Series]]:
    """Return series that differ in K only, of methods that have several: the lines of an ablation, ascending in K.

    Where options part series of one method, those with equal values of them go together, whether their labels say the
    options or not.
    """
    groups: dict[tuple[str, str, str], list[Series]] = {}
    for each in series:
        if each.names_k:
            names = sorted({name for other in series if other.method == each.method for name, _ in other.variant})
            setting = _text(tuple((name, each.runs[0].options.get(name)) for name in names))
            groups.setdefault((each.model, each.method, setting), []).append(each)
    return [group for group in groups.values() if len({each.k for each in group}) > 1]


def base_of(run: EvaluatedRun, series: Sequence[Series]) -> EvaluatedRun | None:
    """Return the run of the model that a run began with: of several the one of the same engine; None without one."""
    bases = [base for each in series if each.method == BASE for base in each.runs if base.model == run.model]
    same = [base for base in bases if base.options.get("engine") == run.options.get("engine")]
    return next(iter(same or bases), None)


def models_of(series: Iterable[Series]) -> list[str]:
    """Return the models in the order of the series."""
    return list(dict.fromkeys(each.model for each in series))


def _rank(each: Series) -> tuple[int, str, int, str, int, str]:
    known = printed_model(each.model)
    first, last = list(LABELS)[:-2], list(LABELS)[-2:]
    if each.method in last:
        method = len(first) + 1 + last.index(each.method)
    else:
        method = first.index(each.method) if each.method in first else len(first)
    model = MODELS.index(known) if known else len(MODELS)
    return model, each.model, method, each.method, each.k or 0, _text(each.variant)


def _parts(group: list[EvaluatedRun]) -> list[tuple[tuple[tuple[str, Scalar], ...], list[EvaluatedRun]]]:
    """Part the runs until each part has every seed once; all series of the group say the same options."""
    names: list[str] = []
    while twice := _twice(group, names):
        first, second = twice
        differing = [name for name in _options(group) if first.options.get(name) != second.options.get(name)]
        if not differing:
            raise ValueError(
                f"{first.name} and {second.name} are both {first.method} with K={first.k} and seed {first.seed} on "
                f"{first.model}, and differ in no number of their configuration: report one of them "
                "(`maxpo-bench llm eval --train-seed --k --group-size` says how models from elsewhere were trained)"
            )
        names.append(differing[0])
    parts: dict[str, tuple[tuple[tuple[str, Scalar], ...], list[EvaluatedRun]]] = {}
    for run in group:
        variant = tuple((name, run.options.get(name)) for name in names)
        parts.setdefault(_text(variant), (variant, []))[1].append(run)
    return list(parts.values())


def _twice(group: Sequence[EvaluatedRun], names: Sequence[str]) -> tuple[EvaluatedRun, EvaluatedRun] | None:
    """Return two runs of one seed that agree in the named options."""
    seen: dict[tuple[Replicate, str], EvaluatedRun] = {}
    for run in group:
        key = run.replicate, _text(tuple((name, run.options.get(name)) for name in names))
        if key in seen:
            return seen[key], run
        seen[key] = run
    return None


def _options(group: Sequence[EvaluatedRun]) -> list[str]:
    """Return the names of options that may part runs: group size, engine and recipe first, then numbers."""
    names = dict.fromkeys(name for run in group for name in run.options)
    first = [name for name in ("k", "group_size", "engine", "recipe") if name in names]
    numbers = [
        name
        for name in names
        if name not in first and all(not isinstance(run.options.get(name), str) for run in group) and "seed" not in name
    ]
    return [*first, *numbers]


def _text(variant: tuple[tuple[str, Scalar], ...]) -> str:
    return repr(variant)
