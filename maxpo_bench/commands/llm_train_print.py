"""What `maxpo-bench llm train` prints of a finished run with the tiny model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maxpo_bench.llm.run_table import KS, cells

if TYPE_CHECKING:
    from rich.console import Console

    from maxpo_bench.llm.tiny.run import TinyRun

_ROWS = {"before": "base_", "after": "", "gain, paired": "gain_"}


def print_result(
    run: TinyRun,
    summary: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    written: Sequence[Path],
    console: Console | None = None,
) -> None:
    """Print pass@k before and after, what the end of the log says, the table of all runs, and where the files are.

    Args:
        run: what was done.
        summary: its final figures.
        rows: of the table of all runs beside it.
        written: files and folders.
        console: where to; None: standard output.
    """
    from rich.console import Console

    console = console or Console(highlight=False, markup=False, soft_wrap=True)
    console.print(
        f"{run.model}: {run.name}, n = {run.group_size}, {run.steps} steps of {run.groups_per_step} questions"
    )
    console.print(
        f"{summary['seconds']:.0f} s of training, {summary['seconds_per_step']:.2f} s a step; "
        f"{summary['problems']} held-out problems, {summary['samples']} samples of each, 95 % intervals\n"
    )
    _print_passes(summary, console)
    for line in final_lines(run, summary):
        console.print(line)
    console.print()
    _print_rows(rows, console)
    console.print("\nWritten: " + ", ".join(map(str, written)))


def final_lines(run: TinyRun, summary: Mapping[str, Any]) -> list[str]:
    """Return one line each on rewards, on the gradient and on the support."""
    kept, gained, lost, neither = (
        summary[f"support_{name}"] for name in ("preservation", "expansion", "shrinkage", "out_of_support")
    )
    return [
        f"end of training: mean reward {_number(summary['reward_mean'])}, max@{run.k} "
        f"{_number(summary['reward_max_at_k'])}, entropy {_number(summary['entropy'])} nats per token",
        f"gradient: variance proxy {_number(summary['adam_variance_proxy'])}, norm {_number(summary['grad_norm'])}, "
        f"{_percent(summary['dead_groups'])} of the groups without a signal",
        f"problems solved by one of {summary['samples']} samples: {kept:g} before and after, {gained:g} only after, "
        f"{lost:g} only before, {neither:g} by neither",
    ]


def _print_passes(summary: Mapping[str, Any], console: Console) -> None:
    ks = [k for k in KS if f"pass@{k}" in summary]
    lines = [["", *(f"pass@{k} (%)" for k in ks)]]
    for label, prefix in _ROWS.items():
        lines.append([label, *(_interval(summary, f"{prefix}pass@{k}", is_signed=prefix == "gain_") for k in ks)])
    _print_columns(lines, console)
    console.print()


def _print_rows(rows: Sequence[Mapping[str, Any]], console: Console) -> None:
    """Print the table of all runs without intervals, which the page has."""
    shown = [place for place, k in enumerate(KS) if any(f"pass@{k}" in row for row in rows)]
    lines = [["runs", "K", *(f"@{KS[place]}" for place in shown), "proxy", "entropy", "seeds", "steps", "rate"]]
    for row in rows:
        method, k, _, *others = cells(row)
        passes = [others[place].split(" ")[0] for place in shown]
        lines.append([method, k, *passes, *others[len(KS) :]])
    _print_columns(lines, console)


def _print_columns(lines: Sequence[Sequence[str]], console: Console) -> None:
    """Print texts in columns, the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for first, *others in lines:
        rest = [text.rjust(width) for text, width in zip(others, widths[1:], strict=True)]
        console.print("  ".join([first.ljust(widths[0]), *rest]).rstrip())


def _interval(summary: Mapping[str, Any], name: str, *, is_signed: bool) -> str:
    sign = "+" if is_signed else ""
    text = f"{100 * summary[name]:{sign}.1f}"
    low, high = summary[f"{name}_low"], summary[f"{name}_high"]
    return text if low is None else f"{text} [{100 * low:{sign}.1f}, {100 * high:{sign}.1f}]"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.0f} %"
