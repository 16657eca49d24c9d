"""Which cells the maze figures are made of, and computing those that are not there yet, some at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from maxpo_bench.agents.maze_runs import Optimizer
from maxpo_bench.envs.maze_layout import DeadEndLength
from maxpo_bench.plots.frames import Frame
from maxpo_bench.reproduce.cell_files import Values
from maxpo_bench.reproduce.maze.agents import MazeAgent
from maxpo_bench.reproduce.maze.cells import MazeCell, MazeSetting, chosen, compute
from maxpo_bench.reproduce.maze.pool import in_threads
from maxpo_bench.reproduce.maze.sizes import MazeSize

Progress = Callable[[int, int], None]
OPTIMIZERS: tuple[Optimizer, ...] = ("sgd", "adam")


@dataclass(frozen=True)
class Measured:
    """The numbers of some maze figures.

    Attributes:
        size: what was gone over.
        values: of each cell.
        computed: how many cells were computed now; the others had been stored.
    """

    size: MazeSize
    values: dict[MazeCell, Values]
    computed: int

    def finals(self) -> Frame:
        """One row per cell, learning rate and evaluation seed; REINFORCE stands for every K."""
        return _frame(
            _row(cell, k)
            | {"learning_rate": rate, "seed": seed, "is_chosen": number == chosen(values)}
            | {"p_action_1": values["curve_p_action_1"][-1, number, seed]}
            | {name: values[name][number, seed] for name in ("returns", "exact_return", "env_steps")}
            for cell, values, k in self._each()
            for number, rate in enumerate(cell.setting.rates)
            for seed in range(cell.setting.instances)
        )

    def curves(self, optimizer: Optimizer, share: float | None, k: int, rate: float | None = None) -> Frame:
        """One row per agent, n, point and evaluation seed of one setting; REINFORCE stands for every K.

        Args:
            optimizer: "sgd" or "adam".
            share: majority share; None for all.
            k: objective size.
            rate: learning rate of all; None for the chosen ones.
        """
        return _frame(
            _row(cell, k)
            | {"seed": seed, "iteration": (point + 1) * cell.setting.record_every}
            | {name: values[f"curve_{name}"][point, number, seed] for name in ("return", "p_action_1")}
            for cell, values, each in self._each()
            if (cell.setting.optimizer, each) == (optimizer, k) and share in (None, cell.setting.share)
            for number in [chosen(values) if rate is None else cell.setting.rates.index(rate)]
            for point in range(len(values["curve_return"]))
            for seed in range(cell.setting.instances)
        )

    def variance_ratios(self) -> Frame:
        """One row per cell of EI+L2O, learning rate, snapshot and seed: variance of EI+L2O over EI's (Eq 125).

        Where EI's variance is 0, since all groups are alike, there is no row.
        """
        return _frame(
            _row(cell, k)
            | {"learning_rate": rate, "is_chosen": number == chosen(values), "seed": seed, "iteration": iteration}
            | {"ratio": values["variance_ei_l2o"][place] / values["variance_ei"][place]}
            for cell, values, k in self._each()
            if cell.has_variances
            for number, rate in enumerate(cell.setting.rates)
            for point, iteration in enumerate(cell.setting.snapshot_iterations())
            for seed in range(cell.setting.instances)
            if min(values[name][place := (number, point, seed)] for name in ("variance_ei", "variance_ei_l2o")) > 0
        )

    def _each(self) -> Iterator[tuple[MazeCell, Values, int]]:
        """Yield the cells with the values of K that they stand for."""
        objectives = sorted({cell.setting.k for cell in self.values if cell.agent.has_k})
        for cell, values in self.values.items():
            for k in [cell.setting.k] if cell.agent.has_k else objectives:
                yield cell, values, k


def fig7_cells(size: MazeSize, agents: Sequence[MazeAgent]) -> list[MazeCell]:
    """Figure 7 and its overview: every optimizer, share, n, K and agent, where the estimator is defined."""
    return _cells(size, agents, size.shares, 1, size.objectives)


def search_cells(size: MazeSize, agents: Sequence[MazeAgent]) -> list[MazeCell]:
    """The search for the paper's figure: dead ends of one or two steps, as its text has them."""
    return _cells(size, agents, size.searched_shares, "mixed", size.searched_objectives)


