"""`maxpo-bench`: every command imports what it needs when it runs, so that help and lists appear at once."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

app = typer.Typer(
    name="maxpo-bench",
    help="Benchmark suite for advantage estimators of max@K / pass@K policy gradients.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the result.")]
Results = Annotated[Path, typer.Option("--results", help="Folder of the stored scores.")]
SuiteName = Annotated[str, typer.Option("--suite", help="Frozen suite: quick or full.")]


def _finish(run: Callable[[], int]) -> NoReturn:
    """Run a long command and leave with its exit code; 130 and the command that goes on where Ctrl-C stopped it."""
    try:
        code = run()
    except KeyboardInterrupt:
        command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
        print(f"interrupted; to go on: {command}", file=sys.stderr)
        code = 130
    raise typer.Exit(code)


def print_json(value: Any) -> None:
    """Print a value as JSON with sorted keys."""
    import json

    print(json.dumps(value, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False))


def _version(wanted: bool) -> None:
    if wanted:
        import maxpo_bench

        print(f"maxpo-bench {maxpo_bench.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Benchmark suite for advantage estimators of max@K / pass@K policy gradients."""


@app.command()
def estimators(as_json: JsonFlag = False) -> None:
    """List the advantage estimators with what is known of each."""
    from maxpo_bench.commands.lists import estimator_rows, print_rows

    rows = estimator_rows()
    print_json(rows) if as_json else print_rows(
        "Advantage estimators", rows, ("name", "unbiased", "centred", "summary")
    )


@app.command()
def agents(as_json: JsonFlag = False) -> None:
    """List the agents that can be trained."""
    from maxpo_bench.commands.lists import agent_rows, print_rows

    rows = agent_rows()
    print_json(rows) if as_json else print_rows("Agents", rows, ("name", "summary"))


@app.command()
def envs(as_json: JsonFlag = False) -> None:
    """List the registered environments."""
    from maxpo_bench.commands.lists import env_rows, print_rows

    rows = env_rows()
    print_json(rows) if as_json else print_rows("Environments", rows, ("name", "summary"))


@app.command()
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


