"""From timings and comparisons to bars and one JSON report; nothing here needs a GPU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from measuring import Bar, Timing

COPY, SORT, TORCH_PATH, OP, KERNEL = "copy", "torch.sort", "EI+L2O, torch path", "EI+L2O", "Triton kernel"
GRAPH = ", CUDA graph"
LARGE, TRAINING = (2**20, 16), (1024, 16)
OVER_COPY, OVER_TORCH, LARGEST_ERROR, FEW_GRAPHS = 2.0, 10.0, 2.5e-7, 3
Row = dict[str, Any]


@dataclass(frozen=True)
class Command:
    """How the figure command went.

    Args:
        line: what was run.
        code: its exit code.
        seconds: it took.
        tail: last lines of its standard error where it failed.
    """

    line: str
    code: int
    seconds: float
    tail: str = ""


def timing_rows(groups: int, n: int, k: int, timings: Mapping[str, Timing]) -> list[Row]:
    """Return one row for each name, with its ratios to the copy, to torch.sort and to the torch path."""
    units = {"over_copy": COPY, "over_sort": SORT, "over_torch_path": TORCH_PATH}
    rows = []
    for name, timing in timings.items():
        ratios = {column: timing.over(timings[unit]) for column, unit in units.items() if unit in timings}
        rows.append({"groups": groups, "n": n, "k": k, "name": name, **timing.to_dict(), **ratios})
    return rows


def speed_bars(rows: Sequence[Row]) -> list[Bar]:
    """Hold the kernel to its bars; without a figure where the size or the kernel was left out."""
    found = {(row["groups"], row["n"], row["k"], row["name"]): row["median_s"] for row in rows}
    bars = []
    for k in sorted({row["k"] for row in rows if (row["groups"], row["n"]) == LARGE} or {4, LARGE[1] // 2}):
        for mode in ("", GRAPH):
            ratio = over(found, (*LARGE, k), KERNEL + mode, COPY + mode)
            bars.append(Bar(f"kernel over copy, 2^20 x 16, K={k}{mode}", OVER_COPY, ratio, unit="x"))
    for k in sorted({row["k"] for row in rows if (row["groups"], row["n"]) == TRAINING} or {4, TRAINING[1] // 2}):
        ratio = over(found, (*TRAINING, k), TORCH_PATH, KERNEL)
        bars.append(Bar(f"eager torch path over kernel, 1024 x 16, K={k}", OVER_TORCH, ratio, False, "x"))
        ratio = over(found, (*TRAINING, k), TORCH_PATH, KERNEL + GRAPH)
        what = f"eager torch path over kernel in a CUDA graph, 1024 x 16, K={k}"
        bars.append(Bar(what, OVER_TORCH, ratio, False, "x"))
    return bars


def over(
    found: Mapping[tuple[int, int, int, str], float], place: tuple[int, int, int], name: str, unit: str
) -> float | None:
    """Ratio of two medians, or None where one was not measured."""
    time, unit_time = found.get((*place, name)), found.get((*place, unit))
    return None if time is None or unit_time is None else time / unit_time


def other_bars(agreement: Sequence[Row], built: int | None, graphs: int | None, command: Command | None) -> list[Bar]:
    """Hold results, compilations and the figure command to their bars."""
    bars = []
    for what in ("kernel", "op"):
        rows = [row for row in agreement if row["what"] == what]
        worst = max(rows, key=lambda row: row["error"], default=None)
        note = f"{worst['family']}, n={worst['n']}, K={worst['k']}" if worst else "not compared"
        error = worst["error"] if worst else None
        bars.append(Bar(f"{what}: largest difference from the CPU over max|A|", LARGEST_ERROR, error, note=note))
        ties = sum(row["unequal_ties"] for row in rows) if rows else None
        bars.append(Bar(f"{what}: ties with unequal results", 0, ties))
    bars.append(Bar("binaries built for seven numbers of groups", 1, built))
    bars.append(Bar("graphs of torch.compile for seven numbers of groups", FEW_GRAPHS, graphs))
    code, note = (command.code, f"{command.seconds:.0f} s") if command else (None, "not run")
    bars.append(Bar("exit code of the figure command on the GPU", 0, code, note=note))
    return bars


def build_report(
    rows: Sequence[Row],
    agreement: Sequence[Row],
    bars: Sequence[Bar],
    command: Command | None,
    *,
    described: Mapping[str, Any],
    left_out: Mapping[str, Any],
    setting: Mapping[str, Any],
) -> dict[str, Any]:
    """Put everything into one JSON object."""
    return {
        "agreement with the CPU": list(agreement),
        "bars": [bar.to_dict() for bar in bars],
        "figure command": None if command is None else vars(command),
        "machine": dict(described),
        "not measured": dict(left_out),
        "setting": dict(setting),
        "times": list(rows),
    }
