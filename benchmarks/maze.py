"""Speed of the maze's vector environment and of training in it.

Environments: environment steps per second of our vector environment (NumPy operations; at 256 environments and more one
compiled pass), of Gymnasium's SyncVectorEnv and AsyncVectorEnv around our scalar environment, of gymnax's scan over the
same maze and over environments of its own (compiled before), and of EnvPool's CartPole; with actions drawn in the
measured loop and with actions drawn before; with random actions, where every second step ends an episode, and with
correct ones mostly. Steps that only restart an episode do not count. Training: microseconds per environment step of our
group agent and of Stable-Baselines3's A2C.

One process, one thread, medians of interleaved calls; AsyncVectorEnv alone uses a process for each environment.

    pip install -e '.[bench]'
    python benchmarks/maze.py --out results/benchmarks

writes maze.json and a figure. Without the extra, the rows of gymnax and EnvPool are left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import maze_training
import numpy as np
import torch
from maze_figure import maze_figure
from maze_training import GROUP, PEER, PLAIN, time_training
from maze_walks import (
    ASYNC,
    DRAWN,
    ENVPOOL,
    MIXES,
    OURS,
    RANDOM,
    SOURCES,
    SYNC,
    Cell,
    async_walk,
    envpool_walk,
    own_walk,
    sync_walk,
)
from measuring import Bar, interleaved, machine, show_bars, version_of, write_json
from rich import box
from rich.console import Console
from rich.table import Table

from maxpo_bench.plots.style import save
from maxpo_bench.seeding import derive_seed

SIZES = (64, 1024, 4096)
FEW, MANY = 64, 1024
TRAINING_SIZES = (16, 64, 256, 1024)
TRAINING_LENGTHS = (1000, 20)
OVER_SYNC, OVER_GYMNAX = 50.0, 0.7
EXTRAS = ("gymnax", "envpool")
NEEDED = {"gymnax": ("gymnax", "jax", "six"), "envpool": ("envpool",)}
GYMNAX_MAZE = "gymnax scan, our maze"
Row = dict[str, Any]


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="numbers of environments")
    parser.add_argument("--length", type=int, default=1000, help="states on the maze's path")
    parser.add_argument("--steps", type=int, default=300, help="of every environment in one call")
    parser.add_argument("--rounds", type=int, default=41, help="calls of what is fast")
    parser.add_argument("--budget", type=float, default=4.0, help="seconds for each thing that is timed")
    parser.add_argument("--processes", type=int, default=0, help="environments of AsyncVectorEnv; 0: without it")
    parser.add_argument("--training-sizes", type=int, nargs="*", default=list(TRAINING_SIZES), metavar="N")
    parser.add_argument("--training-lengths", type=int, nargs="+", default=list(TRAINING_LENGTHS))
    parser.add_argument("--training-rounds", type=int, default=7, help="calls of each agent")
    parser.add_argument(
        "--training-steps", type=int, default=5000, help="environment steps of a call, 20 each at least"
    )
    parser.add_argument("--seed", type=int, default=0, help="of actions, episodes and agents")
    parser.add_argument("--out", type=Path, help="folder for the JSON file and the figure; default: nothing is written")
    options = parser.parse_args(arguments)
    if min(*options.sizes, *options.training_lengths, options.length, options.steps, options.rounds) < 1:
        parser.error("--sizes, --length, --training-lengths, --steps and --rounds must be at least 1")
    if min(options.training_rounds, options.training_steps) < 1 or options.budget <= 0 or options.processes < 0:
        parser.error(
            "--training-rounds and --training-steps must be at least 1, --budget positive, --processes not negative"
        )
    if any(size < 8 for size in options.training_sizes):
        parser.error("--training-sizes must be at least 8: a group needs more than K = 4 episodes")
    return options


def find_missing() -> dict[str, str]:
    """Return which of the extra contestants cannot be measured here, and why."""
    missing = {}
    for name in EXTRAS:
        absent = [module for module in NEEDED[name] if importlib.util.find_spec(module) is None]
        if absent:
            missing[name] = f"{', '.join(absent)} not installed: pip install -e '.[bench]'"
    return missing


def environment_rows(options: argparse.Namespace, missing: Sequence[str]) -> list[Row]:
    """Time all contestants in each cell: a mix of actions, and whether they are drawn in the loop."""
    rows = []
    order = np.random.default_rng(derive_seed(options.seed, "order"))
    for mix in MIXES:
        for source in SOURCES:
            cell = Cell(mix, source, options.steps, options.length, options.seed)
            found = contestants(cell, options, missing)
            calls = {f"{name}|{size}": call for (name, size), call in found.items()}
            timings = interleaved(calls, rounds=options.rounds, budget=options.budget, rng=order)
            for (name, size), call in found.items():
                moving = call.environment_steps() if hasattr(call, "environment_steps") else size * options.steps
                rows.append(row_of(name, size, cell, moving, timings[f"{name}|{size}"].to_dict()))
                if name == ASYNC:
                    call.env.close()
    return rows


def row_of(name: str, num_envs: int, cell: Cell, moving: int, timing: dict[str, float]) -> Row:
    """Describe one contestant's speed at the median, in environment steps and in calls of step."""
    return {
        "name": name,
        "num_envs": num_envs,
        "mix": cell.mix,
        "actions": cell.source,
        "environment_steps": moving,
        "steps_per_second": moving / timing["median_s"],
        "us_per_batch": 1e6 * timing["median_s"] / cell.steps,
        **timing,
    }


