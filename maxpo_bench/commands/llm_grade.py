"""`maxpo-bench llm grade`: completions with their golds in, scored samples out; what `llm report` reads."""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, Any

from maxpo_bench.commands.judges import GoldJudge, Judge, TaskJudge
from maxpo_bench.commands.progress import counting
from maxpo_bench.commands.task_problems import TaskProblems, parse_options
from maxpo_bench.commands.ungraded import VERDICT, Sample, SampleFile
from maxpo_bench.envs.tasks.grade import STATUSES, Grade
from maxpo_bench.json_lines import parse_object

SECONDS_PER_BATCH = 2.0
FIRST_BATCH, LARGEST_BATCH = 32, 8192
SHOWN = 5


@dataclass
class GradeCounts:
    """What all scored lines come to.

    Attributes:
        statuses: number of lines by status.
        agreeing: lines whose label in the file says what the grade says.
        differing: a sentence for each other line with a label.
        other_golds: lines whose own gold is not the data set's.
        found: lines that were graded before.
    """

    statuses: Counter[str] = field(default_factory=Counter)
    agreeing: int = 0
    differing: list[str] = field(default_factory=list)
    other_golds: int = 0
    found: int = 0

    def add(self, sample: Sample, verdict: dict[str, Any]) -> None:
        """Count one scored line."""
        self.statuses[verdict["status"]] += 1
        self.other_golds += sample.file_gold not in (None, sample.kept.get("gold"))
        if "label" not in sample.kept:
            return
        if bool(sample.kept["label"]) == verdict["correct"]:
            self.agreeing += 1
        else:
            self.differing.append(
                f"{sample.where}: {sample.kept['problem_id']} has label {sample.kept['label']!r}, graded "
                f"{verdict['status']}; gold {sample.kept.get('gold')!r}, read {verdict['extracted']!r}"
            )


def run_llm_grade(
    file: Path,
    out: Path,
    *,
    dataset: str | None,
    split: str | None,
    data_dir: Path | None,
    markers: list[str],
    workers: int | None,
    time_limit: float,
    quiet: bool,
    as_json: bool,
    task: str | None = None,
    difficulty: int | None = None,
    options: list[str] | None = None,
    keep_completions: bool = False,
) -> int:
    """Grade every line of a JSON Lines file and append the verdicts to another; a second call goes on.

    Args:
        file: lines with `problem_id` (or `id`), `completion`, optionally `sample`, and `gold` (or `answer`).
        out: the same lines without the completion, with `correct`, `status` and `extracted`. What `correct` was in
            `file` becomes `label`, and the agreement with it is counted.
        dataset: take the golds from this data set by `problem_id`, in place of the lines' own.
        split: of the data set or the task; None: "test".
        data_dir: folder of local data sets.
        markers: texts before the answer in the data set's own format; what they mark is boxed first. Without one only
            a box counts.
        workers: processes that compare; None: one per core.
        time_limit: seconds that one comparison may take.
        quiet: no progress.
        as_json: print the counts as JSON.
        task: let this procedural task grade its problems' completions; no golds are needed.
        difficulty: of the task.
        options: of the task, "name=value" each.
        keep_completions: keep the completions in `out`.

    Raises:
        ValueError: a line is not what it must be, or `out` belongs to other samples or is being written.
    """
    if dataset is not None and task is not None:
        raise ValueError("--dataset and --task both say what grades: give one of them")
    if dataset is None and (data_dir is not None or (split is not None and task is None)):
        raise ValueError("--split and --data-dir say where --dataset is: give it too, or leave them out")
    if task is None and (difficulty is not None or options):
        raise ValueError("--difficulty and --option are of --task: give it too, or leave them out")
    problems = None if task is None else _problems(task, split or "test", parse_options(options or [], difficulty))
    golds = None if dataset is None else _golds(dataset, split, data_dir)
    samples = SampleFile(file, dataset, golds, tuple(markers), problems, keep_completions)
    result = grade_file(samples, out, workers=workers, time_limit=time_limit, quiet=quiet)
    _print_result(result, out, as_json=as_json, quiet=quiet)
    return 0


def grade_file(
    samples: SampleFile, out: Path, *, workers: int | None = None, time_limit: float = 3.0, quiet: bool = False
) -> GradeCounts:
    """Grade all samples and append the verdicts to a file; what is there already is kept.

    Args:
        samples: what is graded; by its task if it has one, else by golds.
        out: scored lines.
        workers: processes that compare mathematical answers; None: one per core.
        time_limit: seconds that one comparison may take.
        quiet: no progress.

    Raises:
        ValueError: a line is not what it must be, or `out` belongs to other samples or is being written.
    """
    if out.name.endswith(".gz"):
        raise ValueError(f"--out {out}: scored samples are not compressed, so that an interruption loses nothing")
    total = samples.check()
    if out.exists() and out.samefile(samples.path):
        raise ValueError(f"--out {out} is the file of the completions: give another")
    out.parent.mkdir(parents=True, exist_ok=True)
    with _locked(out) as sink:
        result = _read_graded(out, samples)
        if result.found == total:
            return result
        judge = GoldJudge(workers, time_limit) if samples.problems is None else TaskJudge(samples.problems)
        with closing(judge), counting("grading", quiet=quiet) as progress:
            for done in _grade(judge, islice(samples, result.found, None), sink, result):
                if progress is not None:
                    progress(done, total)
    return result


def _problems(name: str, split: str, options: dict[str, Any]) -> TaskProblems:
    from maxpo_bench.envs.tasks import MathTask, make_task

    task = make_task(name, split, **options)
    if isinstance(task, MathTask):
        raise ValueError(f"{name} is a data set, whose golds grade: give it by --dataset")
    return TaskProblems(task)


