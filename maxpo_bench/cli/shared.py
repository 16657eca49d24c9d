"""What the commands share: flags, the end of a long command, JSON."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, cast

import typer

if TYPE_CHECKING:
    from maxpo_bench.sandbox import Level

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the result.")]
Results = Annotated[Path, typer.Option("--results", help="Folder of the stored scores.")]
SuiteName = Annotated[str, typer.Option("--suite", help="Frozen suite: quick or full.")]
SandboxLevel = Annotated[
    str, typer.Option("--sandbox", help="strict, or basic where `maxpo-bench doctor` says that there is no more.")
]
Trust = Annotated[
    bool, typer.Option("--trust", help="Run the code without a sandbox, with your rights: for your own code only.")
]


def finish(run: Callable[[], int]) -> NoReturn:
    """Run a long command and leave with its exit code; 130 and the command that goes on where Ctrl-C stopped it."""
    try:
        code = run()
    except KeyboardInterrupt:
        name = Path(sys.argv[0]).name
        program = ["python", "-m", "maxpo_bench.cli"] if name == "__main__.py" else [name]
        command = shlex.join([*program, *sys.argv[1:]])
        print(f"interrupted; to go on: {command}", file=sys.stderr)
        code = 130
    raise typer.Exit(code)


def print_json(value: Any) -> None:
    """Print a value as JSON with sorted keys."""
    import json

    print(json.dumps(value, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False))


def sandbox_level(sandbox: str, trust: bool) -> Level:
    """Read `--sandbox` and `--trust`; "none" is reached by the latter only.

    Raises:
        ValueError: another level.
    """
    if sandbox == "none" and not trust:
        raise ValueError("--sandbox none runs the code with your rights: say so with --trust")
    if sandbox not in ("strict", "basic", "none"):
        raise ValueError(f"--sandbox must be strict or basic, got {sandbox!r} (--trust runs without any)")
    return "none" if trust else cast("Level", sandbox)
