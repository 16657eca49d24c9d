"""How often the leaderboard's 95 % intervals hold the truth: a suite's noise measured again and again, seed by seed.

The truth comes from the exact moments, which no sampling enters. Every repeat measures all bandits of a suite with
groups of its own, for five estimators on the same groups, and is kept in a file: the same command goes on where it was
stopped.

    python benchmarks/interval_coverage.py --out results/benchmarks/interval_coverage.json
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from measuring import Bar, machine, show_bars, write_json
from rich.console import Console
from scipy.stats import binomtest

from maxpo_bench.commands.progress import counting
from maxpo_bench.estimators import get_estimator
from maxpo_bench.leaderboard.api import exit_without
from maxpo_bench.leaderboard.entry import B95_CAP, Interval
from maxpo_bench.leaderboard.noise import BlockSums, block_sums, nsr_interval, ratio_interval
from maxpo_bench.leaderboard.suite import SUITES, Instance, Suite
from maxpo_bench.moments import b95, exact_moments
from maxpo_bench.moments.instances import BanditInstance
from maxpo_bench.moments.sampling import sample_segments
from maxpo_bench.seeding import derive_seed

REFERENCE = "ei_l2o"
CONSTANTS: dict[str, float | None] = {REFERENCE: 1.0, "ei": 1.0, "pkpo_sloo": 1.0, "all_subsets": 1.0, "ei_l1o": None}
"""What is measured: the certified constant of each, None where E[g] has to be estimated."""

LOW, HIGH = 0.92, 0.98
"""The bars: a coverage between them."""

BARRED = ("nsr", "variance_ratio", "b95_ratio")
Measured = dict[str, list[BlockSums]]


@dataclass(frozen=True)
class Truth:
    """Exact values of one estimator on every bandit of a suite, each [bandits].

    Args:
        nsr: noise to signal ratio.
        variance: total variance at the gradient's scale.
        b95: groups for 95 % of the exact step.
    """

    nsr: np.ndarray
    variance: np.ndarray
    b95: np.ndarray


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suites", nargs="+", default=["quick-1", "full-1"], metavar="NAME")
    parser.add_argument("--repeats", type=int, default=500, help="of each suite; at least 2")
    parser.add_argument("--seed", type=int, default=0, help="the groups follow from it")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path("runs/interval_coverage"), help="folder of finished repeats")
    parser.add_argument("--out", type=Path, help="JSON file; default: nothing is written")
    options = parser.parse_args(arguments)
    options.suites = [SUITES.get(name).name for name in options.suites]
    if options.repeats < 2 or options.processes < 1:
        parser.error("--repeats must be at least 2 and --processes at least 1")
    return options


def measure_repeat(suite: Suite, seed: int, repeat: int) -> Measured:
    """Measure every bandit of a suite once, all estimators on the same groups."""
    blocks = [suite.num_groups // suite.num_blocks] * suite.num_blocks
    measured: Measured = {name: [] for name in CONSTANTS}
    for instance in suite.instances():
        estimators = [get_estimator(name, instance.k) for name in CONSTANTS]
        bandit = BanditInstance.of(*instance.bandit())
        groups = derive_seed(seed, "interval coverage", suite.name, instance.name, repeat)
        found = sample_segments(estimators, bandit, instance.n, blocks, groups)
        for (name, constant), segments in zip(CONSTANTS.items(), found, strict=True):
            measured[name].append(block_sums(instance.name, segments, bandit.gradient(instance.k), constant))
    return measured


def file_of(work: Path, suite: Suite, seed: int, repeat: int) -> Path:
    """Where one repeat is kept; the name holds a hash of everything that it depends on, the package's code apart."""
    bandits = [(each.name, each.num_arms, each.seed) for each in suite.instances()]
    settings = repr((suite.num_groups, suite.num_blocks, bandits, list(CONSTANTS.items()), seed))
    digest = hashlib.sha256(settings.encode()).hexdigest()[:12]
    return work / f"{suite.name}-{digest}" / f"{repeat:05d}.npz"


