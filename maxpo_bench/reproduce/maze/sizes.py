"""What the maze figures go over: the paper's protocol (App G.2), with our choices where it is silent, or less."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from maxpo_bench.agents.maze_runs import Optimizer
from maxpo_bench.registry import Registry

Rates = tuple[float, ...]
INSTANCES = ("instances", "mlp_instances", "peer_instances")


@dataclass(frozen=True)
class MazeSize:
    """How much of Figures 6 and 7 to compute.

    Attributes:
        name: of the size.
        instances: evaluation seeds; each is a maze and a training run of every agent.
        tuning: further seeds, on which learning rates are chosen.
        seed: root of all seeds.
        length: states on the path.
        iterations: of a training run.
        last: iterations at the end that are scored.
        record_every: iterations between two points of a curve.
        snapshots: policies along a training run at which the variance ratio is measured, the first one included.
        num_groups: groups on which a variance is sampled.
        share: majority share of Figure 7.
        k: K of the curves of Figure 7.
        group_sizes: n.
        objectives: K.
        shares: majority shares of the overview.
        sgd_rates: learning rates of plain gradient ascent.
        adam_rates: learning rates of Adam.
        searched_shares: majority shares of the search for the paper's figure.
        searched_objectives: K of that search.
        mlp_group_size: n of the multilayer perceptrons.
        mlp_instances: their evaluation seeds.
        mlp_tuning: their tuning seeds.
        mlp_sgd_rates: their learning rates of plain gradient ascent.
        mlp_adam_rates: their learning rates of Adam.
        peers: algorithms of Stable-Baselines3 and sb3-contrib that are trained beside the paper's agents.
        peer_group_size: n of the paper's agents beside the peers.
        peer_budget: environment steps of every run there: about as many as EI+L2O takes in Figure 7 at n = 16.
        peer_iterations: largest number of iterations of the paper's agents there.
        peer_instances: evaluation seeds there.
        peer_tuning: tuning seeds there.
    """

    name: str = "paper"
    instances: int = 20
    tuning: int = 10
    seed: int = 0
    length: int = 1000
    iterations: int = 3000
    last: int = 100
    record_every: int = 100
    snapshots: int = 7
    num_groups: int = 300
    share: float = 0.8
    k: int = 4
    group_sizes: tuple[int, ...] = (8, 16, 32, 64)
    objectives: tuple[int, ...] = (2, 4, 8)
    shares: tuple[float, ...] = (0.7, 0.8, 0.9)
    sgd_rates: Rates = (0.01, 0.03, 0.1, 0.3, 1.0)
    adam_rates: Rates = (0.001, 0.003, 0.01, 0.03, 0.1)
    searched_shares: tuple[float, ...] = (0.6, 0.7, 0.8, 0.9)
    searched_objectives: tuple[int, ...] = (2, 4)
    mlp_group_size: int = 16
    mlp_instances: int = 5
    mlp_tuning: int = 3
    mlp_sgd_rates: Rates = (0.0003, 0.001, 0.003, 0.01, 0.03)
    mlp_adam_rates: Rates = (0.00003, 0.0001, 0.0003, 0.001, 0.003)

    peers: tuple[str, ...] = ("ppo", "a2c", "trpo", "ars")
    peer_group_size: int = 16
    peer_budget: int = 6_000_000
    peer_iterations: int = 10_000
    peer_instances: int = 5
    peer_tuning: int = 2

    def __post_init__(self) -> None:
        for name in INSTANCES:
            if getattr(self, name) < 2:
                raise ValueError(f"{name} must be at least 2 for intervals, got {getattr(self, name)}: raise it")

    @property
    def note(self) -> str:
        """What a caption begins with where the size is not the paper's."""
        return "" if self.name == "paper" else f"Size {self.name}, smaller than the paper's. "

    def rates(self, optimizer: Optimizer) -> Rates:
        """The learning rates of an optimizer."""
        return self.sgd_rates if optimizer == "sgd" else self.adam_rates

    def mlp_rates(self, optimizer: Optimizer) -> Rates:
        """The learning rates of an optimizer for multilayer perceptrons."""
        return self.mlp_sgd_rates if optimizer == "sgd" else self.mlp_adam_rates


SIZES: Registry[MazeSize] = Registry("size")
SIZES.register("paper", MazeSize())
SIZES.register(
    "quick",
    MazeSize(
        name="quick",
        instances=5,
        tuning=3,
        length=200,
        iterations=400,
        last=100,
        record_every=20,
        snapshots=5,
        num_groups=100,
        group_sizes=(8, 16),
        objectives=(2, 4),
        shares=(0.8,),
        searched_shares=(0.8,),
        mlp_instances=3,
        mlp_tuning=2,
        peer_budget=60_000,
        peer_iterations=400,
        peer_instances=2,
        peer_tuning=1,
    ),
)


def size_of(name: str, *, instances: int | None, seed: int) -> MazeSize:
    """Return a size by name, with another number of evaluation seeds if one is given.

    Raises:
        UnknownNameError: no such size; the message suggests the nearest.
        ValueError: fewer than 2 instances.
    """
    changes: dict[str, Any] = {} if instances is None else dict.fromkeys(INSTANCES, instances)
    return replace(SIZES.get(name), seed=seed, **changes)
