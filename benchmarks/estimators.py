"""Speed and errors of the max@K advantage: torch.sort as the unit, the paper's form, PKPO, verl and TRL beside it.

For every size [groups, n] all contestants are timed in one interleaved run on one thread, on the same float32 rewards:
a pool of batches in turn, since training brings new rewards in each step. (--batches 1 repeats one batch. The processor
then learns its branches, and small sorts get three times faster.) Figures are medians, ratios are ratios of medians.
What takes less than 10 ms is timed with warm caches; the times of cold calls, each after somebody else's, stand beside.
Errors are those against exact rationals.

    python benchmarks/estimators.py --out results/benchmarks

writes estimators.json and a figure. verl and TRL are measured where they are installed.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from contestants import (
    AUTOMATIC,
    PKPO,
    SORT,
    TORCH_PATH,
    VERL_PASSK,
    Contestant,
    all_contestants,
    draw_rewards,
)
from exact_errors import DTYPES, FAMILIES, NORMALISED, Error, measure, summarise, worst
from measuring import Bar, Timing, in_turn, interleaved, machine, show_bars, write_json
from ratio_figure import ratio_figure
from rich import box
from rich.console import Console
from rich.table import Table

from maxpo_bench.estimators import BUILT_IN
from maxpo_bench.plots.style import save
from maxpo_bench.seeding import derive_seed

SIZES = ((1024, 8), (1024, 16), (256, 64), (64, 256), (16, 1024), (1, 16384))
ERROR_SIZES = (8, 16, 64, 256, 1024, 4096, 16384)
ERROR_LIMITS = {"float32": 2.5e-7, "float64": 1e-14}
TOLERANCE = 1e-5
OVER_PKPO, OVER_VERL = 250.0, 25.0
Row = dict[str, Any]


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=size_of, nargs="+", default=list(SIZES), metavar="GxN", help="e.g. 1024x16")
    parser.add_argument("--error-sizes", type=int, nargs="*", default=list(ERROR_SIZES), metavar="N")
    parser.add_argument("--rounds", type=int, default=101, help="calls of what is fast")
    parser.add_argument("--batches", type=int, default=64, help="different batches of rewards, in turn (default: 64)")
    parser.add_argument("--budget", type=float, default=5.0, help="seconds for each contestant at each size")
    parser.add_argument("--seed", type=int, default=0, help="of the rewards")
    parser.add_argument("--out", type=Path, help="folder for the JSON file and the figure; default: nothing is written")
    options = parser.parse_args(arguments)
    if options.rounds < 1 or options.budget <= 0:
        parser.error("--rounds must be at least 1 and --budget positive")
    if any(n < 8 for _, n in options.sizes) or any(n < 8 for n in options.error_sizes):
        parser.error("groups must have at least 8 samples: K is 4 and n/2, and the baseline leaves out one more")
    return options


def size_of(text: str) -> tuple[int, int]:
    """Read "1024x16" as (groups, n)."""
    groups, cross, n = text.partition("x")
    if not (cross and groups.isdigit() and n.isdigit() and int(groups) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not GROUPSxN, for example 1024x16")
    return int(groups), int(n)


def check(contestants: Sequence[Contestant], seed: int) -> dict[str, float]:
    """Compare everybody's result with the op it should equal, on a small batch; return the relative differences.

    Raises:
        ArithmeticError: somebody computes something else.
    """
    differences = {}
    for contestant in contestants:
        rewards = draw_rewards(8, 16, seed, is_binary=contestant.is_binary)
        difference = contestant.difference(rewards, 4)
        if difference is not None and not difference <= TOLERANCE:
            raise ArithmeticError(
                f"{contestant.name} differs from its reference by {difference:.1e} of the largest value"
            )
        if difference is not None:
            differences[contestant.name] = difference
    return differences


def measure_size(
    contestants: Sequence[Contestant], groups: int, n: int, options: argparse.Namespace
) -> tuple[list[Row], list[Row]]:
    """Time everybody at one size in one run; return rows of figures, and what was left out and why."""
    calls, rows, skipped = {}, {}, []
    rewards = {
        is_binary: [
            draw_rewards(groups, n, options.seed, is_binary=is_binary, batch=batch) for batch in range(options.batches)
        ]
        for is_binary in (False, True)
    }
    sizes_of_k = sorted({4, n // 2})
    for contestant in contestants:
        obstacle = contestant.obstacle(groups, n)
        if obstacle:
            skipped.append({"groups": groups, "n": n, "name": contestant.name, "why": obstacle})
            continue
        for k in sizes_of_k if contestant.uses_k else (None,):
            key, own = f"{contestant.name} {k}", rewards[contestant.is_binary]
            calls[key] = in_turn([contestant.prepare(batch, k or sizes_of_k[0]) for batch in own])
            rows[key] = {"groups": groups, "n": n, "k": k, "name": contestant.name}
    rng = np.random.default_rng(derive_seed(options.seed, "order", groups, n))
    timings = interleaved(calls, rounds=options.rounds, budget=options.budget, rng=rng)
    unit, pace = timings[f"{SORT} None"], {k: timings[f"{AUTOMATIC} {k}"] for k in sizes_of_k}
    for key, row in rows.items():
        timing = timings[key]
        row.update(timing.to_dict(), over_sort=timing.over(unit), over_ours=_over_ours(timing, pace))
        row["cold_over_sort"] = timing.cold_median / unit.cold_median
    return list(rows.values()), skipped


def _over_ours(timing: Timing, pace: dict[int, Timing]) -> dict[str, float]:
    """Ratios to our op on its automatic path, for each K: every contestant stands beside both."""
    return {f"k={k}": timing.over(ours) for k, ours in pace.items()}


def speed_bars(rows: Sequence[Row], absent: dict[str, str]) -> list[Bar]:
    """Hold every size and K to its bars."""
    found = {(row["name"], row["groups"], row["n"], row["k"]): row for row in rows}
    bars = []
    for groups, n, k in dict.fromkeys((row["groups"], row["n"], row["k"]) for row in rows if row["k"]):
        place = f"{groups}x{n}, K={k}"
        torch_limit = 1.25 if n >= 64 else 1.6 if n >= 16 else 2.2
        bars.append(_path_bar(f"torch path over torch.sort, {place}", torch_limit, found[TORCH_PATH, groups, n, k]))
        if n >= 16:
            limit, automatic = 0.2 if n >= 64 else 0.5, found[AUTOMATIC, groups, n, k]
            bars.append(_path_bar(f"automatic (CPU) path over torch.sort, {place}", limit, automatic))
        loop = found[PKPO, groups, n, k]["over_ours"][f"k={k}"]
        bars.append(Bar(f"PKPO loop over ours, {place}", OVER_PKPO, loop, False, "x"))
        verl = found.get((VERL_PASSK, groups, n, None))
        ratio = verl["over_ours"][f"k={k}"] if verl else None
        bars.append(Bar(f"verl pass@k over ours, {place}", OVER_VERL, ratio, False, "x", absent.get(VERL_PASSK, "")))
    return bars


def _path_bar(what: str, limit: float, row: Row) -> Bar:
    return Bar(what, limit, row["over_sort"], unit="x", note=f"cold calls: {row['cold_over_sort']:.2f}x")


def error_bars(errors: Sequence[Error]) -> list[Bar]:
    """Hold the largest error of each family to the bar of its dtype, and apart from it that of the normalised ones."""
    rational = [error for error in errors if error.estimator not in NORMALISED]
    bars = []
    for dtype in DTYPES:
        bars += [
            _error_bar(f"{dtype}, {family}", dtype, worst(rational, dtype=dtype, family=family)) for family in FAMILIES
        ]
        for name in NORMALISED:
            bars.append(_error_bar(f"{dtype}, {name} (square root)", dtype, worst(errors, dtype=dtype, estimator=name)))
    return bars


def _error_bar(what: str, dtype: str, most: Error | None) -> Bar:
    if most is None:
        return Bar(f"largest error, {what}", ERROR_LIMITS[dtype], None, note="no sizes given")
    note = f"{most.estimator}, {most.family}, n={most.n}, K={most.k}, {most.path} path"
    return Bar(f"largest error, {what}", ERROR_LIMITS[dtype], most.error, note=note)


def show(rows: Sequence[Row], console: Console) -> None:
    """Print medians over that of torch.sort, one table for each size."""
    for groups, n in dict.fromkeys((row["groups"], row["n"]) for row in rows):
        table = Table(title=f"{groups} x {n}, float32", box=box.SIMPLE_HEAD, title_justify="left")
        for column in ("", "K", "median", "over torch.sort", "cold", "over ours", "calls"):
            table.add_column(column, justify="right" if column else "left")
        for row in rows:
            if (row["groups"], row["n"]) == (groups, n):
                k, milliseconds = str(row["k"] or "-"), f"{row['median_s'] * 1e3:.3f} ms"
                against = row["over_ours"][f"k={row['k']}"] if row["k"] else min(row["over_ours"].values())
                ratios = (f"{ratio:.2f}" for ratio in (row["over_sort"], row["cold_over_sort"], against))
                table.add_row(row["name"], k, milliseconds, *ratios, str(row["calls"]))
        console.print(table)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    torch.set_num_threads(1)
    console = Console(width=None if sys.stdout.isatty() else 110)
    described = machine()
    contestants, absent = all_contestants()
    differences = check(contestants, options.seed)
    rows, skipped = [], []
    for groups, n in options.sizes:
        timed, left_out = measure_size(contestants, groups, n, options)
        rows += timed
        skipped += left_out
    show(rows, console)
    errors = list(measure([spec.name for spec in BUILT_IN], options.error_sizes, options.seed))
    bars = speed_bars(rows, absent) + error_bars(errors)
    show_bars(bars, console)
    report = {
        "bars": [bar.to_dict() for bar in bars],
        "contestants": {each.name: each.includes for each in contestants},
        "differences from our op": differences,
        "errors": summarise(errors) | {"limits": ERROR_LIMITS, "sizes": options.error_sizes},
        "machine": described,
        "not measured": absent,
        "setting": {
            "batches": options.batches,
            "budget_s": options.budget,
            "dtype": "float32",
            "rounds": options.rounds,
            "seed": options.seed,
        },
        "skipped": skipped,
        "times": rows,
    }
    if options.out is not None:
        write_json(options.out / "estimators.json", report)
        save(ratio_figure(rows, described, options.seed), options.out, "estimators", ("png", "svg"))


if __name__ == "__main__":
    main()
