"""What the measurements share: interleaved timing, bars, the machine's description, and the files they write."""

from __future__ import annotations

import gc
import itertools
import json
import math
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

PACKAGES = ("maxpo-bench", "numba", "numpy", "scipy", "torch", "triton", "trl", "verl")
FEWEST_CALLS = 3
QUICK, WARM_SECONDS, MOST_BEFORE = 0.01, 0.002, 9
"""Seconds below which the state of the caches matters; seconds and calls that go before each timed call then."""


@dataclass(frozen=True)
class Timing:
    """Seconds of the calls of one contestant.

    Args:
        seconds: in the order of the calls.
        cold: of a quick contestant's first call in each round, after the others'; empty for a slow one.
    """

    seconds: tuple[float, ...]
    cold: tuple[float, ...] = ()

    @property
    def median(self) -> float:
        """Median seconds of a call."""
        return float(np.median(self.seconds))

    @property
    def cold_median(self) -> float:
        """Median seconds of a first call; of any call where it is slow."""
        return float(np.median(self.cold or self.seconds))

    def over(self, other: Timing) -> float:
        """Ratio of the medians, this one's over the other's."""
        return self.median / other.median

    def to_dict(self) -> dict[str, float]:
        """Medians, quartiles and the number of calls as plain JSON values."""
        low, high = np.percentile(self.seconds, (25, 75))
        return {
            "calls": len(self.seconds),
            "cold_median_s": self.cold_median,
            "median_s": self.median,
            "q25_s": float(low),
            "q75_s": float(high),
        }


@dataclass(frozen=True)
class Bar:
    """A figure that is to be reached.

    Args:
        what: what is measured, with its size.
        limit: the bar.
        found: the figure, or None where it could not be measured.
        is_at_most: must the figure be at most the limit, or at least?
        unit: of both.
        note: why there is no figure, or what belongs to it.
    """

    what: str
    limit: float
    found: float | None
    is_at_most: bool = True
    unit: str = ""
    note: str = ""

    @property
    def is_met(self) -> bool | None:
        """Is the figure within the bar? None without a figure."""
        if self.found is None:
            return None
        return self.found <= self.limit if self.is_at_most else self.found >= self.limit

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        return {
            "what": self.what,
            "bar": f"{'<=' if self.is_at_most else '>='} {self.limit:g}{self.unit}",
            "limit": self.limit,
            "found": self.found,
            "is_met": self.is_met,
            "note": self.note,
        }


def in_turn(calls: Sequence[Callable[[], object]]) -> Callable[[], object]:
    """Return a call that makes the next of these calls, round and round."""
    following = itertools.cycle(calls)
    return lambda: next(following)()


def interleaved(
    calls: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    budget: float,
    rng: np.random.Generator,
    fewest: int = FEWEST_CALLS,
) -> dict[str, Timing]:
    """Time all calls in one run: each at most once in every round, in an order drawn anew for each round.

    What is quick is called in a row up to ten times, two milliseconds long at most, and the last of these calls counts:
    by then code, data and predicted branches are its own, whoever was called before. The first one is kept apart, as
    the time of a cold call.

    Args:
        calls: what is timed, by name. Each is called twice before: to load and compile, and to see how long it takes.
        rounds: calls of whatever is fast enough.
        budget: seconds for one name; what needs more is called in fewer rounds, spread evenly, ``fewest`` at least, or
            once where a single call takes longer.
        rng: of the order.
        fewest: calls of what is slow.
    """
    plans = {name: Plan.of(call, rounds, budget, fewest) for name, call in calls.items()}
    names = list(calls)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    cold: dict[str, list[float]] = {name: [] for name in names}
    was_collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        for step in range(rounds):
            for name in (names[place] for place in rng.permutation(len(names))):
                plan, call = plans[name], calls[name]
                if step * plan.count // rounds == (step + 1) * plan.count // rounds:
                    continue
                if plan.before:
                    cold[name].append(time_once(call))
                for _ in range(plan.before - 1):
                    call()
                seconds[name].append(time_once(call))
    finally:
        if was_collecting:
            gc.enable()
    return {name: Timing(tuple(seconds[name]), tuple(cold[name])) for name in names}


@dataclass(frozen=True)
class Plan:
    """How often one contestant is timed, and how many calls go before each timed one."""

    count: int
    before: int

    @classmethod
    def of(cls, call: Callable[[], object], rounds: int, budget: float, fewest: int) -> Plan:
        """Load and compile with a first call, and plan by the duration of a second one."""
        if time_once(call) > budget:
            return cls(1, 0)
        duration = max(time_once(call), 1e-9)
        before = math.ceil(WARM_SECONDS / duration) if duration < QUICK else 0
        return cls(min(rounds, max(fewest, int(budget / duration))), min(MOST_BEFORE, before))


def time_once(call: Callable[[], object]) -> float:
    """Seconds of one call."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def machine() -> dict[str, Any]:
    """Describe what the figures were measured on: processor, threads, load, versions."""
    import torch

    return {
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "load_average_at_start": [round(value, 2) for value in os.getloadavg()],
        "python": platform.python_version(),
        "threads": torch.get_num_threads(),
        "versions": {name: version_of(name) for name in PACKAGES},
    }


def cpu_model() -> str:
    """Name of the processor, as the system gives it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def version_of(package: str) -> str:
    """Version of an installed package, or "not installed"."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def write_json(path: Path, report: Mapping[str, Any]) -> None:
    """Write a report with sorted keys; the folder is made if it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1, sort_keys=True, allow_nan=False) + "\n", encoding="utf-8")


def show_bars(bars: Sequence[Bar], console: Console) -> None:
    """Print every bar with its figure."""
    table = Table(title="Bars", box=box.SIMPLE_HEAD, title_justify="left")
    for column in ("what", "bar", "found", ""):
        table.add_column(column, justify="right" if column in ("bar", "found") else "left")
    for bar in bars:
        found = bar.note or "not measured" if bar.found is None else f"{bar.found:.3g}{bar.unit}"
        table.add_row(bar.what, bar.to_dict()["bar"], found, verdict(bar))
    console.print(table)
    met = sum(bar.is_met is True for bar in bars)
    missed = sum(bar.is_met is False for bar in bars)
    console.print(f"{met} bars met, {missed} missed, {len(bars) - met - missed} not measured")


def verdict(bar: Bar) -> str:
    """Say in a word whether a bar is met."""
    return {True: "met", False: "MISSED", None: "-"}[bar.is_met]
