"""Start-up and certificate speed: medians of one run, printed and optionally written as JSON.

python benchmarks/speed.py --out results/benchmarks/speed.json
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

from maxpo_bench.estimators import ESTIMATORS
from maxpo_bench.moments import certify


def median_seconds(call: Callable[[], object], repeats: int) -> float:
    call()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def start_up(repeats: int) -> dict[str, float]:
    """Seconds inside a fresh interpreter for the import, and of the whole process for --help."""
    code = "import time; t = time.perf_counter(); import maxpo_bench; print(time.perf_counter() - t)"

    def imported() -> float:
        return float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)

    command = [sys.executable, "-m", "maxpo_bench.cli", "--help"]
    return {
        "import maxpo_bench": statistics.median(imported() for _ in range(repeats)),
        "maxpo-bench --help": median_seconds(lambda: subprocess.run(command, capture_output=True, check=True), repeats),
    }


def certificates(repeats: int) -> dict[str, float]:
    return {name: median_seconds(lambda name=name: certify(name), repeats) for name in ESTIMATORS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    result: dict[str, Any] = {
        "start-up [s]": start_up(options.repeats),
        "certificate [s]": certificates(max(options.repeats // 2, 1)),
    }
    text = json.dumps(result, indent=2, sort_keys=True) + "\n"
    print(text, end="")
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
