"""Exact and sampled moments on bandits: time, and agreement with enumeration and with each other.

Exact moments of EI, EI+L1O and EI+L2O (one call) per instance, batched over many; sampled moments against drawing their
random numbers alone and against a plain NumPy loop, in one interleaved run on one thread; medians.

    python benchmarks/bandit.py --out results/benchmarks

writes bandit.json and a figure; --figures also times the command that makes the paper's bandit figures.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from agreement import NAMES, enumeration_differences, grid, sampling_scores
from bandit_figure import bandit_figure
from measuring import Bar, interleaved, machine, show_bars, time_once, write_json
from numpy_loop import loop_moments
from rich import box
from rich.console import Console
from rich.table import Table

from maxpo_bench.estimators import get_estimator
from maxpo_bench.moments import exact_moments, paired_moments
from maxpo_bench.plots.style import save
from maxpo_bench.reproduce.bandit.sizes import SIZES
from maxpo_bench.seeding import derive_seed

K = 4
ARMS = (10, 100, 1000, 10000)
GROUP_SIZES = (8, 16, 32, 64)
SAMPLED = ((100, 16), (1000, 16), (1000, 64), (10000, 16))
EXACT_LIMITS = {(1000, 16): 3.0, (10000, 64): 120.0}
SAMPLING_LIMITS = {(1000, 16): {"over_numbers": 10.0, "loop_over_sampled": 150.0}}
SAMPLING_LABELS = {"over_numbers": "sampling over its random numbers", "loop_over_sampled": "NumPy loop over sampling"}
DRAWN_AT_ONCE = 2**16
Row = dict[str, Any]


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arms", type=int, nargs="+", default=list(ARMS))
    parser.add_argument("--group-sizes", type=int, nargs="+", default=list(GROUP_SIZES), metavar="N")
    parser.add_argument("--instances", type=int, default=100, help="bandits in one call of exact_moments")
    parser.add_argument("--rounds", type=int, default=15, help="calls of what is fast")
    parser.add_argument("--budget", type=float, default=20.0, help="seconds for each thing that is timed")
    parser.add_argument("--groups", type=int, default=100_000, help="sampled groups M")
    parser.add_argument("--loop-groups", type=int, default=2000, help="groups of the NumPy loop; its time is scaled up")
    parser.add_argument("--grid", choices=list(SIZES), default="paper", help="cells that sampling is compared in")
    parser.add_argument("--agreement-groups", type=int, default=50_000, help="groups sampled in each of them")
    parser.add_argument("--seed", type=int, default=0, help="of instances and samples")
    parser.add_argument("--figures", action="store_true", help="also time: maxpo-bench reproduce fig1 fig4 fig5")
    parser.add_argument("--out", type=Path, help="folder for the JSON file and the figure; default: nothing is written")
    options = parser.parse_args(arguments)
    if min(options.arms) < 2 or min(options.group_sizes) <= K:
        parser.error(f"--arms must be at least 2 and --group-sizes more than K = {K}")
    if options.instances < 1 or options.rounds < 1 or options.budget <= 0:
        parser.error("--instances and --rounds must be at least 1, --budget positive")
    if min(options.groups, options.agreement_groups) < 1000 or options.loop_groups < 2:
        parser.error("--groups and --agreement-groups must be at least 1000 and --loop-groups at least 2")
    return options


def draw_instances(arms: int, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw arm rewards and logits `[count, arms]`, all N(0, 1): the paper's protocol."""
    rng = np.random.default_rng(derive_seed(seed, "benchmark bandits", arms))
    return rng.standard_normal((count, arms)), rng.standard_normal((count, arms))


def time_exact(options: argparse.Namespace) -> list[Row]:
    """Time the exact moments of all three estimators in every cell, per instance."""
    rows = []
    estimators = [get_estimator(name, K) for name in NAMES]
    order = np.random.default_rng(derive_seed(options.seed, "order"))
    for arms in options.arms:
        rewards, logits = draw_instances(arms, options.instances, options.seed)
        for n in options.group_sizes:
            call = {"exact": lambda n=n, r=rewards, x=logits: exact_moments(estimators, r, x, n)}
            timing = interleaved(call, rounds=options.rounds, budget=options.budget, rng=order)["exact"]
            per_instance = {
                name.replace("_s", "_ms_per_instance"): 1e3 * seconds / options.instances
                for name, seconds in timing.to_dict().items()
                if name != "calls"
            }
            place = {"arms": arms, "n": n, "k": K, "bar_ms": EXACT_LIMITS.get((arms, n))}
            rows.append({**place, "calls": len(timing.seconds), **per_instance})
    return rows


