"""Timing on a CUDA device: interleaved rounds of short bursts between two events, medians per call."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping

from measuring import Timing

Call = Callable[[], object]
Stopwatch = Callable[[Call, int], float]
MOST_CALLS = 1000


def cuda_seconds(call: Call, count: int) -> float:
    """Seconds per call of ``count`` calls in a row, between two events on the device.

    Launches are queued without waiting, so that this is the device's time where it is the slower one, else the host's.
    """
    import torch

    torch.cuda.synchronize()
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    start.record()
    for _ in range(count):
        call()
    end.record()
    torch.cuda.synchronize()
    return start.elapsed_time(end) / 1e3 / count


def interleaved_bursts(
    calls: Mapping[str, Call], *, rounds: int, burst: float, stopwatch: Stopwatch = cuda_seconds
) -> dict[str, Timing]:
    """Time all calls in one run: one burst of each in every round, with another one first in the next round.

    Args:
        calls: what is timed, by name. Each is called before: to load and compile, and to see how long it takes.
        rounds: bursts of each.
        burst: seconds that a burst takes about; what takes longer is called once.
        stopwatch: seconds per call of so many calls.
    """
    counts = {}
    for name, call in calls.items():
        stopwatch(call, 2)
        counts[name] = min(max(int(burst / max(stopwatch(call, 2), 1e-9)), 1), MOST_CALLS)
    names = list(calls)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    was_collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        for step in range(rounds):
            first = step % len(names)
            for name in names[first:] + names[:first]:
                seconds[name].append(stopwatch(calls[name], counts[name]))
    finally:
        if was_collecting:
            gc.enable()
    return {name: Timing(tuple(values)) for name, values in seconds.items()}