def run_repeat(work: Path, suite: Suite, seed: int, repeat: int) -> None:
    """Measure one repeat and publish its file in one step."""
    torch.set_num_threads(1)
    path = file_of(work, suite, seed, repeat)
    measured = measure_repeat(suite, seed, repeat)
    arrays = {f"{name}/{key}": values for name, sums in measured.items() for key, values in _pack(sums).items()}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # pyright: ignore[reportArgumentType]
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    with os.fdopen(descriptor, "wb") as file:
        file.write(buffer.getvalue())
    os.replace(temporary, path)


def _pack(sums: Sequence[BlockSums]) -> dict[str, np.ndarray]:
    """Arrays of all bandits; inner products only where the squared norm of E[g] has to be estimated from them."""
    packed = {"sum_sq": np.array([each.sum_sq for each in sums]), "dot": np.array([each.dot for each in sums])}
    if sums[0].constant is None:
        packed["gram"] = np.array([each.full_gram() for each in sums])
    return packed


def load_repeat(path: Path, suite: Suite) -> Measured:
    """Read one repeat's file."""
    measured: Measured = {}
    with np.load(path) as arrays:
        for name, constant in CONSTANTS.items():
            found = {key.split("/")[1]: arrays[key] for key in arrays.files if key.startswith(f"{name}/")}
            measured[name] = [
                BlockSums(
                    instance=instance.name,
                    num_groups=suite.num_groups,
                    truth_sq=_truth_sq(instance),
                    constant=constant,
                    sum_sq=found["sum_sq"][row].tolist(),
                    dot=found["dot"][row].tolist(),
                    gram=[values[: at + 1].tolist() for at, values in enumerate(found["gram"][row])]
                    if "gram" in found
                    else [],
                )
                for row, instance in enumerate(suite.instances())
            ]
    return measured


@cache
def _truth_sq(instance: Instance) -> float:
    gradient = BanditInstance.of(*instance.bandit()).gradient(instance.k)
    return float(gradient @ gradient)


def truths(suite: Suite) -> dict[str, Truth]:
    """Exact values for every estimator."""
    rows: dict[str, list[tuple[float, float, float]]] = {name: [] for name in CONSTANTS}
    for instance in suite.instances():
        bandit = BanditInstance.of(*instance.bandit())
        estimators = [get_estimator(name, instance.k) for name in CONSTANTS]
        moments = exact_moments(estimators, bandit.arm_rewards, bandit.logits, instance.n)
        for name, each in zip(CONSTANTS, moments, strict=True):
            mean, truth, variance = each.mean[0], each.truth[0], float(each.total_variance[0])
            product, square = float(mean @ truth), float(mean @ mean)
            cosine = min(1.0, product / np.sqrt(square * float(truth @ truth)))
            needed = b95(1.0 if CONSTANTS[name] is not None else cosine, variance / square)
            alignment = product / float(truth @ truth)
            rows[name].append((variance / square, variance / alignment**2, needed))
    return {name: Truth(*np.array(found).T) for name, found in rows.items()}


def intervals(measured: Measured, name: str) -> dict[str, Interval]:
    """The leaderboard's intervals of one estimator."""
    found = {"nsr": nsr_interval(measured[name])}
    if name != REFERENCE:
        found["variance_ratio"] = ratio_interval(measured[name], measured[REFERENCE], "variance")
        found["b95_ratio"] = ratio_interval(measured[name], measured[REFERENCE], "b95")
    return found


def expected(exact: dict[str, Truth], name: str) -> dict[str, float]:
    """What those intervals should hold."""
    own, base = exact[name], exact[REFERENCE]
    return {
        "nsr": float(np.median(own.nsr)),
        "variance_ratio": _geometric_mean(own.variance / base.variance),
        "b95_ratio": _geometric_mean(np.minimum(own.b95 / base.b95, B95_CAP)),
    }


def _geometric_mean(values: np.ndarray) -> float:
    return float(np.exp(np.log(values).mean()))


