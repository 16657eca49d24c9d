"""`maxpo-bench llm sample`: completions of a model to a file, whose every problem survives a kill."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from maxpo_bench.commands.progress import counting
from maxpo_bench.commands.task_problems import parse_options
from maxpo_bench.llm.sampling import (
    Benchmark,
    Job,
    SamplingSettings,
    Speed,
    dataset_benchmark,
    file_benchmark,
    plan_job,
    prepare_model,
    run_jobs,
    task_benchmark,
)


def run_llm_sample(
    model: str,
    file: Path | None,
    *,
    out: Path,
    settings: SamplingSettings,
    dataset: str | None = None,
    task: str | None = None,
    split: str | None = None,
    difficulty: int | None = None,
    options: Sequence[str] = (),
    data_dir: Path | None = None,
    limit: int | None = None,
    template: str | None = None,
    logprobs: str = "none",
    engine: str = "auto",
    dtype: str = "auto",
    device: str = "auto",
    batch_size: int | None = None,
    quiet: bool = False,
    as_json: bool = False,
) -> int:
    """Sample completions of problems; a second call with the same options goes on.

    Args:
        model: folder, run folder or hub name.
        file: problems, as `llm prepare` writes them; or `dataset`, or `task`.
        out: the samples, ``.jsonl``; its options are put beside it.
        settings: how completions are drawn.
        dataset: name, path or hub name of a data set.
        task: name of a task.
        split: of the data set or task; None: "test".
        difficulty: of the task.
        options: of the task, "name=value" each.
        data_dir: folder of local data sets.
        limit: only the first so many problems.
        template: name of a prompt template; None: by the model.
        logprobs: "none", "sum" or "tokens".
        engine: "auto", "vllm" or "transformers".
        dtype: "auto", "float32", "bfloat16" or "float16".
        device: for transformers.
        batch_size: samples that are drawn together.
        quiet: no progress, only errors.
        as_json: print the counts as JSON.

    Returns:
        0, the exit code.

    Raises:
        ValueError: unusable data or options; the message says how to mend them.
        MissingEngineError: an engine is not installed.
    """
    benchmark = _benchmark(file, dataset, task, split, difficulty, options, data_dir, limit)
    setup = prepare_model(model, template=template, engine=engine, dtype=dtype, device=device, batch_size=batch_size)
    job = plan_job(benchmark, settings, setup, out, logprobs=logprobs)
    if not quiet:
        announce([job])
    (speed,) = run_with_progress([job], quiet=quiet)
    if as_json:
        from maxpo_bench.cli.shared import print_json

        print_json({"out": str(out), "benchmark": benchmark.name, "problems": len(job.ids), **speed.to_dict()})
    elif not quiet:
        print(describe_speed(job, speed))
        print(f"to grade: {grade_command(job, task, split, difficulty, options)}")
    return 0


def run_with_progress(jobs: Sequence[Job], *, quiet: bool) -> list[Speed]:
    """Run jobs with a bar over all their samples, where there is a terminal."""
    total = sum(len(job.ids) * job.settings.n for job in jobs)
    done = dict.fromkeys(range(len(jobs)), 0)
    with counting("sampling", quiet=quiet) as bar:

        def report(job: Job, problems: int, _: int) -> None:
            done[next(at for at, each in enumerate(jobs) if each is job)] = problems * job.settings.n
            if bar is not None:
                bar(sum(done.values()), total)

        return run_jobs(jobs, report)


def announce(jobs: Sequence[Job]) -> None:
    """Say how the model is sampled from, and which packages have changed since a file was begun."""
    setup = jobs[0].setup
    where = "" if setup.engine == "vllm" else f" on {setup.device}"
    print(f"{setup.model}: template {setup.template.name}, {setup.engine}, {setup.dtype}{where}", file=sys.stderr)
    for job in jobs:
        changes = job.file.other_versions(job.options())
        told = ", ".join(f"{name} {then or 'none'}, now {now or 'none'}" for name, (then, now) in changes.items())
        if told:
            print(f"note: {job.file.path} was begun with {told}", file=sys.stderr)


def describe_speed(job: Job, speed: Speed) -> str:
    """Return a line on what a call has drawn."""
    problems, n = len(job.ids), job.settings.n
    text = f"{problems * n} samples of {problems} problems of {job.benchmark.name} in {job.file.path}"
    if speed.problems_before:
        text += f" ({speed.problems_before} of them drawn before)"
    if speed.tokens_per_second is not None:
        text += (
            f"; {speed.tokens} tokens in {speed.seconds:.1f} s, {speed.tokens_per_second:.0f} tokens/s; "
            f"{100 * speed.cut / speed.samples:.1f} % ended by the limit of length"
        )
    return text


def grade_command(job: Job, task: str | None, split: str | None, difficulty: int | None, options: Sequence[str]) -> str:
    """Return the command that grades a file of samples."""
    import shlex

    words = ["maxpo-bench", "llm", "grade", str(job.file.path)]
    if job.benchmark.task is not None:
        words += ["--task", str(task)]
        words += [] if split is None else ["--split", split]
        words += [] if difficulty is None else ["--difficulty", str(difficulty)]
        words += [word for option in options for word in ("--option", option)]
    return shlex.join([*words, "--out", str(job.file.path.with_name(f"{job.file.path.stem}-scored.jsonl"))])


def _benchmark(
    file: Path | None,
    dataset: str | None,
    task: str | None,
    split: str | None,
    difficulty: int | None,
    options: Sequence[str],
    data_dir: Path | None,
    limit: int | None,
) -> Benchmark:
    given = [name for name, value in (("FILE", file), ("--dataset", dataset), ("--task", task)) if value is not None]
    if len(given) != 1:
        raise ValueError(f"give one of FILE, --dataset and --task, got {' and '.join(given) or 'none'}")
    if task is None and (difficulty is not None or options):
        raise ValueError("--difficulty and --option are of --task: give it too, or leave them out")
    if dataset is None and data_dir is not None:
        raise ValueError("--data-dir says where --dataset is: give it too, or leave it out")
    if file is not None and split is not None:
        raise ValueError("a file has no splits: leave out --split")
    if file is not None:
        return file_benchmark(file, limit=limit)
    if task is not None:
        return task_benchmark(task, split or "test", limit=limit, options=parse_options(options, difficulty))
    return dataset_benchmark(str(dataset), split or "test", limit=limit, data_dir=data_dir)
