"""`maxpo-bench llm sample` and `llm eval`: a language model answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from maxpo_bench.cli.shared import JsonFlag, Quiet, finish

Model = Annotated[str, typer.Argument(help="Folder of save_pretrained, a run folder (its model), or a hub name.")]
Split = Annotated[str | None, typer.Option("--split", help="Of data sets and tasks; default: test.")]
Difficulty = Annotated[int | None, typer.Option("--difficulty", help="Of --task.")]
Options = Annotated[
    list[str] | None,
    typer.Option("--option", help="Of --task, such as size=200 (repeatable); `maxpo-bench tasks NAME` lists them."),
]
DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Folder with SET/SPLIT.jsonl or .parquet.")]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="Only the first so many problems.")]
Template = Annotated[
    str | None,
    typer.Option(
        "--template",
        help="plain, boxed, qwen2.5-math, chat; default: chat if the tokenizer has a chat template, else plain.",
    ),
]
Temperature = Annotated[float, typer.Option("--temperature", help="0 takes the likeliest token, with n = 1.")]
TopP = Annotated[float, typer.Option("--top-p", help="Nucleus, in (0, 1].")]
MaxNewTokens = Annotated[
    int, typer.Option("--max-new-tokens", min=1, help="Longest completion; the model's context may end it earlier.")
]
Seed = Annotated[int, typer.Option("--seed", help="Root of the samples' seeds.")]
EngineOption = Annotated[str, typer.Option("--engine", help="auto (vllm where it is installed), vllm or transformers.")]
DtypeOption = Annotated[
    str, typer.Option("--dtype", help="auto (as the checkpoint is stored), float32, bfloat16 or float16.")
]
Device = Annotated[str, typer.Option("--device", help="For transformers: auto, cpu, cuda, cuda:1, ...")]
BatchSize = Annotated[
    int | None,
    typer.Option("--batch-size", min=1, help="Samples drawn together; default: 128, with vllm 1024."),
]


def sample(
    model: Model,
    out: Annotated[Path, typer.Option("--out", help="Samples, .jsonl, one line each; a second call goes on.")],
    file: Annotated[
        Path | None, typer.Argument(help="Problems, as `llm prepare --out` writes them; or --dataset or --task.")
    ] = None,
    dataset: Annotated[str | None, typer.Option("--dataset", help="math500, aime24, ...; a path; a hub name.")] = None,
    task: Annotated[str | None, typer.Option("--task", help="countdown, ...; `maxpo-bench tasks` lists them.")] = None,
    split: Split = None,
    difficulty: Difficulty = None,
    option: Options = None,
    data_dir: DataDir = None,
    limit: Limit = None,
    n: Annotated[int, typer.Option("--n", help="Samples per problem, 1 to 1024.")] = 256,
    temperature: Temperature = 0.6,
    top_p: TopP = 0.95,
    max_new_tokens: MaxNewTokens = 3072,
    seed: Seed = 0,
    template: Template = None,
    logprobs: Annotated[
        str,
        typer.Option("--logprobs", help="Of the model at temperature 1: none, sum, or tokens with their ids."),
    ] = "none",
    engine: EngineOption = "auto",
    dtype: DtypeOption = "auto",
    device: Device = "auto",
    batch_size: BatchSize = None,
    as_json: JsonFlag = False,
    quiet: Quiet = False,
) -> None:
    """Sample completions of problems; `llm grade` grades what it writes.

    A completion ends at the model's end-of-sequence token and nowhere else. Each sample has a seed of its own, a hash
    of --seed, problem and number. Interrupt or kill at will: the same command goes on, and ends with the same file.
    """
    from maxpo_bench.commands.llm_sample import run_llm_sample
    from maxpo_bench.llm.sampling import SamplingSettings

    finish(
        lambda: run_llm_sample(
            model,
            file,
            out=out,
            settings=SamplingSettings(n, temperature, top_p, max_new_tokens, seed),
            dataset=dataset,
            task=task,
            split=split,
            difficulty=difficulty,
            options=option or (),
            data_dir=data_dir,
            limit=limit,
            template=template,
            logprobs=logprobs,
            engine=engine,
            dtype=dtype,
            device=device,
            batch_size=batch_size,
            quiet=quiet,
            as_json=as_json,
        )
    )


def evaluate(
    model: Model,
    out: Annotated[Path, typer.Option("--out", help="Run folder: samples/, evaluation/; a second call goes on.")],
    dataset: Annotated[list[str] | None, typer.Option("--dataset", help="aime24, math500, ... (repeatable).")] = None,
    task: Annotated[list[str] | None, typer.Option("--task", help="countdown, ... (repeatable).")] = None,
    split: Split = None,
    difficulty: Difficulty = None,
    option: Options = None,
    data_dir: DataDir = None,
    limit: Limit = None,
    n: Annotated[
        list[str] | None,
        typer.Option("--n", help="Samples per problem: 256, or aime24=1024 for one benchmark (repeatable)."),
    ] = None,
    against: Annotated[
        Path | None, typer.Option("--against", help="The base model's scored samples: file, folder or run folder.")
    ] = None,
    temperature: Temperature = 0.6,
    top_p: TopP = 0.95,
    max_new_tokens: MaxNewTokens = 3072,
    seed: Seed = 0,
    template: Template = None,
    method: Annotated[str, typer.Option("--method", help="Name in run.json, if that is not there yet.")] = "base",
    model_name: Annotated[
        str | None, typer.Option("--model-name", help="Base model in run.json, if that is not there yet.")
    ] = None,
    train_seed: Annotated[
        int | None, typer.Option("--train-seed", min=0, help="Of a model trained elsewhere, with --method; default: 0.")
    ] = None,
    k: Annotated[int | None, typer.Option("--k", min=1, help="Its objective size K, with --method.")] = None,
    group_size: Annotated[
        int | None, typer.Option("--group-size", min=1, help="Its completions per question, with --method.")
    ] = None,
    engine: EngineOption = "auto",
    dtype: DtypeOption = "auto",
    device: Device = "auto",
    batch_size: BatchSize = None,
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="Processes that compare answers.")] = None,
    time_limit: Annotated[float, typer.Option("--time-limit", help="Seconds per comparison.")] = 3.0,
    confidence: Annotated[float, typer.Option("--confidence", help="Of the intervals.")] = 0.95,
    resamples: Annotated[int, typer.Option("--resamples", min=1, help="Of the bootstrap over problems.")] = 2000,
    as_json: JsonFlag = False,
    quiet: Quiet = False,
) -> None:
    """Evaluate a model: sample, grade, and report pass@k per benchmark and on average.

    With --against the model is compared with its base problem by problem, on the problems that both have; both are
    sampled with the same settings. `llm report` draws the figures. Interrupt or kill at will: the same command goes on.
    """
    from maxpo_bench.commands.llm_eval import Asked, run_llm_eval
    from maxpo_bench.commands.task_problems import parse_options
    from maxpo_bench.llm.sampling import SamplingSettings

    if not task and (difficulty is not None or option):
        raise ValueError("--difficulty and --option are of --task: give it too, or leave them out")
    options = parse_options(option or [], difficulty)
    asked = Asked(dataset or (), task or (), split, options, data_dir, limit, n or ())
    finish(
        lambda: run_llm_eval(
            model,
            asked,
            out=out,
            settings=SamplingSettings(256, temperature, top_p, max_new_tokens, seed),
            against=against,
            method=method,
            model_name=model_name,
            train_seed=train_seed,
            k=k,
            group_size=group_size,
            template=template,
            engine=engine,
            dtype=dtype,
            device=device,
            batch_size=batch_size,
            workers=workers,
            time_limit=time_limit,
            confidence=confidence,
            resamples=resamples,
            quiet=quiet,
            as_json=as_json,
        )
    )
