"""Do max@K agents escape the maze's local optimum where REINFORCE does not? The paper's Figure 7, step sizes tuned.

Every agent is trained with every step size of one grid on tuning seeds; the step size with the highest mean return over
the last iterations is then trained on evaluation seeds that tuning never saw. Plain gradient ascent with the factor 1/n
(Eq 122-124). Intervals are Student's t over seeds, 95 %.

A seed is a maze and the random numbers of a training run, so that the intervals speak of the family of mazes: how much
there is to gain differs a lot between mazes. ``--instance 0`` puts every seed into one maze instead.

    python benchmarks/maze_agents.py --out results/benchmarks/maze_agents.json

The file is written after each agent, and a second call with the same options goes on from there.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from rich import box
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from maxpo_bench.agents.maze_population import PopulationResult, train_population
from maxpo_bench.envs.maze import MazeLayout
from maxpo_bench.seeding import derive_seed
from maxpo_bench.stats import mean_interval, ratio_of_means_interval

AGENTS: dict[str, tuple[str, float]] = {
    "reinforce": ("reinforce_l1o", 0.0),
    "reinforce_entropy": ("reinforce_l1o", 0.01),
    "ei": ("ei", 0.0),
    "ei_l1o": ("ei_l1o", 0.0),
    "ei_l2o": ("ei_l2o", 0.0),
}
RECORD_EVERY = 20


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--majority-share", type=float, default=0.8, help="share of states where action 1 is correct")
    parser.add_argument("--length", type=int, default=1000, help="states on the correct path")
    parser.add_argument("--instance", type=int, help="the same maze for all seeds; default: a maze for each seed")
    parser.add_argument("-n", "--group-size", type=int, default=16, help="episodes per iteration")
    parser.add_argument("-k", type=int, default=4, help="objective size K")
    parser.add_argument("--iterations", type=int, default=3000)
    parser.add_argument("--last", type=int, default=100, help="iterations at the end that are scored")
    parser.add_argument("--learning-rates", type=float, nargs="+", default=[0.01, 0.03, 0.1, 0.3, 1.0])
    parser.add_argument("--tuning-seeds", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=20, help="evaluation seeds")
    parser.add_argument("--seed", type=int, default=0, help="root of all random streams")
    parser.add_argument("--agents", nargs="+", choices=AGENTS, default=list(AGENTS))
    parser.add_argument("--out", type=Path, help="JSON file; default: nothing is written")
    options = parser.parse_args(arguments)
    for name in ("iterations", "last"):
        if getattr(options, name) < 1 or getattr(options, name) % RECORD_EVERY:
            parser.error(f"--{name} must be a positive multiple of {RECORD_EVERY}")
    if options.last > options.iterations:
        parser.error("--last must be at most --iterations")
    if min(options.tuning_seeds, options.seeds) < 2:
        parser.error("--tuning-seeds and --seeds must be at least 2")
    return options


def setting_of(options: argparse.Namespace) -> dict[str, Any]:
    """Everything that determines the result of one agent."""
    return {name: value for name, value in vars(options).items() if name not in ("out", "agents")}


def seeds_of(options: argparse.Namespace, part: str, count: int) -> list[int]:
    return [derive_seed(options.seed, "maze_agents", part, index) for index in range(count)]


def maze_of(options: argparse.Namespace, seed: int) -> MazeLayout:
    instance = derive_seed(seed, "maze") if options.instance is None else options.instance
    return MazeLayout.generate(options.length, options.majority_share, 1, instance)


def run_agent(name: str, options: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    """Tune and evaluate one agent; return its scores as plain JSON values."""
    estimator, entropy_coef = AGENTS[name]
    task = progress.add_task(name, total=2 * options.iterations)

    def train(rates: list[float], seeds: list[int]) -> PopulationResult:
        return train_population(
            [maze_of(options, seed) for seed in seeds] * len(rates),
            estimator,
            k=options.k,
            n=options.group_size,
            learning_rates=[rate for rate in rates for _ in seeds],
            seeds=seeds * len(rates),
            iterations=options.iterations,
            entropy_coef=entropy_coef,
            record_every=RECORD_EVERY,
            progress=lambda done, total: progress.advance(task, RECORD_EVERY),
        )

    start = time.perf_counter()
    rates = sorted(options.learning_rates)
    tuned = train(rates, seeds_of(options, "tuning", options.tuning_seeds))
    grid = tuned.final_return(options.last).reshape(len(rates), -1)
    best = rates[int(grid.mean(axis=1).argmax())]
    final = train([best], seeds_of(options, "evaluation", options.seeds))
    progress.update(task, description=f"{name} ({time.perf_counter() - start:.0f} s)")
    return {
        "grid": {f"{rate:g}": summary(row) for rate, row in zip(rates, grid, strict=True)},
        "learning_rate": best,
        "evaluation": summary(final.final_return(options.last)),
        "exact_return": summary(final.exact_return),
        "exact_max_at_k": summary(final.exact_max_at_k),
        "p_action_1": summary(final.p_action_1[-1]),
    }


def summary(values: Any) -> dict[str, Any]:
    """Mean, 95 % interval and the values themselves."""
    interval = mean_interval(values)
    return {"mean": interval.estimate, "low": interval.low, "high": interval.high, "values": [float(v) for v in values]}


def load(options: argparse.Namespace) -> dict[str, Any]:
    """Return the agents that an earlier call with the same setting has finished."""
    if options.out is None or not options.out.exists():
        return {}
    stored = json.loads(options.out.read_text(encoding="utf-8"))
    return stored["agents"] if stored["setting"] == setting_of(options) else {}


def store(options: argparse.Namespace, agents: dict[str, Any]) -> None:
    """Replace the file at once, so that a killed call leaves the old or the new one."""
    content = {"setting": setting_of(options), "agents": agents, "comparison": compare(agents, options.seed)}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=options.out.parent, delete=False, encoding="utf-8") as file:
        file.write(json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n")
    os.chmod(file.name, 0o644)
    os.replace(file.name, options.out)


def compare(agents: dict[str, Any], seed: int) -> dict[str, Any]:
    """Each agent's mean return over REINFORCE's, and whether their intervals are disjoint; {} without REINFORCE."""
    if "reinforce" not in agents:
        return {}
    base = agents["reinforce"]["evaluation"]
    result = {}
    for name, agent in agents.items():
        if name == "reinforce":
            continue
        score = agent["evaluation"]
        rng = np.random.default_rng(derive_seed(seed, "maze_agents", "bootstrap", name))
        ratio = ratio_of_means_interval(score["values"], base["values"], rng)
        result[name] = {
            "ratio_to_reinforce": ratio.estimate,
            "ratio_low": ratio.low,
            "ratio_high": ratio.high,
            "is_disjoint": score["low"] > base["high"] or base["low"] > score["high"],
        }
    return result


def show(options: argparse.Namespace, agents: dict[str, Any], console: Console) -> None:
    grid = Table(title=f"Mean return on {options.tuning_seeds} tuning seeds, whole grid", box=box.SIMPLE_HEAD)
    grid.add_column("agent")
    for rate in sorted(options.learning_rates):
        grid.add_column(f"{rate:g}", justify="right")
    final = Table(title=f"Tuned, {options.seeds} evaluation seeds", box=box.SIMPLE_HEAD)
    for column in ("agent", "step size", "mean return", "95 % interval", "over REINFORCE", "disjoint", "P(action 1)"):
        final.add_column(column, justify="left" if column == "agent" else "right")
    comparison = compare(agents, options.seed)
    for name, agent in agents.items():
        cells = [f"{cell['mean']:.1f} [{cell['low']:.1f}, {cell['high']:.1f}]" for cell in agent["grid"].values()]
        grid.add_row(name, *cells)
        score, against = agent["evaluation"], comparison.get(name)
        ratio = (
            f"{against['ratio_to_reinforce']:.2f} [{against['ratio_low']:.2f}, {against['ratio_high']:.2f}]"
            if against
            else ""
        )
        disjoint = ("yes" if against["is_disjoint"] else "no") if against else ""
        interval = f"[{score['low']:.1f}, {score['high']:.1f}]"
        final.add_row(
            name,
            f"{agent['learning_rate']:g}",
            f"{score['mean']:.1f}",
            interval,
            ratio,
            disjoint,
            f"{agent['p_action_1']['mean']:.3f}",
        )
    console.print(grid, final)


def main(arguments: list[str] | None = None) -> None:
    options = parse(arguments)
    console = Console()
    agents = load(options)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        for name in options.agents:
            if name not in agents:
                agents[name] = run_agent(name, options, progress)
                if options.out is not None:
                    store(options, agents)
    maze = "a maze for each seed" if options.instance is None else f"maze {options.instance} for all seeds"
    console.print(
        f"{options.length} states, majority share {options.majority_share}, {maze}; "
        f"n={options.group_size}, K={options.k}, {options.iterations} iterations of plain gradient ascent; "
        f"return: mean over the last {options.last} iterations"
    )
    show(options, {name: agents[name] for name in AGENTS if name in agents}, console)


if __name__ == "__main__":
    main()
