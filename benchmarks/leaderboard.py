"""How long a submission takes: `check`, and scoring on the frozen suite, as users call them, in the strictest sandbox.

    python benchmarks/leaderboard.py --out results/benchmarks

writes leaderboard.json: wall-clock seconds of each call with its processor time, medians over the rounds, for honest
submissions in torch, in NumPy and in lists. The scores go into a temporary folder.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from measuring import Bar, machine, show_bars, write_json
from rich.console import Console

ROOT = Path(__file__).resolve().parent.parent
HONEST = ROOT / "tests" / "submissions" / "honest"
SUBMISSIONS = {
    "torch, by the package's functions": ROOT / "examples" / "submission.py",
    "torch, a loop over samples": HONEST / "torch_loop.py",
    "NumPy": HONEST / "numpy_quarter.py",
    "lists, one group after the other": HONEST / "pure_python.py",
}
CHECK_SECONDS, SCORE_SECONDS = 5.0, 90.0
FIRST = "torch, by the package's functions"


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=ROOT / "results", help="folder with the reference's score")
    parser.add_argument("--suite", default="full-1", help="frozen suite")
    parser.add_argument("--rounds", type=int, default=5, help="of `check`; a submission is scored in each third one")
    parser.add_argument("--sandbox", default="strict", help="level")
    parser.add_argument("--out", type=Path, help="folder for leaderboard.json; default: nothing is written")
    return parser.parse_args(arguments)


def call(*arguments: str | Path) -> dict[str, float]:
    """Seconds and processor seconds (its own and its workers') of one call of the command line."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "maxpo_bench.cli", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": seconds, "processor_seconds": processor}


def summary(calls: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Medians over the calls, and all of them."""
    medians = {key: round(statistics.median(one[key] for one in calls), 2) for key in calls[0]}
    return {**medians, "all_seconds": [round(one["seconds"], 2) for one in calls]}


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Check and score every submission in turn."""
    shutil.copytree(options.results / options.suite, folder / options.suite)
    checks: dict[str, list[dict[str, float]]] = {name: [] for name in SUBMISSIONS}
    scores: dict[str, list[dict[str, float]]] = {name: [] for name in SUBMISSIONS}
    flags = ("--suite", options.suite, "--sandbox", options.sandbox, "--quiet")
    for number in range(options.rounds):
        for name, path in SUBMISSIONS.items():
            checks[name].append(call("check", path, *flags))
            if number % 3 == 0:
                scores[name].append(call("submit", path, *flags, "--results", folder))
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
    return {
        "check": {name: summary(calls) for name, calls in checks.items()},
        "submit": {name: summary(calls) for name, calls in scores.items()},
    }


def main() -> None:
    options = parse()
    described = {**machine(), "suite": options.suite, "sandbox": options.sandbox, "rounds": options.rounds}
    with tempfile.TemporaryDirectory() as folder:
        found = measure(options, Path(folder))
    bars = [
        Bar(f"{what}, {FIRST}", limit, found[what][FIRST]["seconds"], is_at_most=True, unit="s")
        for what, limit in (("check", CHECK_SECONDS), ("submit", SCORE_SECONDS))
    ]
    show_bars(bars, Console())
    if options.out:
        write_json(
            options.out / "leaderboard.json", {"machine": described, **found, "bars": [vars(bar) for bar in bars]}
        )


if __name__ == "__main__":
    main()
