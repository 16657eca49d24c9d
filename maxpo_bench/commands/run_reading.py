"""Run folders read for a report: which arguments hold runs, and what each run says."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from maxpo_bench.evaluation.paper_reference import printed_benchmark, printed_model
from maxpo_bench.evaluation.reading import ENDINGS, read_samples
from maxpo_bench.evaluation.run import BASE, EvaluatedRun, Scalar, canonical_method
from maxpo_bench.evaluation.samples import ScoredSamples
from maxpo_bench.llm.run_folder import SCHEMA, RunFolder, RunInfo, find_runs
from maxpo_bench.llm.sampling_record import recorded_sampling

_KIND = SCHEMA.rpartition(" ")[0]
PROXY = "adam_variance_proxy"


def holds_runs(path: Path) -> bool:
    """Whether a path is a folder of runs: one with a run.json, in itself or anywhere beneath, that says its schema."""
    return path.is_dir() and any(_says_schema(run.info_path) for run in find_runs(path))


def read_runs(folders: Sequence[Path]) -> tuple[list[EvaluatedRun], list[str]]:
    """Read every run beneath some folders, each once.

    Args:
        folders: as `holds_runs` takes them.

    Returns:
        The runs in the order of their paths, and in sentences what is unusual about them.

    Raises:
        ValueError: a run.json, a log or a file of samples is malformed; the message names file and line.
    """
    found: dict[Path, tuple[str, RunFolder]] = {}
    for folder in folders:
        for run in find_runs(folder):
            if _says_schema(run.info_path) or not _is_table(run.info_path):
                found.setdefault(run.path.resolve(), (_name(run.path, folder, len(folders) > 1), run))
    infos = {path: run.info() for path, (_, run) in found.items()}
    runs = [_read(name, run, infos[path]) for path, (name, run) in found.items()]
    unfinished = [
        name for path, (name, run) in found.items() if infos[path].method != BASE and not run.summary_path.exists()
    ]
    notes = (
        [f"Not finished (no summary.json), shown as far as they are: {', '.join(unfinished)}."] if unfinished else []
    )
    return runs, notes


def _read(name: str, run: RunFolder, info: RunInfo) -> EvaluatedRun:
    options: dict[str, Scalar] = {"group_size": info.group_size, "engine": info.engine, "recipe": info.recipe}
    options |= {f"config.{key}": value for key, value in _flat(info.config)}
    method = canonical_method(info.method)
    if method != BASE:
        options = {"k": info.k, **options}
    log = [line for line in run.log() if _is_number(line.get(PROXY))]
    by_step = {int(line["step"]): float(line[PROXY]) for line in log}
    steps = sorted(by_step)
    samples, sampling = _samples(name, run.evaluation_path)
    return EvaluatedRun(
        name,
        _model(info.model),
        _family(info),
        method,
        info.k,
        info.seed,
        options,
        samples,
        np.array(steps, dtype=np.int64),
        np.array([by_step[step] for step in steps]),
        sampling,
    )


def _samples(name: str, folder: Path) -> tuple[ScoredSamples | None, dict[str, Mapping[str, Scalar]]]:
    """Return the samples of all files of a run's evaluation, and how they were drawn, by benchmark.

    A file of one benchmark is called by it.
    """
    files = sorted(file for file in folder.glob("*") if file.is_file() and file.name.endswith(ENDINGS))
    parts: dict[str, ScoredSamples] = {}
    sampling: dict[str, Mapping[str, Scalar]] = {}
    for file in files:
        if file.stat().st_size == 0:
            continue
        found = read_samples(file)
        recorded = recorded_sampling(file)
        if len(found) > 1:
            sources = ", ".join(each.label for each in found)
            raise ValueError(f"{file} holds samples of several sources ({sources}): a run has samples of its own only")
        for benchmark in found[0].benchmarks:
            part = found[0].of(benchmark)
            known = _benchmark(benchmark, file, len(found[0].benchmarks))
            if known in parts:
                raise ValueError(f"{file}: {known} is in {parts[known].files[0]} too: a run has one file of each")
            parts[known] = replace(part, keys=tuple((known, problem) for problem in part.problems))
            if recorded is not None:
                sampling[known] = recorded
    if not parts:
        return None, {}
    ordered = [parts[benchmark] for benchmark in sorted(parts)]
    by_file = {part.files: part.statuses for part in ordered}
    samples = ScoredSamples(
        name,
        tuple(dict.fromkeys(file for part in ordered for file in part.files)),
        tuple(key for part in ordered for key in part.keys),
        np.concatenate([part.num_samples for part in ordered]),
        np.concatenate([part.num_correct for part in ordered]),
        None,
        int(sum(int(part.num_samples.sum()) for part in ordered)),
        {
            status: sum(counts.get(status, 0) for counts in by_file.values())
            for status in sorted({status for counts in by_file.values() for status in counts})
        },
    )
    return samples, sampling


def _benchmark(name: str, file: Path, benchmarks: int) -> str:
    """Return the paper's name where it has one; else the file's, as all runs call it so, unless it holds several."""
    stem = next(file.name.removesuffix(ending) for ending in (".gz", "") if file.name.endswith(ending))
    stem = stem.rpartition(".")[0]
    return printed_benchmark(name) or (name if benchmarks > 1 else printed_benchmark(stem) or stem)


def _model(name: str) -> str:
    """Return the paper's name of a model where it has one: with its organisation or without, it is the same model."""
    return printed_model(name) or name


def _family(info: RunInfo) -> str:
    """Return the model's name without the seed of its pretraining."""
    seed = info.config.get("pretraining_seed")
    return re.sub(rf"-pretraining{seed}$", "", info.model) if isinstance(seed, int) else _model(info.model)


def _flat(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Scalar]]:
    for name, value in config.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif value is None or isinstance(value, str | int | float):
            yield f"{prefix}{name}", value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _name(path: Path, folder: Path, is_one_of_several: bool) -> str:
    inner = path.relative_to(folder).as_posix()
    if inner == ".":
        return path.resolve().name
    return f"{folder.resolve().name}/{inner}" if is_one_of_several else inner


def _says_schema(path: Path) -> bool:
    try:
        table = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(table, dict) and str(table.get("schema")).startswith(f"{_KIND} ")


def _is_table(path: Path) -> bool:
    """Whether a file is a JSON object: one without our schema is somebody else's, a damaged one is complained of."""
    try:
        return isinstance(json.loads(path.read_bytes()), dict)
    except (OSError, ValueError, RecursionError):
        return False