def coverage(suite: Suite, repeats: Iterable[Measured]) -> list[dict[str, Any]]:
    """Count for every estimator and figure how often its interval holds the truth.

    A figure of one bandit is counted too: "nsr of one bandit" pools all bandits, which are independent of each other.
    """
    exact = truths(suite)
    hits: dict[tuple[str, str], list[bool]] = {}
    widths: dict[tuple[str, str], list[float]] = {}
    for measured in repeats:
        for name in CONSTANTS:
            wanted = expected(exact, name)
            for figure, interval in intervals(measured, name).items():
                hits.setdefault((name, figure), []).append(_holds(interval, wanted[figure]))
                widths.setdefault((name, figure), []).append(_width(interval))
            for sums, value in zip(measured[name], exact[name].nsr.tolist(), strict=True):
                hits.setdefault((name, "nsr of one bandit"), []).append(_holds(nsr_interval([sums]), value))
    return [
        _row(suite, name, figure, found, expected(exact, name).get(figure), widths.get((name, figure)))
        for (name, figure), found in sorted(hits.items())
    ]


def _holds(interval: Interval, value: float) -> bool:
    if interval.low is None or interval.high is None:
        return False
    return interval.low <= value <= interval.high


def _width(interval: Interval) -> float:
    """Half the width of an interval's logarithm; NaN where it has no ends."""
    return 0.5 * float(np.log(interval.high / interval.low)) if interval.high and interval.low else float("nan")


def _row(
    suite: Suite, name: str, figure: str, hits: Sequence[bool], truth: float | None, widths: Sequence[float] | None
) -> dict[str, Any]:
    found = binomtest(sum(hits), len(hits)).proportion_ci(0.95, method="exact")
    return {
        "suite": suite.name,
        "estimator": name,
        "certified": CONSTANTS[name] is not None,
        "figure": figure,
        "truth": truth,
        "half_width": None if widths is None else float(np.mean(widths)),
        "intervals": len(hits),
        "holding": sum(hits),
        "coverage": sum(hits) / len(hits),
        "clopper_pearson": [float(found.low), float(found.high)],
    }


def measure_all(options: argparse.Namespace, report: Callable[[int, int], None] | None) -> None:
    """Measure the repeats that are missing."""
    suites = [SUITES.get(name) for name in options.suites]
    wanted = [(suite, repeat) for suite in suites for repeat in range(options.repeats)]
    missing = [each for each in wanted if not file_of(options.work, each[0], options.seed, each[1]).exists()]
    tell = report or (lambda done, total: None)
    done = len(wanted) - len(missing)
    tell(done, len(wanted))
    if not missing:
        return
    context = get_context("forkserver")
    with ProcessPoolExecutor(options.processes, context, initializer=exit_without, initargs=(os.getpid(),)) as pool:
        jobs = [pool.submit(run_repeat, options.work, suite, options.seed, repeat) for suite, repeat in missing]
        try:
            for job in as_completed(jobs):
                job.result()
                done += 1
                tell(done, len(wanted))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def bars(rows: Sequence[dict[str, Any]]) -> list[Bar]:
    """The smallest and the largest coverage of the figures that have a bar."""
    found = [row["coverage"] for row in rows if row["figure"] in BARRED]
    return [
        Bar("smallest coverage of NSR, variance ratio and B95 ratio", LOW, min(found), is_at_most=False),
        Bar("largest coverage of NSR, variance ratio and B95 ratio", HIGH, max(found)),
    ]


def main(arguments: list[str] | None = None) -> None:
    options = parse(arguments)
    with counting("repeats") as report:
        measure_all(options, report)
    rows = []
    for name in options.suites:
        suite = SUITES.get(name)
        files = [file_of(options.work, suite, options.seed, repeat) for repeat in range(options.repeats)]
        rows += coverage(suite, (load_repeat(path, suite) for path in files))
    found = bars(rows)
    console = Console()
    for row in rows:
        low, high = row["clopper_pearson"]
        label = f"{row['suite']:8} {row['estimator']:12} {row['figure']:18}"
        console.print(f"{label} {row['coverage']:.3f}  [{low:.3f}, {high:.3f}]  of {row['intervals']}")
    show_bars(found, console)
    if options.out is not None:
        setting = {"suites": options.suites, "repeats": options.repeats, "seed": options.seed, "nominal": 0.95}
        report_of = {
            "setting": setting,
            "machine": machine(),
            "coverage": rows,
            "bars": [bar.to_dict() for bar in found],
        }
        write_json(options.out, json.loads(json.dumps(report_of, allow_nan=False)))


if __name__ == "__main__":
    main()
