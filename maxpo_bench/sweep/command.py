"""The sweep command without its option parser: prints, and returns an exit code."""

from __future__ import annotations

import json
import math
import os
import shlex
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from maxpo_bench.sweep.aggregate import summary_table
from maxpo_bench.sweep.config import ConfigError, SweepConfig
from maxpo_bench.sweep.report import EXIT_USAGE, SweepReport
from maxpo_bench.sweep.runner import SweepInterrupted, run
from maxpo_bench.sweep.store import RunStore, StoreError
from maxpo_bench.sweep.task import DEFAULT_EXECUTE


def sweep_command(
    config: str | os.PathLike[str] | None = None,
    *,
    env: Sequence[str] = (),
    agent: Sequence[str] = (),
    seeds: str | None = None,
    iterations: int | None = None,
    total_timesteps: int | None = None,
    overrides: Sequence[str] = (),
    out: str | os.PathLike[str] = "runs",
    engine: str | None = None,
    workers: int | None = None,
    time_limit_s: float | None = None,
    memory_limit_mb: int | None = None,
    dry_run: bool = False,
    quiet: bool = False,
    as_json: bool = False,
    execute: str = DEFAULT_EXECUTE,
    resume_command: str | None = None,
) -> int:
    """Run a sweep from a TOML file or from flags and return the exit code.

    Results go to standard output; progress, failures and errors to standard error.

    Args:
        config: a TOML file; seeds and the budget given here replace the file's.
        env: environment ids, instead of a file.
        agent: agent names, instead of a file.
        seeds: ``"10"``, ``"3,7"`` or ``"10:20"``.
        iterations: budget of a run in policy updates.
        total_timesteps: budget of a run in environment steps.
        overrides: ``key=value`` texts of ``--set``.
        out: folder of the store.
        engine: name of the engine.
        workers: runs at a time.
        time_limit_s: seconds for one run.
        memory_limit_mb: MiB for one run.
        dry_run: only list the runs.
        quiet: print nothing but errors.
        as_json: print the report as JSON.
        execute: ``"module:function"`` that carries a run out.
        resume_command: what to call to go on; None: the command of this process.

    Returns:
        0 done, 2 wrong configuration or damaged store, 3 partly done, 130 interrupted.
    """
    errors = Console(stderr=True)
    resume = resume_command or shlex.join([os.path.basename(sys.argv[0]), *sys.argv[1:]])
    try:
        settings = _settings(config, env, agent, seeds, iterations, total_timesteps, overrides)
        report = run(
            settings,
            out,
            workers,
            not quiet,
            engine=engine,
            time_limit_s=time_limit_s,
            memory_limit_mb=memory_limit_mb,
            dry_run=dry_run,
            execute=execute,
            resume_command=resume,
            console=errors,
        )
    except (ConfigError, StoreError) as error:
        errors.print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)
        return EXIT_USAGE
    except SweepInterrupted as interruption:
        report = interruption.report
    if as_json:
        print(json.dumps(report_table(report), indent=2, sort_keys=True))
    elif not quiet:
        print(report.plan() if dry_run else report.summary() + (results_text(report) if report.exit_code == 0 else ""))
    return report.exit_code


def results_text(report: SweepReport) -> str:
    """Return the final exact max@K, else the mean return, of the finished runs and what to do with them; may be empty.

    For each environment and agent: mean with standard error, and interquartile mean with its bootstrap interval.
    """
    finished = {*report.skipped, *report.done}
    records = [record for record in RunStore(report.directory).load_all() if record["id"] in finished]
    common = set.intersection(*(set(record["summary"]) for record in records)) if records else set()
    metric = next((name for name in ("exact_max_at_k", "return_mean") if name in common), None)
    if metric is None:
        return ""
    table = summary_table(records, [metric], with_iqm=True)
    limits = [table.pop(f"{metric}_iqm{end}") for end in ("", "_low", "_high")]
    named = table.rename(columns={f"{metric}_se": "se"}).assign(**{"IQM [95 %]": list(map(_limits_text, *limits))})
    text = named.to_string(index=False, na_rep="", float_format=lambda value: f"{value:.3f}")
    hints = [f"plot: maxpo-bench plot learning_curves --from {report.directory}"]
    if all(runs > 1 for runs in table["runs"]):
        hints.append(f"compare: maxpo-bench compare {report.directory}")
    return "\n".join(["", "", text, "", *hints])


def _limits_text(estimate: float, low: float, high: float) -> str:
    """Write an interval, or nothing where a single run has none."""
    return "" if math.isnan(low) else f"{estimate:.3f} [{low:.3f}, {high:.3f}]"


def report_table(report: SweepReport) -> dict[str, Any]:
    """Return a report as JSON types: counts, the runs with their state, failures."""
    finished = {*report.skipped, *report.done}
    runs = [
        {
            "id": spec.run_id,
            "is_finished": spec.run_id in finished,
            "error": report.failed.get(spec.run_id),
            "spec": spec.to_dict(),
        }
        for spec in report.specs
    ]
    return {
        "directory": report.directory,
        "runs": runs,
        "done": len(report.done),
        "skipped": len(report.skipped),
        "failed": len(report.failed),
        "missing": report.missing,
        "estimate_s": report.estimate_s,
        "wall_s": report.wall_s,
        "exit_code": report.exit_code,
    }


def _settings(
    config: str | os.PathLike[str] | None,
    env: Sequence[str],
    agent: Sequence[str],
    seeds: str | None,
    iterations: int | None,
    total_timesteps: int | None,
    overrides: Sequence[str],
) -> SweepConfig:
    if config is None:
        if not env or not agent:
            raise ConfigError("give a TOML file, or at least one --env and one --agent")
        return SweepConfig.from_flags(env, agent, seeds or 1, iterations, total_timesteps, overrides=overrides)
    if env or agent:
        raise ConfigError("give either a TOML file or --env and --agent, not both; --set changes what is in the file")
    flags = {"seeds": seeds and f'"{seeds}"', "iterations": iterations, "total_timesteps": total_timesteps}
    given = [f"{name}={value}" for name, value in flags.items() if value is not None]
    return SweepConfig.from_toml(config, [*given, *overrides])
