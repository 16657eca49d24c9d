"""Cells of the maze figures: one agent at one setting, trained with every learning rate on tuning and other seeds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from maxpo_bench.agents.maze_population import PopulationResult, train_population
from maxpo_bench.agents.maze_runs import Optimizer
from maxpo_bench.agents.maze_variance import variance_ratio
from maxpo_bench.envs.maze_layout import DeadEndLength, MazeLayout
from maxpo_bench.reproduce import cell_files
from maxpo_bench.reproduce.cell_files import Floats, Values
from maxpo_bench.reproduce.maze.agents import EI_L2O, MazeAgent
from maxpo_bench.seeding import derive_seed

Progress = Callable[[int, int], None]
Policy = Literal["tabular", "mlp"]

COMPUTED_BY = (
    "registry.py",
    "seeding.py",
    "compiled.py",
    "estimators/*.py",
    "agents/maze_*.py",
    "envs/maze_layout.py",
    "envs/checks.py",
    "leaderboard/checks.py",
    "leaderboard/source.py",
    "leaderboard/submission.py",
    "reproduce/cell_files.py",
    "reproduce/maze/agents.py",
    "reproduce/maze/cells.py",
)
"""Sources that a cell's numbers depend on: this module and what it imports, but for writing files."""
MLP = ("agents/collect.py", "agents/mlp*.py", "agents/policy.py")
"""Those of multilayer perceptrons, besides."""


@dataclass(frozen=True)
class MazeSetting:
    """Where an agent is trained.

    Attributes:
        policy: "tabular", or "mlp": a multilayer perceptron on the one-hot state.
        optimizer: "sgd" or "adam".
        share: majority share.
        dead_end_length: 1, 2 or "mixed".
        n: group size.
        k: objective size; that of the logged max@K for agents without one.
        rates: learning rates, ascending.
        length: states on the path.
        iterations: of a run.
        last: iterations at the end that are scored.
        record_every: iterations between two points of a curve.
        snapshots: policies of a run at which variances are measured.
        num_groups: groups on which a variance is sampled.
        tuning: seeds on which the learning rate is chosen.
        instances: seeds that are shown; each is a maze and a run.
        seed: root of the seeds.
    """

    policy: Policy
    optimizer: Optimizer
    share: float
    dead_end_length: DeadEndLength
    n: int
    k: int
    rates: tuple[float, ...]
    length: int
    iterations: int
    last: int
    record_every: int
    snapshots: int
    num_groups: int
    tuning: int
    instances: int
    seed: int

    def seeds(self) -> tuple[list[int], list[int]]:
        """The tuning seeds and the others; the same ones for every agent, n, K and optimizer."""
        parts = (("tuning", self.tuning), ("evaluation", self.instances))
        tuning, others = ([derive_seed(self.seed, "fig7", part, i) for i in range(count)] for part, count in parts)
        return tuning, others

    def maze(self, seed: int) -> MazeLayout:
        """The maze of a seed."""
        return MazeLayout.generate(self.length, self.share, self.dead_end_length, derive_seed(seed, "maze"))

    def snapshot_iterations(self) -> list[int]:
        """After how many iterations variances are measured."""
        return [int(at) for at in np.linspace(0, self.iterations, self.snapshots)]


