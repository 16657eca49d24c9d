"""What `maxpo-bench llm eval` compares before it samples: the evaluation that is there, and that of the base model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from maxpo_bench.evaluation.run_sampling import sampling_differences
from maxpo_bench.json_lines import parse_object
from maxpo_bench.llm.run_folder import RunFolder
from maxpo_bench.llm.sampling import Job
from maxpo_bench.llm.sampling_record import check_recorded, recorded_sampling


def check_job(job: Job, run: RunFolder, base: Path | None) -> Iterator[str]:
    """Compare a benchmark's planned samples with the run's evaluation and with the base's.

    Args:
        job: what is to be sampled.
        run: where the scored samples go.
        base: file or folder of the base model's scored samples.

    Yields:
        What cannot be compared, in sentences.

    Raises:
        ValueError: the run's evaluation is of other samples, or the base's samples were drawn in another way.
    """
    path = run.samples_path(job.benchmark.file_name)
    check_evaluation(job, path)
    check_recorded(path, job.sampling())
    if base is None:
        return
    theirs = base / path.name if base.is_dir() else base
    if not theirs.is_file():
        return
    recorded = recorded_sampling(theirs)
    if recorded is None:
        yield (
            f"{job.benchmark.name}: no record of how the samples in {theirs} were drawn (temperature, top-p, length, "
            "template, dtype): they are taken for samples of the same settings."
        )
    elif differing := sampling_differences(recorded, job.sampling()):
        raise ValueError(
            f"--against {theirs}: its samples were drawn differently (there and here: {'; '.join(differing)}), so that "
            "pass@k cannot be compared: give the same settings to both"
        )


def check_evaluation(job: Job, path: Path) -> None:
    """Compare the scored samples that a run has already with those that are planned; a torn last line is left out.

    Raises:
        ValueError: they are others, such as those of the training's own evaluation.
    """
    if not path.exists():
        return
    planned = (
        {"problem_id": identity, "sample": sample, "seed": job.settings.sample_seed(identity, sample)}
        for identity in job.ids
        for sample in range(job.settings.n)
    )
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.endswith(b"\n"):
                return
            row, expected = parse_object(line, f"{path}:{number}"), next(planned, {})
            differing = [name for name in expected if row.get(name) != expected[name]]
            if differing or not expected:
                told = f"{differing[0]} differs" if differing else "they are more"
                raise ValueError(
                    f"{path} holds other samples than those that are planned (line {number}: {told}), such as those of "
                    "the training's own evaluation. Keep it, and give another --out"
                )