def _golds(dataset: str, split: str | None, data_dir: Path | None) -> dict[str, str]:
    from maxpo_bench.envs.tasks import load_problems

    problems = load_problems(dataset, split or "test", data_dir=data_dir)
    return {problem.id: problem.answer for problem in problems}


@contextmanager
def _locked(out: Path) -> Iterator[IO[str]]:
    """Open a file for appending that no other call may write."""
    import fcntl

    with out.open("a", encoding="utf-8") as sink:
        try:
            fcntl.flock(sink, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(f"{out} is being written by another call: wait for it, or give another --out") from None
        yield sink


def _read_graded(out: Path, samples: SampleFile) -> GradeCounts:
    """Return what is graded in `out`, and cut off the beginning of a line where an interruption tore it.

    Nothing is cut off before every line there is known to come from these samples.
    """
    data = out.read_bytes()
    whole, torn = data[: (end := data.rfind(b"\n") + 1)], data[end:]
    result, known = GradeCounts(), iter(samples)
    for number, line in enumerate(whole.split(b"\n")[:-1], 1):
        row, sample = parse_object(line, f"{out}:{number}"), next(known, None)
        told = {name: value for name, value in row.items() if name not in VERDICT}
        if sample is None or told != sample.kept:
            reason = "there are fewer now" if sample is None else f"they differ in {_difference(told, sample.kept)}"
            raise ValueError(_not_ours(f"{out}:{number}", reason))
        result.add(sample, row)
        result.found += 1
    if torn:
        expected = b"" if (sample := next(known, None)) is None else json.dumps(sample.kept)[:-1].encode()
        if not expected or torn[: len(expected)] != expected[: len(torn)]:
            raise ValueError(_not_ours(str(out), "its last line does not end, and no interruption made it"))
        os.truncate(out, end)
    return result


def _not_ours(where: str, reason: str) -> str:
    return f"{where} was not graded from these samples ({reason}): give another --out, or remove it"


def _difference(told: dict[str, Any], kept: dict[str, Any]) -> str:
    return ", ".join(name for name in {**told, **kept} if told.get(name) != kept.get(name))


def _grade(judge: Judge, samples: Iterator[Sample], sink: IO[str], result: GradeCounts) -> Iterator[int]:
    """Grade batches of about as many samples as take two seconds, two at a time; yield how many lines are written.

    While the slowest comparison of one batch goes on, the other workers have the next.
    """
    with ThreadPoolExecutor(2) as threads:
        try:
            yield from _grade_in(threads, judge, samples, sink, result)
        except BaseException:
            # an interruption ends what is being compared, or leaving the threads would wait for it
            judge.close()
            raise


def _grade_in(
    threads: Executor, judge: Judge, samples: Iterator[Sample], sink: IO[str], result: GradeCounts
) -> Iterator[int]:
    size = FIRST_BATCH
    begin = partial(_begin, judge, samples, threads)
    now, then, start = begin(size), begin(size), time.monotonic()
    while now is not None:
        _write(now[0], now[1].result(), sink, result)
        yield result.statuses.total()
        pace = SECONDS_PER_BATCH / max(time.monotonic() - start, 1e-3)
        size = int(min(max(size * min(pace, 4.0), FIRST_BATCH / 2), LARGEST_BATCH))
        now, then, start = then, begin(size), time.monotonic()


def _write(batch: list[Sample], grades: list[Grade], sink: IO[str], result: GradeCounts) -> None:
    for sample, grade in zip(batch, grades, strict=True):
        verdict = {"correct": grade.correct, "status": grade.status, "extracted": grade.extracted}
        sink.write(json.dumps({**sample.kept, **verdict}) + "\n")
        result.add(sample, verdict)
    sink.flush()
    os.fsync(sink.fileno())


def _begin(
    judge: Judge, samples: Iterator[Sample], threads: Executor, size: int
) -> tuple[list[Sample], Future[list[Grade]]] | None:
    """Begin to grade the next samples, None where there are no more."""
    if not (batch := list(islice(samples, size))):
        return None
    return batch, threads.submit(judge.grade, batch)


def _print_result(result: GradeCounts, out: Path, *, as_json: bool, quiet: bool) -> None:
    statuses = {status: result.statuses[status] for status in STATUSES if result.statuses[status]}
    total = sum(statuses.values())
    if as_json:
        from maxpo_bench.cli.shared import print_json

        labels = {"agree": result.agreeing, "differ": result.differing}
        counts = {"samples": total, "graded_before": result.found, "other_golds": result.other_golds}
        print_json({"out": str(out), **counts, "statuses": statuses, "labels": labels})
    elif not quiet:
        before = f" ({result.found} of them graded before)" if result.found else ""
        print(f"{total} samples in {out}{before}: {', '.join(f'{status} {n}' for status, n in statuses.items())}")
        _print_labels(result)
        _print_hints(result, total)


def _print_labels(result: GradeCounts) -> None:
    if result.agreeing or result.differing:
        print(f"labels in the file: {result.agreeing} agree, {len(result.differing)} differ")
    for difference in result.differing[:SHOWN]:
        print(f"  {difference}")
    if len(result.differing) > SHOWN:
        print(f"  and {len(result.differing) - SHOWN} more; --json has all")
    if result.other_golds:
        print(f"samples whose own gold is written otherwise than the data set's: {result.other_golds}")


def _print_hints(result: GradeCounts, total: int) -> None:
    if result.statuses["no_box"] > total / 2:
        print("most answers are not boxed: --marker '####' or --marker 'A:' reads those of a data set's own format")
    if result.statuses["timeout"] or result.statuses["crash"]:
        print(
            "timeouts and crashes count as not correct; to try them again give another --out and a larger --time-limit",
            file=sys.stderr,
        )
