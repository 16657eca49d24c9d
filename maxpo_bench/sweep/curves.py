"""From an agent's log of iterations to the learning curves and the summary of a record."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

POSITIONS = ("iteration", "timesteps")
SUMMARY_SHARE = 0.1

Log = Sequence[Mapping[str, Any]]


def window_curves(log: Log, log_every: int) -> dict[str, list[Any]]:
    """Return curves over windows of ``log_every`` iterations.

    A value is the mean over its window of what was logged; None where nothing was. ``iteration`` and ``timesteps`` are
    those of the window's last iteration. The last window may be shorter. Metrics that were never logged are left out.

    Args:
        log: one mapping per iteration, with ``iteration`` and ``timesteps``.
        log_every: width of a window in iterations.
    """
    windows = [log[start : start + log_every] for start in range(0, len(log), log_every)]
    curves: dict[str, list[Any]] = {name: [window[-1][name] for window in windows] for name in POSITIONS}
    for name in _metrics(log):
        curves[name] = [_mean(window, name) for window in windows]
    return curves


def final_summary(log: Log) -> dict[str, Any]:
    """Return the mean of every metric over the last tenth of the iterations (at least one), and the two totals."""
    if not log:
        return {}
    last = log[-max(1, round(SUMMARY_SHARE * len(log))) :]
    summary: dict[str, Any] = {name: _mean(last, name) for name in _metrics(log)}
    return {**summary, "iterations": len(log), "timesteps": log[-1]["timesteps"]}


def _metrics(log: Log) -> list[str]:
    names = dict.fromkeys(name for entry in log for name, value in entry.items() if _is_number(value))
    return [name for name in names if name not in POSITIONS]


def _mean(window: Log, name: str) -> float | None:
    values = [float(entry[name]) for entry in window if _is_number(entry.get(name))]
    return math.fsum(values) / len(values) if values else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