def _cells(
    size: MazeSize,
    agents: Sequence[MazeAgent],
    shares: Sequence[float],
    dead_end_length: DeadEndLength,
    objectives: Sequence[int],
) -> list[MazeCell]:
    return [
        MazeCell(_setting(size, optimizer, share, dead_end_length, n, k), agent)
        for optimizer in OPTIMIZERS
        for share in shares
        for n in size.group_sizes
        for agent in agents
        for k in (objectives if agent.has_k else [size.k])
        if agent.candidate.supports(n, k)
    ]


def mlp_cells(size: MazeSize, agents: Sequence[MazeAgent]) -> list[MazeCell]:
    """Figure 7 with multilayer perceptrons, at one n and K."""
    n, k = size.mlp_group_size, size.k
    return [
        MazeCell(
            replace(
                _setting(size, optimizer, share, 1, n, k),
                policy="mlp",
                rates=size.mlp_rates(optimizer),
                tuning=size.mlp_tuning,
                instances=size.mlp_instances,
            ),
            agent,
        )
        for optimizer in OPTIMIZERS
        for share in size.shares
        for agent in agents
        if agent.candidate.supports(n, k)
    ]


def peer_setting(size: MazeSize, optimizer: Optimizer) -> MazeSetting:
    """Where the paper's agents are trained beside the peers."""
    return replace(
        _setting(size, optimizer, size.share, 1, size.peer_group_size, size.k),
        iterations=size.peer_iterations,
        tuning=size.peer_tuning,
        instances=size.peer_instances,
    )


def _setting(
    size: MazeSize, optimizer: Optimizer, share: float, dead_end_length: DeadEndLength, n: int, k: int
) -> MazeSetting:
    """Return one setting of tabular policies."""
    same = ("length", "iterations", "last", "record_every", "snapshots", "num_groups", "tuning", "instances", "seed")
    return MazeSetting(
        policy="tabular",
        optimizer=optimizer,
        share=share,
        dead_end_length=dead_end_length,
        n=n,
        k=k,
        rates=size.rates(optimizer),
        **{name: getattr(size, name) for name in same},
    )


def measure(
    cells: Sequence[MazeCell],
    size: MazeSize,
    folder: Path,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Measured:
    """Compute what is not stored yet; interrupt at will, the next call goes on.

    Each cell is a function of its own setting, so that the numbers don't depend on how many are computed at a time.

    Args:
        cells: what is wanted.
        size: what the figures go over.
        folder: of the stored cells, made if it is missing.
        workers: cells at a time; None for one per core.
        progress: called with (cells done, cells in all).

    Raises:
        ValueError: an estimator fails; what was computed before is kept.
    """
    found = {cell: stored for cell in cells if (stored := cell.load(folder)) is not None}
    missing = [cell for cell in cells if cell not in found]
    report = progress or (lambda done, total: None)
    report(len(found), len(cells))
    for cell, values in in_threads(missing, compute, workers):
        cell.store(folder, values)
        found[cell] = values
        report(len(found), len(cells))
    return Measured(size, {cell: found[cell] for cell in cells}, len(missing))


def _row(cell: MazeCell, k: int) -> dict[str, Any]:
    at = cell.setting
    return {
        "agent": cell.agent.name,
        "optimizer": at.optimizer,
        "share": at.share,
        "dead_ends": str(at.dead_end_length),
        "group_size": at.n,
        "k": k,
    }


def _frame(rows: Iterable[dict[str, Any]]) -> Frame:
    import pandas as pd

    return pd.DataFrame(list(rows))
