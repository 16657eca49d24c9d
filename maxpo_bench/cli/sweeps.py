"""Commands that train agents and compare them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from maxpo_bench.cli.shared import JsonFlag, Quiet, finish


def sweep(
    config: Annotated[Path | None, typer.Argument(help="TOML file; without one, the flags say what to run.")] = None,
    env: Annotated[list[str] | None, typer.Option("--env", help="Environment id (repeatable).")] = None,
    agent: Annotated[list[str] | None, typer.Option("--agent", help="Agent name (repeatable).")] = None,
    seeds: Annotated[str | None, typer.Option("--seeds", help="'10' (0 to 9), '3,7' or '10:20'.")] = None,
    iterations: Annotated[int | None, typer.Option("--iterations", help="Policy updates per run.")] = None,
    timesteps: Annotated[int | None, typer.Option("--timesteps", help="Environment steps per run instead.")] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder of the runs; finished ones are not run again.")] = Path(
        "runs"
    ),
    engine: Annotated[str | None, typer.Option("--engine", help="Who carries the runs out: local.")] = None,
    workers: Annotated[int | None, typer.Option("--workers", help="Runs at a time; default: one per core.")] = None,
    time_limit: Annotated[float | None, typer.Option("--time-limit", help="Seconds a run may take.")] = None,
    memory_limit: Annotated[int | None, typer.Option("--memory-limit", help="MiB a run may allocate.")] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="key=value over the configuration (repeatable).")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the runs and stop.")] = False,
    as_json: JsonFlag = False,
    quiet: Quiet = False,
) -> None:
    """Train agents on environments over seeds; interrupt at will, the same command goes on."""
    from maxpo_bench.sweep.command import sweep_command

    code = sweep_command(
        config,
        env=env or [],
        agent=agent or [],
        seeds=seeds,
        iterations=iterations,
        total_timesteps=timesteps,
        overrides=overrides or [],
        out=out,
        engine=engine,
        workers=workers,
        time_limit_s=time_limit,
        memory_limit_mb=memory_limit,
        dry_run=dry_run,
        quiet=quiet,
        as_json=as_json,
    )
    raise typer.Exit(code)


def compare(
    source: Annotated[Path, typer.Argument(help="Folder of a sweep's runs.")] = Path("runs"),
    metric: Annotated[
        str | None,
        typer.Option(
            "--metric", help="Of the runs' summaries; default: exact_max_at_k, else exact_return, return_mean."
        ),
    ] = None,
    against: Annotated[
        str | None, typer.Option("--against", help="Agent or variant to compare with; default: reinforce.")
    ] = None,
    tune: Annotated[
        list[str] | None,
        typer.Option(
            "--tune", help="Agent argument to choose for each agent and task, e.g. learning_rate (repeatable)."
        ),
    ] = None,
    tuning_seeds: Annotated[
        str | None,
        typer.Option("--tuning-seeds", help="Seeds that choose and are left out: '5' (0 to 4), '3,7', '0:5'."),
    ] = None,
    seeds: Annotated[str | None, typer.Option("--seeds", help="Compare these seeds only.")] = None,
    agent: Annotated[list[str] | None, typer.Option("--agent", help="Only this agent (repeatable).")] = None,
    env: Annotated[list[str] | None, typer.Option("--env", help="Only this environment (repeatable).")] = None,
    normalise: Annotated[
        str,
        typer.Option(
            "--normalise",
            help="optimum: divide by each environment's; none; auto: divide where there are several tasks.",
        ),
    ] = "auto",
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Also write comparison.json, comparison.md and performance_profile here."),
    ] = None,
    formats: Annotated[str, typer.Option("--formats", help="With --out, comma-separated: png, svg, pdf.")] = (
        "png,svg,pdf"
    ),
    seed: Annotated[int, typer.Option("--seed", help="Seed of the bootstrap.")] = 0,
    as_json: JsonFlag = False,
) -> None:
    """Compare a sweep's agents: interquartile means, optimality gaps, probabilities of improvement, with intervals.

    A variant is an agent with the arguments that tell runs apart, a task an environment with its own; every variant
    needs one run for each seed on each task. Intervals come from a bootstrap of the runs within each task (arXiv
    2108.13264). With a grid in the sweep, `--tune learning_rate --tuning-seeds 0:5` takes for each variant and task the
    value with the best mean on the seeds 0 to 4 and compares on all others.
    """
    from maxpo_bench.commands.compare import run_compare

    finish(
        lambda: run_compare(
            source,
            out,
            metric=metric,
            normalise=normalise,
            against=against,
            tuned=tune or [],
            tuning_seeds=tuning_seeds,
            seeds=seeds,
            agents=agent or [],
            envs=env or [],
            seed=seed,
            formats=formats,
            as_json=as_json,
        )
    )


def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for runs, scores, figures and the page.")] = Path("demo"),
    workers: Annotated[int | None, typer.Option("--workers", help="Processes; default: the number of cores.")] = None,
    quiet: Quiet = False,
) -> None:
    """Train agents, score every built-in estimator, draw figures and write a leaderboard page: about a minute."""
    from maxpo_bench.commands.demo import run_demo

    finish(lambda: run_demo(out, workers=workers, quiet=quiet))