def contestants(cell: Cell, options: argparse.Namespace, missing: Sequence[str]) -> dict[tuple[str, int], Any]:
    """Return what is timed, by name and number of environments."""
    made: dict[tuple[str, int], Callable[[], Any]] = {}
    for size in options.sizes:
        made |= {(name, size): partial(own_walk, cell, size, mode) for name, mode in OURS.items()}
    made |= {(name, FEW): partial(sync_walk, cell, FEW, mode) for name, mode in SYNC.items()}
    if options.processes:
        made[ASYNC, options.processes] = partial(async_walk, cell, options.processes)
    if "gymnax" not in missing:
        from maze_gymnax import BUILT_IN, built_in_scan, maze_scan

        made |= {(GYMNAX_MAZE, size): partial(maze_scan, cell, size) for size in options.sizes}
        if cell.mix == RANDOM:
            made |= {(name, MANY): partial(built_in_scan, cell, MANY, id_) for name, id_ in BUILT_IN.items()}
    if "envpool" not in missing and cell.mix == RANDOM:
        made[ENVPOOL, MANY] = partial(envpool_walk, cell, MANY)
    return {key: make() for key, make in made.items()}


def find(rows: Sequence[Row], **wanted: Any) -> Row | None:
    """Return the row with these values, or None."""
    return next((row for row in rows if all(row[key] == value for key, value in wanted.items())), None)


def ratios(rows: Sequence[Row]) -> list[Row]:
    """Each of our modes at 1024 over the faster SyncVectorEnv at 64 and over gymnax's scan at 1024, in every cell."""
    found = []
    for name in OURS:
        for mix in MIXES:
            for source in SOURCES:
                cell = {"mix": mix, "actions": source}
                own = find(rows, name=name, num_envs=MANY, **cell)
                sync = [row for other in SYNC if (row := find(rows, name=other, num_envs=FEW, **cell))]
                scan = find(rows, name=GYMNAX_MAZE, num_envs=MANY, **cell)
                if own is None:
                    continue
                speed = own["steps_per_second"]
                over_sync = speed / max(row["steps_per_second"] for row in sync)
                over_gymnax = None if scan is None else speed / scan["steps_per_second"]
                found.append({"name": name, **cell, "over_sync": over_sync, "over_gymnax": over_gymnax})
    return found


def all_bars(report: Row) -> list[Bar]:
    """Hold the figures of a report to their bars."""
    bars = []
    default = next(iter(OURS))
    for mix in MIXES:
        row = find(report["ratios"], name=default, mix=mix, actions=DRAWN) or {}
        what, where = f"{default} at {MANY}, {mix} actions, over", "" if row else f"--sizes without {MANY}"
        bars.append(Bar(f"{what} SyncVectorEnv at {FEW}", OVER_SYNC, row.get("over_sync"), False, "x", where))
        note = where or report["missing"].get("gymnax", "")
        bars.append(Bar(f"{what} gymnax's scan at {MANY}", OVER_GYMNAX, row.get("over_gymnax"), False, "x", note))
    for row in report["training"]:
        if row["name"] in (PEER, PLAIN):
            own = find(report["training"], name=GROUP, num_envs=row["num_envs"], length=row["length"])
            assert own is not None
            what = f"time per step, {row['num_envs']} environments, length {row['length']}: {GROUP} over {row['name']}"
            bars.append(Bar(what, 1.0, own["median_us"] / row["median_us"], unit="x"))
    return bars


