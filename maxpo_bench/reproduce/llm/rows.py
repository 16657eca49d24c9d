"""What the runs of the tiny model's experiment say: learning rates chosen on tuning seeds, results on the others."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from maxpo_bench.reproduce.cell_files import Floats

Record = Mapping[str, Any]
PROXY = "adam_variance_proxy"
_PASS_AT = re.compile(r"pass@(\d+)")


@dataclass(frozen=True, eq=False)
class Cell:
    """One method at one learning rate; `S` seeds, `k` ascending, `T` points of a curve.

    Attributes:
        method: its name.
        learning_rate: of Adam.
        seeds: `[S]`.
        ks: `[k]` numbers of draws.
        passed: `[S, k]` pass@k after training.
        base: `[S, k]` pass@k of the same seeds' models before.
        proxy: `[S]` the proxy of the gradient's variance, mean over the last quarter of the steps.
        entropy: `[S]` nats per token, at the end.
        seconds: `[S]` per optimisation step.
        expansion: `[S]` problems that only the trained model solves.
        shrinkage: `[S]` problems that only the base solves.
        steps: `[T]` of the curve.
        proxy_curve: `[S, T]`.
    """

    method: str
    learning_rate: float
    seeds: tuple[int, ...]
    ks: tuple[int, ...]
    passed: Floats
    base: Floats
    proxy: Floats
    entropy: Floats
    seconds: Floats
    expansion: Floats
    shrinkage: Floats
    steps: Floats
    proxy_curve: Floats

    def at(self, k: int) -> Floats:
        """pass@k after training by seed, `[S]`."""
        return self.passed[:, self.ks.index(k)]

    def base_at(self, k: int) -> Floats:
        """pass@k before by seed, `[S]`."""
        return self.base[:, self.ks.index(k)]


@dataclass(frozen=True, eq=False)
class Row:
    """One method with its chosen learning rate.

    Attributes:
        cell: its runs on the evaluation seeds.
        grid: its runs on the tuning seeds, by learning rate, ascending.
        others: its runs on the evaluation seeds at other learning rates.
    """

    cell: Cell
    grid: tuple[Cell, ...]
    others: tuple[Cell, ...] = ()

    @property
    def method(self) -> str:
        """The method's name."""
        return self.cell.method

    def at_rate(self, learning_rate: float) -> Cell | None:
        """Return the runs on the evaluation seeds at a learning rate; None where there are none."""
        return next((cell for cell in (self.cell, *self.others) if cell.learning_rate == learning_rate), None)

    @property
    def is_at_edge(self) -> bool:
        """Is the chosen learning rate the least or the greatest of several?"""
        rates = [cell.learning_rate for cell in self.grid]
        return len(rates) > 1 and self.cell.learning_rate in (rates[0], rates[-1])


def cells_of(records: Sequence[Record]) -> list[Cell]:
    """Return the runs by method and learning rate, in the order of the records."""
    found: dict[tuple[str, float], list[Record]] = {}
    for record in records:
        found.setdefault((method_of(record), rate_of(record)), []).append(record)
    return [_cell(method, rate, runs) for (method, rate), runs in found.items()]


def choose(cells: Sequence[Cell], method: str, k: int) -> float:
    """Return the learning rate with the highest mean pass@k of a method; of equal ones the smaller."""
    own = sorted((cell for cell in cells if cell.method == method), key=lambda cell: cell.learning_rate)
    return max(own, key=lambda cell: float(cell.at(k).mean())).learning_rate


def method_of(record: Record) -> str:
    """The method of a run."""
    return record["spec"]["agent"]


def rate_of(record: Record) -> float:
    """The learning rate of a run."""
    return float(record["spec"]["agent_kwargs"]["learning_rate"])


def _cell(method: str, rate: float, runs: Sequence[Record]) -> Cell:
    runs = sorted(runs, key=lambda run: run["spec"]["seed"])
    summaries = [run["summary"] for run in runs]
    ks = tuple(sorted(int(found[1]) for name in summaries[0] if (found := _PASS_AT.fullmatch(name))))

    def column(name: str) -> Floats:
        return np.array([math.nan if summary[name] is None else summary[name] for summary in summaries], dtype=float)

    return Cell(
        method=method,
        learning_rate=rate,
        seeds=tuple(run["spec"]["seed"] for run in runs),
        ks=ks,
        passed=np.stack([column(f"pass@{k}") for k in ks], axis=1),
        base=np.stack([column(f"base_pass@{k}") for k in ks], axis=1),
        proxy=column(PROXY),
        entropy=column("entropy"),
        seconds=column("seconds_per_step"),
        expansion=column("support_expansion"),
        shrinkage=column("support_shrinkage"),
        steps=np.array(runs[0]["curves"]["iteration"], dtype=float),
        proxy_curve=np.array([run["curves"][PROXY] for run in runs], dtype=float),
    )
