"""The runs of the tiny model's experiment: learning rates tuned on seeds apart, then every method once a seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from maxpo_bench import sweep
from maxpo_bench.reproduce.llm.rows import Cell, Row, cells_of, choose
from maxpo_bench.reproduce.llm.sizes import TinyLMSize
from maxpo_bench.reproduce.sweep_runs import Progress, run_all, shifted
from maxpo_bench.seeding import derive_seed

EXECUTE = "maxpo_bench.llm.tiny.experiment:execute"
ENVIRONMENT = "maxpo/TextReasoning-v0"
POINTS = 40
"""Points of a learning curve."""
RUNS = "tiny-lm"
"""Folder of the runs, below that of the cells."""


def measure(
    size: TinyLMSize, folder: Path, *, workers: int | None = None, progress: Progress | None = None
) -> list[Row]:
    """Train what is not stored yet and return one row per method; interrupt at will, the same call goes on.

    PKPO is trained at MaxPO's learning rate too, where its own is another one.

    The runs are a sweep's, named by what is asked for and not by the code that answers: empty the folder after a
    change of the training loop.

    Args:
        size: what to go over.
        folder: of all cells; the runs are kept in `RUNS` below it.
        workers: runs at a time; None: one per core.
        progress: called with (runs done, runs in all).

    Raises:
        RuntimeError: a run failed; the message says where its traceback is.
        SweepInterrupted: Ctrl-C; the same call goes on.
    """
    tuning = [derive_seed(size.seed, "tiny-lm", "tuning", i) for i in range(size.tuning)]
    evaluation = [derive_seed(size.seed, "tiny-lm", "evaluation", i) for i in range(size.seeds)]
    first = len(size.methods) * len(size.learning_rates) * len(tuning)
    total = first + len(size.methods) * len(evaluation)

    def train(rates: Mapping[str, Sequence[float]], seeds: Sequence[int], before: int) -> list[dict[str, Any]]:
        config = configuration(size, rates, seeds)
        return run_all(config, folder / RUNS, EXECUTE, workers=workers, progress=shifted(progress, before, total))

    tuned = cells_of(train(dict.fromkeys(size.methods, size.learning_rates), tuning, 0))
    best = {method: choose(tuned, method, size.k) for method in size.methods}
    wanted = {method: [rate] for method, rate in best.items()}
    if {"maxpo", "pkpo"} <= set(best) and best["maxpo"] != best["pkpo"]:
        # pass@k at large k falls with the learning rate: the two are compared at one
        wanted["pkpo"].append(best["maxpo"])
        total += len(evaluation)
    final = cells_of(train(wanted, evaluation, first))
    return [_row(method, best[method], final, tuned) for method in size.methods]


def _row(method: str, rate: float, final: Sequence[Cell], tuned: Sequence[Cell]) -> Row:
    own = [cell for cell in final if cell.method == method]
    (chosen,) = [cell for cell in own if cell.learning_rate == rate]
    grid = tuple(cell for cell in tuned if cell.method == method)
    return Row(chosen, grid, tuple(cell for cell in own if cell is not chosen))


def configuration(size: TinyLMSize, rates: Mapping[str, Sequence[float]], seeds: Sequence[int]) -> sweep.SweepConfig:
    """Return the sweep of some methods over their learning rates and some seeds.

    Args:
        size: what to go over.
        rates: learning rates by method.
        seeds: roots of the runs; pretraining and problems are derived of them too.
    """
    common = {
        "k": size.k,
        "group_size": size.group_size,
        "groups_per_step": size.groups_per_step,
        "eval_problems": size.problems,
        "eval_samples": size.samples,
        "pretraining": dict(size.pretraining),
    }
    agents = [
        {"names": [name], "kwargs": common, "grid": {"learning_rate": list(values)}} for name, values in rates.items()
    ]
    return sweep.SweepConfig.from_dict(
        {
            "environments": [{"id": ENVIRONMENT, "kwargs": {"task": "countdown", "difficulty": size.difficulty}}],
            "agents": agents,
            "seeds": list(seeds),
            "iterations": size.steps,
            "log_every": max(1, size.steps // POINTS),
        }
    )