def show(report: Row, console: Console) -> None:
    """Print steps per second, our ratios, and training's time per step."""
    columns = [(mix, source) for mix in MIXES for source in SOURCES]
    heads = [f"{mix}, {source}" for mix, source in columns]
    rows = report["environments"]
    speeds = Table(title="Million environment steps per second", box=box.SIMPLE_HEAD, title_justify="left")
    for head in ("", "environments", *heads):
        speeds.add_column(head, justify="right" if head else "left")
    for name, size in dict.fromkeys((row["name"], row["num_envs"]) for row in rows):
        cells = [find(rows, name=name, num_envs=size, mix=mix, actions=source) for mix, source in columns]
        speeds.add_row(name, str(size), *(f"{cell['steps_per_second'] / 1e6:.3g}" if cell else "-" for cell in cells))
    console.print(speeds, show_ratios(report["ratios"], columns))
    for length in dict.fromkeys(row["length"] for row in report["training"]):
        console.print(show_training([row for row in report["training"] if row["length"] == length], length))
    for name, why in report["missing"].items():
        console.print(f"left out: {name} ({why})")


def show_ratios(rows: Sequence[Row], columns: Sequence[tuple[str, str]]) -> Table:
    """Make the table of our ratios."""
    table = Table(title=f"Ours at {MANY} environments over", box=box.SIMPLE_HEAD, title_justify="left")
    for head in ("", "", *(f"{mix}, {source}" for mix, source in columns)):
        table.add_column(head, justify="right" if head else "left")
    for key, against in (("over_sync", f"SyncVectorEnv at {FEW}"), ("over_gymnax", f"gymnax scan at {MANY}")):
        for name in OURS:
            cells = [find(rows, name=name, mix=mix, actions=source) for mix, source in columns]
            table.add_row(against, name, *(f"{cell[key]:.3g}" if cell and cell[key] else "-" for cell in cells))
    return table


def show_training(rows: Sequence[Row], length: int) -> Table:
    """Make the table of one maze's training times."""
    title = f"Training, length {length}: microseconds per environment step"
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
    sizes = list(dict.fromkeys(row["num_envs"] for row in rows))
    for head in ("", *(f"{size} environments" for size in sizes)):
        table.add_column(head, justify="right" if head else "left")
    for name in dict.fromkeys(row["name"] for row in rows):
        cells = [find(rows, name=name, num_envs=size) for size in sizes]
        table.add_row(name, *(f"{cell['median_us']:.2f}" if cell else "-" for cell in cells))
    return table


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    torch.set_num_threads(1)
    missing = find_missing()
    described = machine()
    described["versions"] |= {
        name: version_of(name) for name in ("gymnasium", "stable-baselines3", "gymnax", "jax", "envpool")
    }
    environments = environment_rows(options, list(missing))
    report: Row = {
        "machine": described,
        "setting": {name: value for name, value in vars(options).items() if name != "out"},
        "words": {"mixes": MIXES, "actions": SOURCES, "agents": maze_training.WORDS},
        "missing": missing,
        "environments": environments,
        "ratios": ratios(environments),
        "training": time_training(
            options.training_sizes,
            options.training_lengths,
            rounds=options.training_rounds,
            steps=options.training_steps,
            seed=options.seed,
        ),
    }
    bars = all_bars(report)
    report["bars"] = [bar.to_dict() for bar in bars]
    console = Console(width=None if sys.stdout.isatty() else 130)
    show(report, console)
    show_bars(bars, console)
    if options.out is not None:
        write_json(options.out / "maze.json", report)
        save(maze_figure(report), options.out, "maze", ("png", "svg"))


if __name__ == "__main__":
    main()
