"""`maxpo-bench llm eval`: sample, grade and report a model on benchmarks, into a run folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from maxpo_bench.commands.llm_eval_checks import check_job
from maxpo_bench.commands.llm_grade import grade_file
from maxpo_bench.commands.llm_sample import announce, describe_speed, run_with_progress
from maxpo_bench.commands.passk_print import print_report
from maxpo_bench.commands.task_problems import TaskProblems
from maxpo_bench.commands.ungraded import SampleFile
from maxpo_bench.evaluation.curves import DEFAULT_RESAMPLES
from maxpo_bench.evaluation.reading import read_samples
from maxpo_bench.evaluation.report import Report, make_report
from maxpo_bench.evaluation.samples import ScoredSamples
from maxpo_bench.llm.run_folder import BASE, RunFolder, RunInfo
from maxpo_bench.llm.sampling import (
    Benchmark,
    Job,
    ModelSetup,
    SamplingSettings,
    dataset_benchmark,
    plan_job,
    prepare_model,
    task_benchmark,
)
from maxpo_bench.llm.sampling_record import record_sampling
from maxpo_bench.registry import suggest

SAMPLES = "samples"
"""Folder of a run with what was sampled, before it is graded."""


@dataclass(frozen=True)
class Asked:
    """What is evaluated on.

    Attributes:
        datasets: names, paths or hub names.
        tasks: names of tasks.
        split: of all; None: "test".
        options: of the tasks.
        data_dir: folder of local data sets.
        limit: only the first so many problems of each.
        n: "256", or "NAME=1024" for one of the data sets or tasks; the last that fits counts.
    """

    datasets: Sequence[str] = ()
    tasks: Sequence[str] = ()
    split: str | None = None
    options: Mapping[str, Any] | None = None
    data_dir: Path | None = None
    limit: int | None = None
    n: Sequence[str] = ()

    def benchmarks(self) -> dict[str, Benchmark]:
        """Return the benchmarks by the names they were asked for by.

        Raises:
            ValueError: there is none, or two have one name.
        """
        split = self.split or "test"
        found = {
            **{
                name: dataset_benchmark(name, split, limit=self.limit, data_dir=self.data_dir) for name in self.datasets
            },
            **{name: task_benchmark(name, split, limit=self.limit, options=self.options) for name in self.tasks},
        }
        if not found:
            raise ValueError("nothing to evaluate on: give --dataset or --task, each as often as you like")
        names = [benchmark.name for benchmark in found.values()]
        if len(set(names)) < len([*self.datasets, *self.tasks]):
            raise ValueError(f"benchmarks must differ, got {', '.join(names)}: evaluate one of a kind in each run")
        return found

    def samples_of(self, names: Sequence[str], default: int) -> dict[str, int]:
        """Return n by name.

        Raises:
            ValueError: a text is no number, or names nothing that is evaluated on.
        """
        counts = dict.fromkeys(names, default)
        for text in sorted(self.n, key=lambda text: "=" in text):
            name, equals, number = text.rpartition("=")
            if not number.isdecimal() or (equals and not name):
                raise ValueError(f"--n {text!r} must be a number, or NAME=NUMBER such as aime24=1024")
            if equals and name not in counts:
                raise ValueError(f"--n {text!r} names no benchmark of this call.{suggest(name, names)}")
            counts |= dict.fromkeys([name] if equals else names, int(number))
        return counts


def run_llm_eval(
    model: str,
    asked: Asked,
    *,
    out: Path,
    settings: SamplingSettings,
    against: Path | None = None,
    method: str = BASE,
    model_name: str | None = None,
    train_seed: int | None = None,
    k: int | None = None,
    group_size: int | None = None,
    template: str | None = None,
    engine: str = "auto",
    dtype: str = "auto",
    device: str = "auto",
    batch_size: int | None = None,
    workers: int | None = None,
    time_limit: float = 3.0,
    confidence: float = 0.95,
    resamples: int = DEFAULT_RESAMPLES,
    quiet: bool = False,
    as_json: bool = False,
) -> int:
    """Evaluate a model: RUN/samples holds what it answered, RUN/evaluation the scored samples.

    Args:
        model: folder, run folder or hub name.
        asked: what it is evaluated on.
        out: RUN, the run folder; run.json is written where it is missing.
        settings: how completions are drawn; `asked.n` comes before its n.
        against: scored samples of the base model, a file or a folder, or its run folder.
        method: what run.json says of the model where it is missing.
        model_name: likewise; None: the last part of the model's name.
        train_seed: of a trained model, the seed of its training; None: 0, or what run.json says.
        k: of a trained model, its objective size K.
        group_size: of a trained model, completions per question, n.
        template: name of a prompt template; None: by the model.
        engine: "auto", "vllm" or "transformers".
        dtype: "auto", "float32", "bfloat16" or "float16".
        device: for transformers.
        batch_size: samples that are drawn together.
        workers: processes that compare answers; None: one per core.
        time_limit: seconds that one comparison may take.
        confidence: of the intervals.
        resamples: of the bootstraps.
        quiet: no progress, only the result.
        as_json: print JSON instead of tables.

    Returns:
        0, the exit code.

    Raises:
        ValueError: unusable data or options; the message says how to mend them.
        MissingEngineError: an engine is not installed.
    """
    base = None if against is None else _base_files(against)
    benchmarks = asked.benchmarks()
    counts = asked.samples_of(list(benchmarks), settings.n)
    setup = prepare_model(model, template=template, engine=engine, dtype=dtype, device=device, batch_size=batch_size)
    run = RunFolder(out)
    with run.locked():
        jobs = [
            plan_job(
                benchmark, replace(settings, n=counts[name]), setup, out / SAMPLES / f"{benchmark.file_name}.jsonl"
            )
            for name, benchmark in benchmarks.items()
        ]
        notes = [note for job in jobs for note in check_job(job, run, base)]
        if run.info_path.exists():
            check_training(run, seed=train_seed, k=k, group_size=group_size)
        else:
            run.begin(_run_info(setup, settings, method, model_name, train_seed, k, group_size))
        for job in jobs:
            record_sampling(run.samples_path(job.benchmark.file_name), job.sampling())
        if not quiet:
            announce(jobs)
        speeds = run_with_progress(jobs, quiet=quiet)
        for job in jobs:
            _grade(job, run, workers=workers, time_limit=time_limit, quiet=quiet)
    report = _report(run, jobs, base, confidence=confidence, resamples=resamples, seed=settings.seed)
    report = replace(report, notes=(*report.notes, *notes))
    if as_json:
        from maxpo_bench.cli.shared import print_json

        sampling = {job.benchmark.name: speed.to_dict() for job, speed in zip(jobs, speeds, strict=True)}
        print_json({"out": str(out), "sampling": sampling, "report": report.to_dict()})
        return 0
    if not quiet:
        for job, speed in zip(jobs, speeds, strict=True):
            print(describe_speed(job, speed))
        print()
    print_report(report)
    return 0


def _run_info(
    setup: ModelSetup,
    settings: SamplingSettings,
    method: str,
    model_name: str | None,
    train_seed: int | None,
    k: int | None,
    group_size: int | None,
) -> RunInfo:
    """Return what a run is that only evaluates.

    Raises:
        ValueError: something of training is said of a base model.
    """
    name = model_name or Path(setup.model).resolve().name
    config = {"model": setup.model, "fingerprint": setup.fingerprint}
    if method == BASE:
        if given := [flag for flag, value in _training_flags(train_seed, k, group_size).items() if value is not None]:
            raise ValueError(f"{', '.join(given)}: of a trained model; say by --method what it was trained with")
        return RunInfo(model=name, method=method, engine=setup.engine, seed=settings.seed, config=config)
    seed = 0 if train_seed is None else train_seed
    for flag, value in _training_flags(seed, k, group_size).items():
        if value is not None and value < (0 if flag == "--train-seed" else 1):
            raise ValueError(f"{flag} {value} is too small")
    return RunInfo(model=name, method=method, engine=setup.engine, seed=seed, k=k, group_size=group_size, config=config)


def _training_flags(seed: int | None, k: int | None, group_size: int | None) -> dict[str, int | None]:
    return {"--train-seed": seed, "--k": k, "--group-size": group_size}


def check_training(run: RunFolder, *, seed: int | None, k: int | None, group_size: int | None) -> None:
    """Compare what is said of a model's training with what its run.json says.

    Raises:
        ValueError: they differ.
    """
    info = run.info()
    known = _training_flags(info.seed, info.k, info.group_size)
    differing = [
        f"{flag} {value}, there {known[flag]}"
        for flag, value in _training_flags(seed, k, group_size).items()
        if value is not None and value != known[flag]
    ]
    if differing:
        raise ValueError(f"{run.info_path} says something else ({'; '.join(differing)}): leave these out")


def _grade(job: Job, run: RunFolder, *, workers: int | None, time_limit: float, quiet: bool) -> None:
    problems = None if job.benchmark.task is None else TaskProblems(job.benchmark.task)
    samples = SampleFile(job.file.path, problems=problems, keep_completions=True)
    grade_file(samples, run.samples_path(job.benchmark.file_name), workers=workers, time_limit=time_limit, quiet=quiet)


def _base_files(path: Path) -> Path:
    """Return the scored samples that a run folder, a folder or a file holds."""
    if not path.exists():
        raise FileNotFoundError(f"--against {path} does not exist: give scored samples or a run folder")
    return RunFolder(path).evaluation_path if (path / "run.json").is_file() else path


def _report(
    run: RunFolder, jobs: Sequence[Job], base: Path | None, *, confidence: float, resamples: int, seed: int
) -> Report:
    """Report on the benchmarks of this call, on the problems that the base has too."""
    names = [job.benchmark.name for job in jobs]
    mine = _restricted(_only(run.evaluation_path, run.path.resolve().name), names)
    theirs: ScoredSamples | None = None
    if base is not None:
        folder = base.parent if base.name == run.evaluation_path.name else base
        label = folder.resolve().name.removesuffix(".jsonl")
        theirs = _restricted(_only(base, label if label != mine.label else f"{label} (base)"), names)
    return make_report([mine], theirs, common=theirs is not None, confidence=confidence, resamples=resamples, seed=seed)


def _only(path: Path, label: str) -> ScoredSamples:
    found = read_samples(path, label=label)
    if len(found) > 1:
        raise ValueError(f"{path} holds the samples of several sources: give the base model's alone")
    return found[0]


def _restricted(samples: ScoredSamples, names: Sequence[str]) -> ScoredSamples:
    keys = [key for key in samples.keys if key[0] in names]
    if not keys:
        raise ValueError(
            f"{samples.label} has none of the benchmarks {', '.join(names)}: it has {', '.join(samples.benchmarks)}"
        )
    return samples.restricted_to(keys)
