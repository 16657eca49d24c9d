"""How long the paper's Figure 7 takes in population form: 5 agents, 4 group sizes, 10 runs of 3000 iterations each.

Every run has a maze of 1000 states of its own and one learning rate. The whole figure is computed in one thread, and in
one thread per core; then the same training is stepped through the environment for a few iterations, for the ratio.

    python benchmarks/maze_population.py --out results/benchmarks/maze_population.json
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from measuring import Bar, machine, show_bars, time_once, write_json
from rich import box
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from maxpo_bench.agents import make_agent
from maxpo_bench.agents.maze_population import PopulationResult, train_population
from maxpo_bench.envs.maze import MazeLayout
from maxpo_bench.seeding import derive_seed

AGENTS = {
    "reinforce": ("reinforce_l1o", 0.0),
    "reinforce_entropy": ("reinforce_l1o", 0.01),
    "ei": ("ei", 0.0),
    "ei_l1o": ("ei_l1o", 0.0),
    "ei_l2o": ("ei_l2o", 0.0),
}
GROUP_SIZES = (8, 16, 32, 64)
BAR_SECONDS = 15.0


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--iterations", type=int, default=3000)
    parser.add_argument("--runs", type=int, default=10, help="runs of each agent and group size")
    parser.add_argument("--rounds", type=int, default=3, help="times the figure is computed; the median counts")
    parser.add_argument("--stepped", type=int, default=30, help="iterations stepped through the environment")
    parser.add_argument("--learning-rate", type=float, default=0.1)
    parser.add_argument("--out", type=Path, help="JSON file; default: nothing is written")
    return parser.parse_args(arguments)


def train(agent: str, n: int, options: argparse.Namespace, iterations: int) -> PopulationResult:
    """Train all runs of one agent and group size."""
    estimator, entropy_coef = AGENTS[agent]
    seeds = [derive_seed(0, "benchmark", "maze_population", run) for run in range(options.runs)]
    return train_population(
        [MazeLayout.generate(1000, 0.8, 1, seed) for seed in seeds],
        estimator,
        k=4,
        n=n,
        learning_rates=[options.learning_rate] * options.runs,
        seeds=seeds,
        iterations=iterations,
        entropy_coef=entropy_coef,
        record_every=iterations,
    )


def whole_figure(options: argparse.Namespace, threads: int) -> Callable[[], object]:
    """Return what computes the whole figure in so many threads, the longest parts first."""
    jobs = [partial(train, agent, n, options, options.iterations) for n in reversed(GROUP_SIZES) for agent in AGENTS]

    def compute() -> None:
        with ThreadPoolExecutor(threads) as pool:
            for future in [pool.submit(job) for job in jobs]:
                future.result()

    return compute


def stepped_over_analytic(options: argparse.Namespace) -> dict[str, float]:
    """Microseconds of one iteration of one run, stepped through the environment and in population form, n = 16."""
    agent = make_agent("ei_l2o", "maxpo/Maze-v0", k=4, group_size=16, learning_rate=options.learning_rate, seed=0)
    agent.learn(iterations=2)
    stepped = time_once(lambda: agent.learn(iterations=options.stepped)) / options.stepped
    population = time_once(lambda: train("ei_l2o", 16, options, options.stepped)) / (options.stepped * options.runs)
    return {"stepped_us": 1e6 * stepped, "population_us": 1e6 * population, "ratio": stepped / population}


def main(arguments: list[str] | None = None) -> None:
    options = parse(arguments)
    cores = os.cpu_count() or 1
    for agent in AGENTS:
        train(agent, 8, options, 10)
    seconds: dict[int, list[float]] = {threads: [] for threads in sorted({1, cores})}
    ratios: list[dict[str, float]] = []
    with Progress(transient=True) as progress:
        task = progress.add_task("rounds", total=options.rounds)
        for _ in range(options.rounds):
            for threads, found in seconds.items():
                found.append(time_once(whole_figure(options, threads)))
            ratios.append(stepped_over_analytic(options))
            progress.advance(task)
    report(options, seconds, ratios)


def report(options: argparse.Namespace, seconds: dict[int, list[float]], ratios: list[dict[str, float]]) -> None:
    console = Console()
    found = {threads: median(times) for threads, times in seconds.items()}
    what = f"Figure 7 at one learning rate, {options.runs} runs of {options.iterations} iterations each"
    bar = Bar(what, BAR_SECONDS, min(found.values()), unit=" s")
    table = Table(title="Seconds of the whole figure", box=box.SIMPLE_HEAD, title_justify="left")
    for column in ("threads", "median", "all rounds"):
        table.add_column(column, justify="right")
    for threads, times in seconds.items():
        table.add_row(str(threads), f"{found[threads]:.2f}", ", ".join(f"{time:.2f}" for time in times))
    console.print(table)
    middle = {name: median(each[name] for each in ratios) for name in ratios[0]}
    console.print(
        f"One iteration of one EI+L2O run at n = 16: {middle['stepped_us']:.0f} us stepped through the environment, "
        f"{middle['population_us']:.1f} us in population form, {middle['ratio']:.0f} times"
    )
    show_bars([bar], console)
    if options.out is not None:
        content: dict[str, Any] = {
            "setting": {name: value for name, value in vars(options).items() if name != "out"},
            "machine": machine(),
            "seconds": {str(threads): times for threads, times in seconds.items()},
            "median_seconds": {str(threads): value for threads, value in found.items()},
            "iteration": middle,
            "bars": [bar.to_dict()],
        }
        write_json(options.out, content)


if __name__ == "__main__":
    main()
