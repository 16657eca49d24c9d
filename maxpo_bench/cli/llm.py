"""`maxpo-bench llm`: data, grading and evaluation of language models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from maxpo_bench.cli.llm_sampling import evaluate, sample
from maxpo_bench.cli.llm_training import train
from maxpo_bench.cli.shared import JsonFlag, Quiet, finish

llm = typer.Typer(
    name="llm",
    help="Language models: training, data sets, sampling, grading, evaluation of pass@k.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", help="Folder with SET/SPLIT.jsonl or .parquet; default: $MAXPO_BENCH_DATA, else the hub."
    ),
]


@llm.command()
def prepare(
    name: Annotated[str, typer.Argument(help="gsm8k, math, gsm8k+math1, ...; a .jsonl or .parquet file; a hub name.")],
    split: Annotated[str | None, typer.Option("--split", help="Split; default: all, and train is compared.")] = None,
    data_dir: DataDir = None,
    column: Annotated[
        list[str] | None,
        typer.Option("--column", help="Of NAME, such as problem=q (repeatable): problem, answer, id, level, subject."),
    ] = None,
    answer_from: Annotated[
        str | None,
        typer.Option("--answer-from", help="How NAME's answers are read: plain, hash (after ####), boxed."),
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option(
            "--against", help="Evaluation set, by name, file or hub name (repeatable); default: all known test splits."
        ),
    ] = None,
    alone: Annotated[bool, typer.Option("--alone", help="Compare with no evaluation set.")] = False,
    remove_at: Annotated[float, typer.Option("--remove-at", help="Similarity from which a problem is removed.")] = 0.8,
    report_from: Annotated[float, typer.Option("--report-from", help="Similarity from which a pair is listed.")] = 0.5,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Write the problems that are kept here, as .jsonl, and a .report.json beside it."),
    ] = None,
    template: Annotated[
        str | None,
        typer.Option("--template", help="Add prompts to the rows of --out: plain, boxed, qwen2.5-math, chat."),
    ] = None,
    pairs: Annotated[int, typer.Option("--pairs", min=0, help="Pairs that the text lists.")] = 20,
    as_json: JsonFlag = False,
) -> None:
    """Load a data set, check it, and say which training problems evaluation sets hold too.

    Rows, identifiers and the form of the answers are checked. Two questions are the same if they agree but for white
    space, punctuation and drawings. If they share eight words in a row, their similarity is the Jaccard index of their
    word 3-grams; else it is 0.
    """
    from maxpo_bench.commands.llm_data import parse_columns, run

    if alone and against:
        raise ValueError("--alone compares with no evaluation set: leave out --against")
    finish(
        lambda: run(
            name,
            split,
            data_dir=data_dir,
            columns=parse_columns(column) if column else None,
            answer_from=answer_from,
            against=() if alone else against or None,
            remove_at=remove_at,
            report_from=report_from,
            output=out,
            template=template,
            pairs=pairs,
            as_json=as_json,
        )
    )


@llm.command()
def grade(
    file: Annotated[
        Path,
        typer.Argument(
            help="JSON Lines: problem_id (or id), completion, gold (or answer), optionally sample; .gz too."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="Scored samples, one line each; a second call goes on.")],
    dataset: Annotated[
        str | None, typer.Option("--dataset", help="Take the golds from this data set, by problem_id.")
    ] = None,
    task: Annotated[
        str | None, typer.Option("--task", help="Let this procedural task grade; `maxpo-bench tasks` lists them.")
    ] = None,
    split: Annotated[str | None, typer.Option("--split", help="Split of --dataset or --task; default: test.")] = None,
    difficulty: Annotated[int | None, typer.Option("--difficulty", help="Of --task.")] = None,
    option: Annotated[
        list[str] | None, typer.Option("--option", help="Of --task, such as size=200 (repeatable).")
    ] = None,
    data_dir: DataDir = None,
    marker: Annotated[
        list[str] | None,
        typer.Option("--marker", help="Text before the answer, such as '####'; without one only a box counts."),
    ] = None,
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="Processes; default: one per core.")] = None,
    time_limit: Annotated[float, typer.Option("--time-limit", help="Seconds per comparison.")] = 3.0,
    keep_completions: Annotated[
        bool, typer.Option("--keep-completions", help="Keep the texts in --out, not only their digests.")
    ] = False,
    as_json: JsonFlag = False,
    quiet: Quiet = False,
) -> None:
    r"""Grade completions of mathematical problems, or with --task of a task's; `llm report` reads what it writes.

    The answer is the content of the last `\boxed{}` after any thinking. Equal text and numbers are decided at once, all
    else by math-verify in processes that are killed at their limit. A task grades by its own rules and needs no golds.
    Interrupt at will: graded lines are kept.
    """
    from maxpo_bench.commands.llm_grade import run_llm_grade

    finish(
        lambda: run_llm_grade(
            file,
            out,
            dataset=dataset,
            split=split,
            data_dir=data_dir,
            markers=marker or [],
            workers=workers,
            time_limit=time_limit,
            quiet=quiet,
            as_json=as_json,
            task=task,
            difficulty=difficulty,
            options=option,
            keep_completions=keep_completions,
        )
    )


llm.command()(train)
llm.command()(sample)
llm.command("eval")(evaluate)


@llm.command()
def report(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Folders of training runs; or scored samples, one method each: .jsonl, .jsonl.gz, .json, or a folder."
        ),
    ],
    against: Annotated[
        str | None, typer.Option("--against", help="The base model's file, or the label of one of FILES.")
    ] = None,
    ks: Annotated[str | None, typer.Option("--k", help="Such as '1,4,16'; default: 1, 2, 4, ... and all.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Also write report.json, report.md, tables and figures here.")
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option("--label", help="Name of each file in turn (repeatable); default: its stem.")
    ] = None,
    benchmark_column: Annotated[
        str | None,
        typer.Option("--benchmark-column", help="Column with the benchmark; default: 'benchmark', else the id."),
    ] = None,
    common: Annotated[
        bool, typer.Option("--common", help="Leave out problems that not all files or runs have.")
    ] = False,
    skip_short: Annotated[
        bool, typer.Option("--skip-short", help="Leave out problems with fewer samples than the largest K.")
    ] = False,
    support_at: Annotated[
        int | None, typer.Option("--support-at", min=1, help="Compare supports at this number of samples.")
    ] = None,
    confidence: Annotated[float, typer.Option("--confidence", help="Of the intervals.")] = 0.95,
    resamples: Annotated[int, typer.Option("--resamples", min=1, help="Of the bootstrap over problems.")] = 2000,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the bootstrap.")] = 0,
    formats: Annotated[str, typer.Option("--formats", help="With --out, comma-separated: png, svg, pdf.")] = (
        "png,svg,pdf"
    ),
    as_json: JsonFlag = False,
) -> None:
    """Report pass@k with intervals, per benchmark and on average, from files of scored samples.

    A line is one sample: problem_id (or id), sample, correct, optionally benchmark, score, which adds max@k, and
    source: a file with several sources is split into methods of those names. A folder is read as one method.

    With --against every method is compared with the base problem by problem: paired differences of pass@k, and which
    problems only the method (expansion) or only the base (shrinkage) solves. --out replaces an earlier report.

    Of folders of training runs (run.json in them or beneath) it makes the paper's Tables 2 and 3 and Figures 2, 3, 8, 9
    and 10, as far as the runs go, with intervals over seeds and over problems, and says what of the paper's statements
    they bear out. Numbers that the paper prints stand beside them, marked.
    """
    from maxpo_bench.commands.llm_report import run

    finish(
        lambda: run(
            files,
            against,
            ks,
            out,
            as_json,
            confidence,
            seed,
            labels=label or (),
            benchmark_column=benchmark_column,
            common=common,
            skip_short=skip_short,
            support_at=support_at,
            resamples=resamples,
            formats=formats,
        )
    )


@llm.command()
def recipes(
    name: Annotated[
        str | None, typer.Argument(help="NAME or NAME:VARIANT, or a .toml file; default: list them all.")
    ] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", help="TABLE.KEY=VALUE, a change (repeatable).")] = None,
    as_json: JsonFlag = False,
) -> None:
    """List the recipes of training runs, or show one with every setting.

    A recipe is a TOML file; `llm train --recipe NAME` carries it out, with --dry-run it says what that takes.
    """
    from maxpo_bench.commands.llm_recipe import show_recipes

    finish(lambda: show_recipes(name, settings or (), as_json=as_json))
