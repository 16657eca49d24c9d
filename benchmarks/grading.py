"""Agreement, robustness and speed of the grader of mathematical answers, on real data.

Parts: ``labels`` (labels of real outputs), ``pairs`` (labelled pairs), ``passk`` (exact pass@k); ``same``, ``forms``,
``others``, ``solutions`` (gold answers against themselves, other ways to write them, each other, and human solutions);
``hostile`` (the tests' hostile answers, and bombs among normal answers); ``speed``, ``start`` and ``kills``.

    python benchmarks/grading.py --data DATA --outputs OUTPUTS --out results/benchmarks

writes grading.json: every difference, every answer that is accepted against another's gold, medians over the rounds.
The data are jsonl files of id, problem and answer; the outputs hold gold, completion and label.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from grading_gold import measure_forms, measure_others, measure_same, measure_solutions
from grading_hostile import measure_hostile
from grading_labels import measure_labels, measure_pairs, measure_passk
from grading_speed import KILLS, measure_kills, measure_speed, measure_start
from measuring import Bar, machine, show_bars, version_of, write_json
from rich.console import Console

Measure = Callable[[], tuple[dict[str, Any], list[Bar]]]
PARTS = ("labels", "pairs", "passk", "same", "forms", "others", "solutions", "hostile", "speed", "start", "kills")
LIBRARIES = ("math-verify", "latex2sympy2-extended", "sympy", "antlr4-python3-runtime", "gmpy2", "mpmath")


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of data sets, such as DATA/math/test.jsonl")
    parser.add_argument("--outputs", type=Path, required=True, help="folder of labelled outputs and pairs")
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS), metavar="NAME", help=", ".join(PARTS))
    parser.add_argument("--rounds", type=int, default=5, help="of what is timed")
    parser.add_argument("--workers", type=int, default=2, help="processes that compare, where time is measured")
    parser.add_argument("--limit", type=float, default=1.0, help="seconds for each hostile answer")
    parser.add_argument("--kills", type=int, default=KILLS, help="workers to kill, in hundreds")
    parser.add_argument("--seed", type=int, default=0, help="of forms, pairs and places")
    parser.add_argument("--out", type=Path, help="folder for grading.json; default: nothing is written")
    options = parser.parse_args(arguments)
    if min(options.rounds, options.workers, options.kills) < 1 or options.limit <= 0:
        parser.error("--rounds, --workers and --kills must be at least 1, --limit positive")
    for folder in (options.data, options.outputs):
        if not folder.is_dir():
            parser.error(f"{folder} is not a folder")
    return options


def measures(options: argparse.Namespace) -> dict[str, Measure]:
    """Return what measures each part."""
    data, folder, seed = options.data, options.outputs, options.seed
    timing = {"workers": options.workers, "rounds": options.rounds}
    return {
        "labels": partial(measure_labels, folder),
        "pairs": partial(measure_pairs, folder),
        "passk": partial(measure_passk, folder),
        "same": partial(measure_same, data),
        "forms": partial(measure_forms, data, seed),
        "others": partial(measure_others, data, seed),
        "solutions": partial(measure_solutions, data),
        "hostile": partial(measure_hostile, data, folder, seed=seed, limit=options.limit, **timing),
        "speed": partial(measure_speed, data, folder, seed=seed, **timing),
        "start": partial(measure_start, options.rounds),
        "kills": partial(measure_kills, options.workers, options.kills),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    console = Console(width=None if sys.stdout.isatty() else 130)
    described = machine()
    described["versions"] |= {name: version_of(name) for name in LIBRARIES}
    setting = {name: getattr(options, name) for name in ("part", "rounds", "workers", "limit", "kills", "seed")}
    report: dict[str, Any] = {"machine": described, "setting": setting}
    bars: list[Bar] = []
    for name, measure in measures(options).items():
        if name not in options.part:
            continue
        started = time.perf_counter()
        report[name], found = measure()
        bars += found
        met = sum(bar.is_met is True for bar in found)
        console.print(f"{name}: {met} of {len(found)} bars met, {time.perf_counter() - started:.1f} s")
    show_bars(bars, console)
    report["bars"] = [bar.to_dict() for bar in bars]
    if options.out is not None:
        write_json(options.out / "grading.json", report)


if __name__ == "__main__":
    main()
