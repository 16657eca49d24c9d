"""The data of the paper's figures, computed at a chosen size for any estimators.

`compute(name, plan)` returns the long frame that `maxpo_bench.plots.plot(name, ...)` draws. Every number is a function
of the plan alone: instances and random streams are derived from its seed. Moments are exact for every estimator that is
a sum over reward gaps; the others are sampled, all on the same actions. The column kind says which.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from maxpo_bench.plots.bandit_moments import Bandits, Kind, kind_of, sampled_errors, spreads
from maxpo_bench.plots.frames import Frame
from maxpo_bench.registry import Registry
from maxpo_bench.seeding import derive_seed

if TYPE_CHECKING:
    from maxpo_bench.estimators import Estimator

Progress = Callable[[int, int], None]
Rows = Iterator[list[dict[str, Any]]]


@dataclass(frozen=True)
class Plan:
    """How much to compute; the defaults are the paper's protocol (App. G), with ours where it is silent.

    Attributes:
        estimators: names.
        group_sizes: n, one panel each.
        k: objective size of the figures that don't vary it.
        num_arms: of the bandits in the figures that don't vary it.
        instances: number of bandits that are averaged over.
        batches: numbers M of groups whose mean is compared with the exact gradient.
        arms: numbers of arms.
        num_groups: groups that a variance is measured on where it has to be sampled, and that of the maze's policies.
        objectives: values of K of the variance ratio on the maze.
        seeds: training runs on the maze, each in a maze of its own.
        iterations: of a training run.
        snapshots: policies along a training run at which the variance ratio is measured, the first one included.
        learning_rate: of a training run, with EI+L2O.
        length: of the maze.
        seed: root of all instances and random streams.
    """

    estimators: tuple[str, ...] = ("ei_l2o", "ei", "ei_l1o")
    group_sizes: tuple[int, ...] = (8, 16, 32, 64)
    k: int = 4
    num_arms: int = 100
    instances: int = 100
    batches: tuple[int, ...] = (10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000)
    arms: tuple[int, ...] = (2, 5, 10, 30, 100, 300, 1000, 3000, 10_000)
    num_groups: int = 10_000
    objectives: tuple[int, ...] = (2, 4, 7)
    seeds: int = 20
    iterations: int = 3000
    snapshots: int = 13
    learning_rate: float = 0.3
    length: int = 1000
    seed: int = 0


PAPER = Plan()
QUICK = Plan(
    group_sizes=(16,),
    instances=20,
    batches=(10, 30, 100, 300, 1000, 3000),
    arms=(2, 5, 10, 30, 100, 300, 1000),
    num_groups=1000,
    seeds=5,
    iterations=600,
    snapshots=7,
    length=300,
)
PLANS = {"quick": QUICK, "paper": PAPER}

_SOURCES: Registry[Callable[[Plan], tuple[int, Rows]]] = Registry("figure with data of its own")


def compute(name: str, plan: Plan | str = "quick", progress: Progress | None = None) -> Frame:
    """Compute the data of a figure.

    Args:
        name: "bias_vs_batches", "variance_vs_arms", "variance_vs_k", "variance_ratio" or "maze".
        plan: a `Plan`, or "quick" (seconds) or "paper" (from minutes to an hour).
        progress: called with (parts done, parts in all).

    Returns:
        A pandas DataFrame for `maxpo_bench.plots.plot` with the same name.

    Raises:
        UnknownNameError: no such figure, no such plan or no such estimator.
        ValueError: nothing can be computed, since no estimator of the plan takes its group sizes and K; or other
            estimators than the default ones for "variance_ratio", which is by definition that of EI+L2O to EI.
    """
    import pandas as pd

    if isinstance(plan, str):
        plans: Registry[Plan] = Registry("plan")
        for key, value in PLANS.items():
            plans.register(key, value)
        plan = plans.get(plan)
    source = _SOURCES.get(name)
    _check_estimators(name, plan.estimators)
    total, parts = source(plan)
    rows: list[dict[str, Any]] = []
    for done, part in enumerate(parts, start=1):
        rows += part
        if progress is not None:
            progress(done, total)
    if not rows:
        raise ValueError(
            f"no estimator of {', '.join(plan.estimators)} takes K={plan.k} with group sizes {plan.group_sizes}: "
            "lower k or raise group_sizes"
        )
    return pd.DataFrame(rows)


def with_optimum(frame: Frame) -> Frame:
    """Add the column optimum: the exact optimum of each row's environment, NaN where the environment has none.

    Args:
        frame: of `maxpo_bench.sweep.aggregate.to_frame`, with columns env and env.NAME for the arguments.
    """
    from maxpo_bench.sweep.optimum import optimal_value

    arguments = [column for column in frame.columns if str(column).startswith("env.")]
    optimum = frame["iteration"].astype("float64") * float("nan")
    for _, rows in frame.groupby(["env", *arguments], dropna=False):
        first = rows.iloc[0]
        given = {str(column).removeprefix("env."): first[column] for column in arguments}
        chosen = {key: _plain(value) for key, value in given.items() if value is not None and value == value}
        best = optimal_value(first["env"], chosen)
        optimum[rows.index] = float("nan") if best is None else best
    return frame.assign(optimum=optimum)


def _plain(value: Any) -> Any:
    """Undo what a frame does to integers and NumPy scalars."""
    value = value.item() if hasattr(value, "item") else value
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _bandits(plan: Plan, num_arms: int) -> Bandits:
    return Bandits.generate(plan.seed, range(plan.instances), num_arms)


def _check_estimators(figure: str, names: Sequence[str]) -> None:
    from maxpo_bench.estimators import get_estimator

    for name in names:
        get_estimator(name, 1)
    if figure == "variance_ratio" and tuple(names) != Plan.estimators:
        raise ValueError(
            "variance_ratio is by definition the variance of ei_l2o over that of ei, "
            f"got estimators {', '.join(names)}: leave them out, or compare others with variance_vs_k"
        )


def _usable(names: Sequence[str], k: int, n: int) -> list[Estimator]:
    """Return the estimators that take K and n."""
    from maxpo_bench.estimators import get_estimator

    found: list[Estimator] = []
    for name in names:
        estimator = get_estimator(name, k)
        try:
            estimator.check_group_size(n)
        except ValueError:
            continue
        found.append(estimator)
    return found


def _bias_vs_batches(plan: Plan) -> tuple[int, Rows]:
    """Estimation error of the mean of the first M gradient estimates (Eq 110), exact: its root mean square."""

    def parts() -> Rows:
        bandits = _bandits(plan, plan.num_arms)
        for n in plan.group_sizes:
            rows: list[dict[str, Any]] = []
            for estimator in _usable(plan.estimators, plan.k, n):
                kind = kind_of(estimator, n)
                if kind == "exact":
                    (spread,) = spreads([estimator], bandits, n, num_groups=plan.num_groups)
                    errors = spread.error_after(plan.batches)
                else:
                    errors = sampled_errors(estimator, bandits, n, plan.batches)
                rows += [
                    _row(estimator.name, kind, n, each, error, num_arms=plan.num_arms, k=plan.k, num_groups=count)
                    for count, line in zip(sorted(plan.batches), errors, strict=True)
                    for each, error in zip(bandits.instances, line, strict=True)
                ]
            yield rows

    return len(plan.group_sizes), parts()


def _variance_vs_arms(plan: Plan) -> tuple[int, Rows]:
    """Total variance against the number of arms (Eq 111, 112)."""

    def parts() -> Rows:
        for num_arms in plan.arms:
            bandits = _bandits(plan, num_arms)
            for n in plan.group_sizes:
                yield _variances(plan, n, plan.k, bandits, with_score_square=True)

    return len(plan.group_sizes) * len(plan.arms), parts()


def _variance_vs_k(plan: Plan) -> tuple[int, Rows]:
    """Total variance against K = 1 .. n - 1 (Eq 111, 112)."""

    def parts() -> Rows:
        bandits = _bandits(plan, plan.num_arms)
        for n in plan.group_sizes:
            for k in range(1, n):
                yield _variances(plan, n, k, bandits)

    return sum(n - 1 for n in plan.group_sizes), parts()


def _variances(
    plan: Plan, n: int, k: int, bandits: Bandits, *, with_score_square: bool = False
) -> list[dict[str, Any]]:
    """Rows of all estimators at one setting in all instances; sampled ones are measured on the same groups."""
    estimators = _usable(plan.estimators, k, n)
    if not estimators:
        return []
    num_arms = bandits.logits.shape[1]
    extra = {"score_square": bandits.score_square()} if with_score_square else {}
    return [
        _row(estimator.name, spread.kind, n, instance, spread.total_variance[place], num_arms=num_arms, k=k)
        | {name: float(values[place]) for name, values in extra.items()}
        for estimator, spread in zip(
            estimators, spreads(estimators, bandits, n, num_groups=plan.num_groups), strict=True
        )
        for place, instance in enumerate(bandits.instances)
    ]


def _variance_ratio(plan: Plan) -> tuple[int, Rows]:
    """Ratio of total gradient variances EI+L2O / EI along training with EI+L2O (Eq 125)."""
    import numpy as np

    from maxpo_bench.agents.maze_population import train_population, variance_ratio
    from maxpo_bench.envs import MazeLayout

    seeds = [derive_seed(plan.seed, "figure", "maze", index) for index in range(plan.seeds)]
    mazes = [MazeLayout.generate(plan.length, instance=seed) for seed in seeds]
    moments = sorted({int(at) for at in np.linspace(0, plan.iterations, plan.snapshots)})

    def parts() -> Rows:
        for n in plan.group_sizes:
            for k in plan.objectives:
                if not _usable(["ei_l2o"], k, n):
                    yield []
                    continue
                trained = train_population(
                    mazes,
                    "ei_l2o",
                    k=k,
                    n=n,
                    learning_rates=[plan.learning_rate] * plan.seeds,
                    seeds=seeds,
                    iterations=plan.iterations,
                    record_every=plan.iterations,
                    snapshot_at=moments,
                )
                yield [
                    {
                        "group_size": n,
                        "k": k,
                        "iteration": at,
                        "seed": run,
                        "value": variance_ratio(maze, theta[run], bias[run], n, k, plan.num_groups, seeds[run]).ratio,
                    }
                    for at, (theta, bias) in trained.snapshots.items()
                    for run, maze in enumerate(mazes)
                ]

    return len(plan.group_sizes) * len(plan.objectives), parts()


def _maze(plan: Plan) -> tuple[int, Rows]:
    """The maze, where blind policies end in it, and what they earn in many (Fig 6)."""
    from maxpo_bench.envs import MazeLayout
    from maxpo_bench.plots.maze_data import maze_frame

    def parts() -> Rows:
        layout = MazeLayout.generate(plan.length, dead_end_length="mixed")
        yield maze_frame(layout, instances=plan.instances, seed=plan.seed).to_dict("records")

    return 1, parts()


def _row(estimator: str, kind: Kind, n: int, instance: int, value: float, **coordinates: int) -> dict[str, Any]:
    cell: dict[str, Any] = {"estimator": estimator, "kind": kind, "group_size": n, "instance": instance}
    return cell | coordinates | {"value": float(value)}


_SOURCES.register("bias_vs_batches", _bias_vs_batches)
_SOURCES.register("variance_vs_arms", _variance_vs_arms)
_SOURCES.register("variance_vs_k", _variance_vs_k)
_SOURCES.register("variance_ratio", _variance_ratio)
_SOURCES.register("maze", _maze)
