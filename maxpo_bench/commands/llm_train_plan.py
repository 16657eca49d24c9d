"""`maxpo-bench llm train --dry-run` for the tiny model."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maxpo_bench.llm.tiny.planning import Stage, TinyPlan
    from maxpo_bench.llm.tiny.run import TinyRun


def print_plan(run: TinyRun, out: Path, *, as_json: bool = False) -> int:
    """Say what a run would do, how long it would take here, and with how much memory; write nothing.

    Args:
        run: the run.
        out: its folder.
        as_json: print JSON.

    Returns:
        The exit code, 0.

    Raises:
        ValueError: an option does not fit, or the folder holds another run.
    """
    from maxpo_bench.llm.tiny.planning import plan

    planned = plan(run, out)
    if as_json:
        from maxpo_bench.cli.shared import print_json

        print_json(as_dict(planned))
    else:
        print("\n".join(lines(planned)))
    return 0


def as_dict(planned: TinyPlan) -> dict[str, Any]:
    """Return a plan for JSON."""
    return {
        "out": str(planned.out),
        "config": asdict(planned.run),
        "stages": [asdict(stage) for stage in planned.stages],
        "seconds": planned.seconds,
        "parameters": planned.parameters,
        "memory_gb": planned.memory_gb,
    }


def lines(planned: TinyPlan) -> list[str]:
    """Return a plan as text."""
    options = {name: value for name, value in asdict(planned.run).items() if value not in (None, {})}
    width = max(map(len, options))
    return [
        f"{planned.run.model} ({planned.parameters:,} parameters), {planned.run.name}, in {planned.out}",
        "",
        *(f"  {name:{width}}  {value}" for name, value in options.items()),
        "",
        *(f"{stage.name}: {stage.amount}; {_left(stage)}" for stage in planned.stages),
        f"in all about {planned.seconds:.0f} s, start and grading apart, and {planned.memory_gb:.1f} GB of memory",
        "(times are those of a few steps just now, on this machine and under its present load)",
    ]


def _left(stage: Stage) -> str:
    if not stage.left:
        return "done"
    return f"{'' if stage.left == 1.0 else f'{100 * stage.left:.0f} % left, '}{stage.seconds:.0f} s"
