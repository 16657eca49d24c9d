"""The paper's agents at a budget of environment steps, in place of one of iterations: for comparison with the peers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from maxpo_bench.agents.maze_population import train_population
from maxpo_bench.reproduce import cell_files
from maxpo_bench.reproduce.cell_files import Floats, Values
from maxpo_bench.reproduce.maze.cells import COMPUTED_BY, MazeCell, chosen
from maxpo_bench.reproduce.maze.pool import in_threads

Progress = Callable[[int, int], None]
RECORD_EVERY = 20
SOURCES = (*COMPUTED_BY, "reproduce/maze/budget.py")


@dataclass(frozen=True)
class BudgetCell:
    """An agent of Figure 7, trained until it has taken so many environment steps.

    Attributes:
        cell: agent and setting; its own number of iterations is the largest one, a multiple of 20.
        budget: environment steps.
        scored: steps at the end of the budget that are scored.
    """

    cell: MazeCell
    budget: int
    scored: int

    def content(self) -> dict[str, Any]:
        """Everything that determines the numbers."""
        own = {"quantity": "maze-budget", "budget": self.budget, "scored": self.scored}
        return self.cell.content() | own | {"formulas": cell_files.hash_of(SOURCES)}

    def path(self, folder: Path) -> Path:
        """Where it is kept."""
        at = self.cell.setting
        name = f"maze-budget-{self.cell.agent.name}-{at.optimizer}-share{at.share:g}-n{at.n}-k{at.k}"
        return cell_files.path_of(folder, name, self.content())

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """What its numbers are called: ``tuning`` [rates, tuning seeds]; the others [rates, seeds]."""
        at = self.cell.setting
        final = (len(at.rates), at.instances)
        return {"tuning": (len(at.rates), at.tuning), "returns": final, "p_action_1": final, "env_steps": final}


def at_budget(steps: Floats, values: Floats, budget: int, scored: int) -> tuple[Floats, Floats]:
    """Return `[P]` means over the last `scored` environment steps of a budget, and the steps `[P]` really taken.

    Records are whole: the one in which a run reaches the budget is its last. A run that never does is scored at its
    end.

    Args:
        steps: `[T, P]` environment steps in each record.
        values: `[T, P]` mean of what is scored in each record.
        budget: environment steps.
        scored: at least the last record is.
    """
    done = np.cumsum(steps, axis=0)
    last = np.minimum((done < budget).sum(axis=0), len(steps) - 1)
    means = np.zeros(steps.shape[1])
    for run, end in enumerate(last):
        first = min(int((done[:, run] <= done[end, run] - scored).sum()), int(end))
        means[run] = values[first : end + 1, run].mean()
    return means, done[last, np.arange(steps.shape[1])]


def compute(job: BudgetCell, progress: Progress | None = None) -> Values:
    """Train with every learning rate on every seed and score each run at the budget."""
    at, agent = job.cell.setting, job.cell.agent
    seeds, rates = [seed for part in at.seeds() for seed in part], len(at.rates)
    trained = train_population(
        [at.maze(seed) for seed in seeds] * rates,
        agent.candidate.build(at.k),
        n=at.n,
        learning_rates=np.repeat(at.rates, len(seeds)),
        seeds=seeds * rates,
        iterations=at.iterations,
        optimizer=at.optimizer,
        entropy_coef=agent.entropy_coef,
        record_every=RECORD_EVERY,
        progress=progress,
    )
    returns, taken = at_budget(trained.env_steps, trained.return_mean, job.budget, job.scored)
    last, _ = at_budget(trained.env_steps, trained.p_action_1, job.budget, 1)
    tables = {"returns": returns, "p_action_1": last, "env_steps": taken}
    split = {name: row.reshape(rates, len(seeds)) for name, row in tables.items()}
    values = {name: np.ascontiguousarray(table[:, at.tuning :]) for name, table in split.items()}
    return values | {"tuning": np.ascontiguousarray(split["returns"][:, : at.tuning])}


def measure(
    jobs: Sequence[BudgetCell], folder: Path, *, workers: int | None = None, progress: Progress | None = None
) -> dict[BudgetCell, Values]:
    """Compute what is not stored yet; interrupt at will, the next call goes on.

    Args:
        jobs: what is wanted.
        folder: of the stored cells, made if it is missing.
        workers: jobs at a time; None for one per core.
        progress: called with (jobs done, jobs in all).
    """
    stored = {job: cell_files.read(job.path(folder), job.content(), job.shapes()) for job in jobs}
    found = {job: values for job, values in stored.items() if values is not None}
    report = progress or (lambda done, total: None)
    report(len(found), len(jobs))
    for job, values in in_threads([job for job in jobs if job not in found], compute, workers):
        cell_files.write(job.path(folder), job.content(), values)
        found[job] = values
        report(len(found), len(jobs))
    return {job: found[job] for job in jobs}


def row(job: BudgetCell, values: Values) -> dict[str, Any]:
    """The chosen learning rate, its mean return on the tuning seeds, and what it gave, by evaluation seed."""
    best = chosen(values)
    return {"learning_rate": job.cell.setting.rates[best], "tuned": values["tuning"][best].mean()} | {
        name: values[name][best] for name in ("returns", "p_action_1", "env_steps")
    }
