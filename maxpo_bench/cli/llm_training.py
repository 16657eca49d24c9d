"""`maxpo-bench llm train`: flags and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from maxpo_bench.cli.shared import JsonFlag, Quiet, finish


def train(
    method: Annotated[
        str | None,
        typer.Option(
            "--method", help="maxpo, pkpo, grpo, dr_grpo, reinforce_l1o, entropy_adv, any estimator, or a FILE.py."
        ),
    ] = None,
    k: Annotated[int | None, typer.Option("--k", help="Objective size K; default: 4.")] = None,
    group_size: Annotated[
        int | None, typer.Option("--group-size", help="Answers per question, n; default: 16.")
    ] = None,
    steps: Annotated[int | None, typer.Option("--steps", help="Optimiser steps; default: 400.")] = None,
    learning_rate: Annotated[float | None, typer.Option("--learning-rate", help="Of Adam; default: 5e-5.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Of training; default: 0.")] = None,
    pretraining_seed: Annotated[
        int | None, typer.Option("--pretraining-seed", help="Of the base model; default: 0.")
    ] = None,
    task: Annotated[str | None, typer.Option("--task", help="A text task; default: countdown.")] = None,
    eval_problems: Annotated[
        int | None, typer.Option("--eval-problems", help="Held-out problems; default: 256.")
    ] = None,
    eval_samples: Annotated[int | None, typer.Option("--eval-samples", help="Answers to each; default: 64.")] = None,
    threads: Annotated[int | None, typer.Option("--threads", help="Of torch; default: 1.")] = None,
    recipe: Annotated[
        str | None, typer.Option("--recipe", help="Carry out a recipe instead: NAME or FILE.toml; see `llm recipes`.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Another option, KEY=VALUE (repeatable), such as groups_per_step=16."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The run's folder; default: runs/llm/MODEL/METHOD-kK-seedS.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done and how long it takes.")] = False,
    as_json: JsonFlag = False,
    quiet: Quiet = False,
) -> None:
    """Fine-tune a language model with any method; without options a tiny one, in minutes on a laptop.

    A tiny model is pretrained on countdown (once), trained with MaxPO, and compared with its base on held-out problems:
    pass@k, support, the gradient's variance. The run's folder holds log, model, samples and a figure; leaderboard.md
    beside it has all runs. Interrupt at will: the same command goes on.
    """
    from maxpo_bench.commands.llm_train import Asked, run_train

    options: dict[str, Any] = {
        "method": method,
        "k": k,
        "group_size": group_size,
        "steps": steps,
        "learning_rate": learning_rate,
        "seed": seed,
        "pretraining_seed": pretraining_seed,
        "task": task,
        "eval_problems": eval_problems,
        "eval_samples": eval_samples,
        "threads": threads,
    }
    given = {name: value for name, value in options.items() if value is not None}
    asked = Asked(given, settings or (), out, dry_run=dry_run, as_json=as_json, quiet=quiet)
    finish(lambda: run_train(asked, recipe))