@app.command()
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

    _finish(
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


@app.command()
def certify(
    target: Annotated[str, typer.Argument(help="Estimator name, or a file or folder as for `submit`.")],
    k: Annotated[int | None, typer.Option("--k", help="Objective size K; default: a grid.")] = None,
    n: Annotated[int | None, typer.Option("--n", help="Group size; default: a grid.")] = None,
    scale: Annotated[str | None, typer.Option("--scale", help="Declared scale: K/n or 1.")] = None,
    domain: Annotated[str | None, typer.Option("--domain", help="Rewards it is defined for: real or binary.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the random bandits.")] = 0,
    as_json: JsonFlag = False,
) -> None:
    """Say whether an estimator is unbiased for max@K, exactly, by enumerating small bandits.

    A file's code is run with your rights.
    """
    from maxpo_bench.commands.certify import certificate_of

    certificate = certificate_of(target, k=k, n=n, scale=scale, domain=domain, seed=seed)
    print_json(certificate.to_dict()) if as_json else print(certificate.explain())


@app.command()
def submit(
    path: Annotated[Path, typer.Argument(help="A .py file, or a folder with submission.py and submission.toml.")],
    suite: SuiteName = "full",
    results: Results = Path("results"),
    name: Annotated[str | None, typer.Option("--name", help="Name in the table; default: the file's.")] = None,
    scale: Annotated[str | None, typer.Option("--scale", help="Declared scale: K/n or 1.")] = None,
    domain: Annotated[str | None, typer.Option("--domain", help="Rewards it is defined for: real or binary.")] = None,
    check_only: Annotated[
        bool, typer.Option("--check-only", help="Contract tests and certificate only; store nothing.")
    ] = False,
    as_json: JsonFlag = False,
    quiet: Quiet = False,
) -> None:
    """Check, certify and score an estimator, store the result and say where it ranks.

    The file's code runs in this process with your rights, without a sandbox and without a time limit: submit only code
    you trust.

    A file defines `advantages(rewards, k)`: rewards [groups, n] to advantages of the same shape, in torch. Its
    docstring may declare, one per line: `name: ...` (lower-case letters, digits, _ . -), `scale: K/n` or `1`,
    `domain: real` or `binary`, `min_group_size: k`, `k+1` or a number, `min_k`, `authors`, `licence`, `paper`,
    `equation`. A folder holds submission.py and submission.toml with schema_version = 1 and the same keys.
    """
    from maxpo_bench.commands.submit import run_submit

    _finish(
        lambda: run_submit(
            path,
            suite=suite,
            results=results,
            overrides={"name": name, "scale": scale, "domain": domain},
            check_only=check_only,
            as_json=as_json,
            quiet=quiet,
        )
    )


@app.command()
def leaderboard(
    suite: SuiteName = "full",
    results: Results = Path("results"),
    score: Annotated[
        bool, typer.Option("--score", help="First score the built-in estimators; goes on where it stopped.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="With --score: score again what is stored.")] = False,
    workers: Annotated[int, typer.Option("--workers", min=1, help="With --score: processes.")] = 2,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    as_json: JsonFlag = False,
    html: Annotated[Path | None, typer.Option("--html", help="Write the page into this folder.")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Fail unless leaderboard.md and README.md there are what is stored.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Print the leaderboard, or write it as a page."""
    from maxpo_bench.commands.leaderboard import run_leaderboard

    _finish(
        lambda: run_leaderboard(
            suite=suite,
            results=results,
            score=score,
            force=force,
            workers=workers,
            markdown=markdown,
            as_json=as_json,
            html=html,
            check=check,
            quiet=quiet,
        )
    )


@app.command()
def plot(
    figure: Annotated[str, typer.Argument(help="Figure name; `maxpo-bench plot list` lists them.")],
    source: Annotated[
        Path | None, typer.Option("--from", help="Folder of a sweep's runs, or a .csv file of the data.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder of the figures.")] = Path("figures"),
    metric: Annotated[
        str | None, typer.Option("--metric", help="Of learning_curves and performance_profile, e.g. exact_max_at_k.")
    ] = None,
    estimator: Annotated[
        list[str] | None, typer.Option("--estimator", help="Estimators of computed data (repeatable).")
    ] = None,
    formats: Annotated[str, typer.Option("--formats", help="Comma-separated: png, svg, pdf.")] = "png,svg,pdf",
    size: Annotated[str, typer.Option("--size", help="For figures that compute their data: quick or paper.")] = "quick",
    seed: Annotated[int, typer.Option("--seed", help="Seed of computed data.")] = 0,
    quiet: Quiet = False,
) -> None:
    """Draw a figure from a sweep's runs, or compute its data first."""
    from maxpo_bench.commands.plot import run_plot

    _finish(
        lambda: run_plot(
            figure,
            source,
            out,
            metric=metric,
            estimators=estimator or [],
            formats=formats,
            size=size,
            seed=seed,
            quiet=quiet,
        )
    )


@app.command()
def reproduce(
    what: Annotated[
        list[str],
        typer.Argument(help="Any of table1, fig1, fig4, fig5, fig6, fig7, fig7-search, fig7-mlp, fig7-peers; or all."),
    ],
    estimator: Annotated[
        list[str] | None,
        typer.Option("--estimator", help="Another estimator in the figures: a name, or a file as for `submit`."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder of what is written; default: figures, and table1 is only printed."),
    ] = None,
    device: Annotated[
        str | None, typer.Option("--device", help="Of fig1, fig4 and fig5: cpu or cuda; default: cpu.")
    ] = None,
    instances: Annotated[
        int | None,
        typer.Option("--instances", help="Bandits or mazes per point, in place of each figure's own number."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of all bandits, mazes and random numbers.")] = 0,
    size: Annotated[
        str | None,
        typer.Option("--size", help="Of the figures: paper (default), or quick: less of everything."),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, help="Of the maze figures: cells at a time; default: one per core."),
    ] = None,
    as_json: JsonFlag = False,
    quiet: Quiet = False,
) -> None:
    """Measure what the paper states and print both side by side.

    table1: what each estimator is unbiased for. fig1, fig4, fig5: bias and variance on bandits, a minute together.
    fig6: the maze and what blind habit earns in it. fig7: learning on the maze, also by Adam (fig7-adam) and in all
    settings (fig7-settings), about ten minutes; fig7-search: the setting nearest to the paper's; fig7-mlp: with
    networks; fig7-peers: PPO, A2C, TRPO and ARS beside, an hour. Interrupt at will: finished cells are kept in
    OUT/cells, and the same command goes on. Each figure is written as PNG, SVG and PDF with its data
    (CSV), and its findings as Markdown and JSON: statements of the paper, what was measured, and whether they hold.

    An added estimator is exact where its advantages are sums over reward gaps, else sampled and drawn as points. A
    file's code is run with your rights. Of a folder's estimator all files count: if one changes, its cells are computed
    again.
    """
    from maxpo_bench.commands.reproduce import run_reproduce

    _finish(
        lambda: run_reproduce(
            what,
            out,
            estimators=estimator or [],
            device=device,
            instances=instances,
            seed=seed,
            size=size,
            workers=workers,
            quiet=quiet,
            as_json=as_json,
        )
    )


@app.command()
def video(
    env: Annotated[str, typer.Argument(help="Environment id, e.g. maxpo/Maze-v0.")],
    agent: Annotated[
        list[str] | None,
        typer.Option("--agent", help="Agent name; several stand side by side (repeatable). Default: ei_l2o."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="File to write: .gif or .mp4.")] = Path("learning.gif"),
    iterations: Annotated[int, typer.Option("--iterations", help="Policy updates.")] = 300,
    frames: Annotated[
        int | None, typer.Option("--frames", help="Frames, evenly spread over training; default: 60, or all there are.")
    ] = None,
    fps: Annotated[float, typer.Option("--fps", help="Frames per second.")] = 10.0,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", help="key=value for agents or environment, AGENT.key=value for one (repeatable)."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of every agent and of the episodes shown.")] = 0,
    quiet: Quiet = False,
) -> None:
    """Film agents while they learn: the environment's pictures, the policy on them, its exact values as curves.

    MP4 needs the extra `video`: `pip install 'maxpo-bench[video]'`.
    """
    from maxpo_bench.commands.video import run_video

    _finish(
        lambda: run_video(
            env,
            agent or [],
            out,
            iterations=iterations,
            frames=frames,
            fps=fps,
            overrides=overrides or [],
            seed=seed,
            quiet=quiet,
        )
    )


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for runs, scores, figures and the page.")] = Path("demo"),
    workers: Annotated[int | None, typer.Option("--workers", help="Processes; default: the number of cores.")] = None,
    quiet: Quiet = False,
) -> None:
    """Train agents, score every built-in estimator, draw figures and write a leaderboard page: about a minute."""
    from maxpo_bench.commands.demo import run_demo

    _finish(lambda: run_demo(out, workers=workers, quiet=quiet))


@app.command()
def doctor(as_json: JsonFlag = False) -> None:
    """Say what is installed, which device torch sees, and which tracks can run."""
    from maxpo_bench.commands.doctor import print_report, report

    found = report()
    print_json(found) if as_json else print_report(found)


def main() -> None:
    """Entry point: usage errors end with one line and exit code 2, MAXPO_BENCH_DEBUG=1 shows the traceback."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        app()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    except (ValueError, TypeError, OSError) as error:
        if os.environ.get("MAXPO_BENCH_DEBUG"):
            raise
        print(f"maxpo-bench: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