def time_sampling(options: argparse.Namespace) -> list[Row]:
    """Time sampled moments of EI+L2O, their random numbers alone and the NumPy loop, interleaved."""
    rows = []
    for arms, n in SAMPLED:
        rewards, logits = (values[0] for values in draw_instances(arms, 1, options.seed))
        estimator, seed = get_estimator("ei_l2o", K), derive_seed(options.seed, "sampling", arms, n)
        rng = np.random.default_rng(seed)
        buffer = np.empty(DRAWN_AT_ONCE)
        calls = {
            "sampled": lambda e=estimator, r=rewards, x=logits, n=n, s=seed: paired_moments(
                [e], r, x, n, options.groups, s
            ),
            "numbers": lambda g=rng, b=buffer, n=n: draw_numbers(g, b, options.groups * n),
            "loop": lambda g=rng, r=rewards, x=logits, n=n: loop_moments(r, x, n, K, options.loop_groups, g),
        }
        timings = interleaved(calls, rounds=options.rounds, budget=options.budget, rng=rng)
        loop_factor = options.groups / options.loop_groups
        rows.append(
            {
                "arms": arms,
                "n": n,
                "k": K,
                "groups": options.groups,
                "bars": SAMPLING_LIMITS.get((arms, n), {}),
                "over_numbers": timings["sampled"].over(timings["numbers"]),
                "loop_over_sampled": timings["loop"].over(timings["sampled"]) * loop_factor,
                **{name: timing.to_dict() for name, timing in timings.items()},
            }
        )
    return rows


def draw_numbers(rng: np.random.Generator, buffer: np.ndarray, count: int) -> None:
    """Draw ``count`` uniform numbers, one for each sample, into a buffer that is used again and again."""
    for start in range(0, count, buffer.size):
        rng.random(out=buffer[: min(buffer.size, count - start)])


def time_figures() -> float:
    """Seconds of the command that makes Figures 1, 4 and 5, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "maxpo_bench.cli", "reproduce", "fig1", "fig4", "fig5", "--out", folder]
        return time_once(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))


def all_bars(report: Row) -> list[Bar]:
    """Hold the figures of a report to their bars."""
    bars = []
    for row in report["exact"]:
        if row["bar_ms"] is not None:
            what = f"exact moments per instance, {row['arms']} arms, n={row['n']}"
            bars.append(Bar(what, row["bar_ms"], row["median_ms_per_instance"], unit=" ms"))
    largest = max(each["difference"] for each in report["enumeration"])
    bars.append(Bar("largest relative difference from enumeration", 1e-12, largest))
    bars += [agreement_bar(report["agreement"], moment) for moment in ("mean", "variance")]
    for row in report["sampling"]:
        for key, limit in row["bars"].items():
            what = f"{SAMPLING_LABELS[key]}, {row['arms']} arms, n={row['n']}"
            bars.append(Bar(what, limit, row[key], key == "over_numbers", "x"))
    note = "" if report["figures_s"] is not None else "pass --figures"
    bars.append(Bar("reproduce fig1 fig4 fig5", 90.0, report["figures_s"], unit=" s", note=note))
    return bars


def agreement_bar(cells: Sequence[Row], moment: str) -> Bar:
    """Hold the cell that is farthest from sampling to the bar."""
    most = max(cells, key=lambda cell: cell[f"largest_z_of_{moment}"])
    note = f"{most['arms']} arms, n={most['n']}, K={most['k']}"
    what = f"largest z-score of the {moment} against sampling, {len(cells)} cells"
    return Bar(what, 6.5, most[f"largest_z_of_{moment}"], note=note)


def show(report: Row, console: Console) -> None:
    """Print the time of exact moments per instance, and the ratios of the sampled ones."""
    exact = Table(title="Exact moments, ms per instance", box=box.SIMPLE_HEAD, title_justify="left")
    sizes = list(dict.fromkeys(row["n"] for row in report["exact"]))
    for column in ("arms", *(f"n={n}" for n in sizes)):
        exact.add_column(column, justify="right")
    for arms in dict.fromkeys(row["arms"] for row in report["exact"]):
        cells = [f"{row['median_ms_per_instance']:.3f}" for row in report["exact"] if row["arms"] == arms]
        exact.add_row(str(arms), *cells)
    sampled = Table(title="Sampled moments of EI+L2O", box=box.SIMPLE_HEAD, title_justify="left")
    for column in ("arms", "n", "ms", "over random numbers", "NumPy loop over it"):
        sampled.add_column(column, justify="right")
    for row in report["sampling"]:
        milliseconds = f"{1e3 * row['sampled']['median_s']:.1f}"
        ratios = f"{row['over_numbers']:.2f}", f"{row['loop_over_sampled']:.0f}"
        sampled.add_row(str(row["arms"]), str(row["n"]), milliseconds, *ratios)
    console.print(exact, sampled)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    torch.set_num_threads(1)
    report: Row = {
        "machine": machine(),
        "setting": {name: value for name, value in vars(options).items() if name not in ("out", "figures")},
        "exact": time_exact(options),
        "sampling": time_sampling(options),
        "enumeration": enumeration_differences(options.seed),
        "agreement": [
            sampling_scores(arms, n, k, options.agreement_groups, *draw_instances(arms, 1, options.seed), options.seed)
            for arms, n, k in grid(SIZES.get(options.grid))
        ],
        "figures_s": time_figures() if options.figures else None,
    }
    bars = all_bars(report)
    report["bars"] = [bar.to_dict() for bar in bars]
    console = Console(width=None if sys.stdout.isatty() else 110)
    show(report, console)
    show_bars(bars, console)
    if options.out is not None:
        write_json(options.out / "bandit.json", report)
        save(bandit_figure(report), options.out, "bandit", ("png", "svg"))


if __name__ == "__main__":
    main()
