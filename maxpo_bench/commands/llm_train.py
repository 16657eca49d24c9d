"""`maxpo-bench llm train`: the tiny model by default, a recipe's where one is named."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maxpo_bench.estimators import Estimator
    from maxpo_bench.llm.tiny.run import TinyRun

OUT = Path("runs/llm")
RECIPE_KEYS = {
    "method": "method.name",
    "k": "method.k",
    "group_size": "batch.rollouts",
    "learning_rate": "optimizer.learning_rate",
    "seed": "training.seed",
}
"""Flags that a recipe has too, with their names there."""
_SUBMISSION_NOTE = "note: this runs the file's code with your rights, without a sandbox"


@dataclass(frozen=True)
class Asked:
    """What the command line says.

    Attributes:
        options: of the run, as far as they were given, by their names in `TinyRun`.
        settings: "key=value" texts, which come after the options.
        out: folder of the run.
        dry_run: say what would be done.
        as_json: print JSON.
        quiet: no progress, only the result.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    settings: Sequence[str] = ()
    out: Path | None = None
    dry_run: bool = False
    as_json: bool = False
    quiet: bool = False


def run_train(asked: Asked, recipe: str | None = None) -> int:
    """Train a model and report on it; the same call goes on where an earlier one was interrupted.

    Args:
        asked: what the command line says.
        recipe: a recipe's name or file; None for the tiny model.

    Returns:
        The exit code.

    Raises:
        ValueError: an option that is unknown, out of range, or other than in the folder that is there.
    """
    if recipe is not None:
        return _run_recipe(recipe, asked)
    run, estimator = resolve(asked)
    out = asked.out or OUT / run.model / run.name
    if asked.dry_run:
        from maxpo_bench.commands.llm_train_plan import print_plan

        return print_plan(run, out, as_json=asked.as_json)
    return _train(run, out, estimator, asked)


def resolve(asked: Asked) -> tuple[TinyRun, Estimator | None]:
    """Return the run that is asked for, and the estimator if it is a submitted one.

    Raises:
        ValueError: an option is unknown or out of range, or the submission cannot be read.
    """
    from maxpo_bench.llm.tiny.run import TinyRun
    from maxpo_bench.llm.tiny.training import check_run
    from maxpo_bench.sweep.tables import apply_overrides

    options = apply_overrides(dict(asked.options), asked.settings)
    method = str(options.get("method", TinyRun.method))
    if not _is_path(method):
        run = TinyRun.from_options(options)
        check_run(run)
        return run, None
    from maxpo_bench.leaderboard.submission import load_submission

    if not asked.quiet:
        print(_SUBMISSION_NOTE, file=sys.stderr)
    candidate = load_submission(method)
    run = TinyRun.from_options({**options, "method": candidate.name, "submission": candidate.digest})
    if run.method_params:
        raise ValueError("method_params are for methods by name: a submission has its parameters in its file")
    if not candidate.supports(run.group_size, run.k):
        raise ValueError(
            f"{candidate.name} is not declared for k={run.k} with groups of {run.group_size}: it needs at least k="
            f"{candidate.metadata.min_k} and {candidate.smallest_group(run.k)} samples per group"
        )
    estimator = candidate.build(run.k)
    check_run(run, estimator)
    return run, estimator


def _is_path(method: str) -> bool:
    """Whether a method is a submission: a file's name, or a folder."""
    return method.endswith(".py") or "/" in method or Path(method).is_dir()


def _run_recipe(recipe: str, asked: Asked) -> int:
    from maxpo_bench.commands.llm_recipe import train_recipe

    foreign = [name for name in asked.options if name not in RECIPE_KEYS]
    if foreign:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in foreign)
        raise ValueError(f"{flags}: for the tiny model only; a recipe is changed by --set TABLE.KEY=VALUE")
    settings = [f"{RECIPE_KEYS[name]}={value}" for name, value in asked.options.items()]
    return train_recipe(
        recipe,
        asked.out,
        [*settings, *asked.settings],
        dry_run=asked.dry_run,
        as_json=asked.as_json,
        quiet=asked.quiet,
    )


class _Lines:
    """Says in a log, where no bar is shown, which stage began and when a quarter of it is done."""

    def __init__(self) -> None:
        self._said: tuple[str, int] | None = None

    def tell(self, stage: str, done: int, total: int) -> None:
        """Print a line on standard error, unless it would be the last one again."""
        quarters = 4 * done // max(total, 1)
        if (stage, quarters) != self._said:
            self._said = (stage, quarters)
            print(f"{stage}: {25 * quarters} %", file=sys.stderr, flush=True)


def _train(run: TinyRun, out: Path, estimator: Estimator | None, asked: Asked) -> int:
    from maxpo_bench.commands.llm_train_figure import write_figure
    from maxpo_bench.commands.llm_train_print import print_result
    from maxpo_bench.commands.progress import staged
    from maxpo_bench.llm.run_folder import RunFolder
    from maxpo_bench.llm.run_table import DATA, PAGE, write_table
    from maxpo_bench.llm.tiny.training import train

    with staged(quiet=asked.quiet or asked.as_json) as shown:
        if shown is not None:
            summary = train(
                run, out, estimator=estimator, progress=lambda stage, done, total: shown(stage, done / max(total, 1))
            )
        else:
            progress = None if asked.quiet else _Lines().tell
            summary = train(run, out, estimator=estimator, progress=progress)
    figures = write_figure(RunFolder(out))
    rows = write_table(out.parent)
    if asked.as_json:
        from maxpo_bench.cli.shared import print_json

        print_json({"out": str(out), "summary": summary, "leaderboard": rows})
    elif not asked.quiet:
        print_result(run, summary, rows, [out / "model", *figures, out.parent / PAGE, out.parent / DATA])
    else:
        print(out)
    return 0