@dataclass(frozen=True)
class MazeCell:
    """One agent at one setting."""

    setting: MazeSetting
    agent: MazeAgent

    @property
    def has_variances(self) -> bool:
        """Are variances measured along its training? Of EI and EI+L2O, at EI+L2O's tabular policies (Eq 125)."""
        return self.agent.name == EI_L2O and self.setting.policy == "tabular"

    def content(self) -> dict[str, Any]:
        """Everything that determines the numbers."""
        setting = asdict(self.setting) | {"rates": list(self.setting.rates)}
        metadata = self.agent.candidate.metadata
        return {
            **setting,
            "quantity": "maze",
            "agent": self.agent.name,
            "entropy_coef": self.agent.entropy_coef,
            "scale": metadata.scale,
            "source": self.agent.candidate.digest,
            "formulas": cell_files.hash_of(COMPUTED_BY + (MLP if self.setting.policy == "mlp" else ())),
        }

    def path(self, folder: Path) -> Path:
        """Where it is kept."""
        s = self.setting
        name = f"maze-{s.policy}-{self.agent.name}-{s.optimizer}-share{s.share:g}-ends{s.dead_end_length}-n{s.n}-k{s.k}"
        return cell_files.path_of(folder, name, self.content())

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """What its numbers are called, with their shapes.

        ``tuning`` [rates, tuning seeds] and ``returns`` [rates, seeds] are mean returns over the last iterations,
        ``exact_return`` [rates, seeds] those of the final policies, ``env_steps`` [rates, seeds] the steps of a run;
        ``curve_return`` and ``curve_p_action_1`` are [points, rates, seeds]; ``variance_ei`` and ``variance_ei_l2o``
        [rates, snapshots, seeds].
        """
        s = self.setting
        final = len(s.rates), s.instances
        curve = (s.iterations // s.record_every, *final)
        shapes = {"tuning": (len(s.rates), s.tuning)}
        shapes |= dict.fromkeys(("returns", "exact_return", "env_steps"), final)
        shapes |= dict.fromkeys(("curve_return", "curve_p_action_1"), curve)
        if self.has_variances:
            along = (len(s.rates), s.snapshots, s.instances)
            shapes |= dict.fromkeys(("variance_ei", "variance_ei_l2o"), along)
        return shapes

    def load(self, folder: Path) -> Values | None:
        """Return its stored numbers, or None where there are none: never computed, by other code, or damaged."""
        return cell_files.read(self.path(folder), self.content(), self.shapes())

    def store(self, folder: Path, values: Values) -> None:
        """Publish its numbers as one file."""
        cell_files.write(self.path(folder), self.content(), values)


def chosen(values: Values) -> int:
    """Return which learning rate is taken: the smallest of those with the highest mean return on the tuning seeds."""
    return int(values["tuning"].mean(axis=1).argmax())


def compute(cell: MazeCell, progress: Progress | None = None) -> Values:
    """Train a cell's agent with every learning rate on every seed, all at once.

    Raises:
        ValueError: the estimator refuses the setting.
    """
    at = cell.setting
    tuning, others = at.seeds()
    seeds, rates = [*tuning, *others], len(at.rates)
    trained = _train(cell, progress)

    def by_rate(rows: Floats) -> tuple[Floats, Floats]:
        """Split the last axis, runs, into [rates, tuning seeds] and [rates, other seeds]."""
        table = rows.reshape(*rows.shape[:-1], rates, len(seeds))
        return table[..., : len(tuning)], table[..., len(tuning) :]

    tuned, returns = by_rate(trained.final_return(at.last))
    values = {"tuning": tuned, "returns": returns}
    for name, rows in (
        ("exact_return", trained.exact_return),
        ("env_steps", trained.env_steps.sum(axis=0)),
        ("curve_return", trained.return_mean),
        ("curve_p_action_1", trained.p_action_1),
    ):
        values[name] = by_rate(rows)[1]
    return values | _variances(cell, trained, others) if cell.has_variances else values


def _train(cell: MazeCell, progress: Progress | None) -> PopulationResult:
    """Train a run for every learning rate and seed, the learning rate varying slowest, tuning seeds first."""
    at = cell.setting
    seeds, rates = [seed for part in at.seeds() for seed in part], len(at.rates)
    options: dict[str, Any] = {
        "n": at.n,
        "learning_rates": np.repeat(at.rates, len(seeds)),
        "seeds": seeds * rates,
        "iterations": at.iterations,
        "optimizer": at.optimizer,
        "entropy_coef": cell.agent.entropy_coef,
        "record_every": at.record_every,
        "progress": progress,
    }
    mazes, estimator = [at.maze(seed) for seed in seeds] * rates, cell.agent.candidate.build(at.k)
    if at.policy == "mlp":
        from maxpo_bench.agents.mlp_population import train_mlp_population

        return train_mlp_population(mazes, estimator, **options)
    snapshots = at.snapshot_iterations() if cell.has_variances else ()
    return train_population(mazes, estimator, snapshot_at=snapshots, **options)


def _variances(cell: MazeCell, trained: PopulationResult, seeds: list[int]) -> Values:
    """Total variances of EI and EI+L2O [rates, snapshots, seeds] at the policies of the evaluation seeds."""
    at = cell.setting
    shape = (len(at.rates), at.snapshots, len(seeds))
    found = {"variance_ei": np.zeros(shape), "variance_ei_l2o": np.zeros(shape)}
    mazes = [at.maze(seed) for seed in seeds]
    for point, iteration in enumerate(at.snapshot_iterations()):
        theta, bias = trained.snapshots[iteration]
        for rate in range(len(at.rates)):
            for place, (maze, seed) in enumerate(zip(mazes, seeds, strict=True)):
                run = rate * (at.tuning + at.instances) + at.tuning + place
                stream = derive_seed(seed, "variance", iteration)
                policy = theta[run, : maze.num_states], bias[run]
                ratio = variance_ratio(maze, *policy, at.n, at.k, at.num_groups, stream)
                found["variance_ei"][rate, point, place] = ratio.variance_ei
                found["variance_ei_l2o"][rate, point, place] = ratio.variance_ei_l2o
    return found
