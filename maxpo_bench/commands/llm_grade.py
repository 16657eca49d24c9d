"""`maxpo-bench llm grade`: completions with their golds in, scored samples out; what `llm report` reads."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from maxpo_bench.commands.progress import counting
from maxpo_bench.envs.tasks.grade import STATUSES
from maxpo_bench.envs.tasks.grading.extract import box_answer
from maxpo_bench.envs.tasks.grading.service import Grader

VERDICT = ("correct", "status", "extracted")
BATCH = 1024
_AGREES, _DIFFERS = "label agrees", "label differs"
READ = ("id", "problem_id", "completion", "answer", *VERDICT)


class _Sample(NamedTuple):
    """One line to grade. What stands beside the completion in `kept` goes into the scored line unchanged."""

    kept: dict[str, Any]
    completion: str


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
) -> int:
    """Grade every line of a JSON Lines file and append the verdicts to another; a second call goes on.

    Args:
        file: lines with `problem_id` (or `id`), `completion`, optionally `sample`, and `gold` (or `answer`).
        out: the same lines without the completion, with `correct`, `status` and `extracted`. What `correct` was in
            `file` becomes `label`, and the agreement with it is counted.
        dataset: take the golds from this data set by `problem_id`, in place of the lines' own.
        split: of the data set.
        data_dir: folder of local data sets.
        markers: texts before the answer in the data set's own format; what they mark is boxed first. Without one only
            a box counts.
        workers: processes that compare; None: one per core.
        time_limit: seconds that one comparison may take.
        quiet: no progress.
        as_json: print the counts as JSON.

    Raises:
        ValueError: a line is not what it must be, or `out` belongs to other samples.
    """
    golds = None if dataset is None else _golds(dataset, split, data_dir)
    total = sum(1 for _ in _samples(file, golds, markers))
    counts: Counter[str] = Counter()
    done = _count_graded(out, _samples(file, golds, markers), counts)
    with (
        Grader(workers, time_limit=time_limit) as grader,
        counting("grading", quiet=quiet) as progress,
        out.open("a", encoding="utf-8") as sink,
    ):
        remaining = islice(_samples(file, golds, markers), done, None)
        while batch := list(islice(remaining, BATCH)):
            _grade_batch(grader, batch, sink, counts)
            done += len(batch)
            if progress is not None:
                progress(done, total)
    _print_counts(counts, out, as_json=as_json, quiet=quiet)
    return 0


def _grade_batch(grader: Grader, batch: list[_Sample], sink: Any, counts: Counter[str]) -> None:
    grades = grader.grade([sample.kept["gold"] for sample in batch], [sample.completion for sample in batch])
    for sample, grade in zip(batch, grades, strict=True):
        verdict = {"correct": grade.correct, "status": grade.status, "extracted": grade.extracted}
        sink.write(json.dumps({**sample.kept, **verdict}) + "\n")
        _count(counts, sample, grade.status)
    sink.flush()
    os.fsync(sink.fileno())


def _count(counts: Counter[str], sample: _Sample, status: str) -> None:
    counts[status] += 1
    if "label" in sample.kept:
        counts[_AGREES if bool(sample.kept["label"]) == (status == "correct") else _DIFFERS] += 1


def _samples(file: Path, golds: dict[str, str] | None, markers: list[str]) -> Iterator[_Sample]:
    """Yield the samples of a file; those of a problem that are not numbered are numbered as they come."""
    seen: Counter[str] = Counter()
    for number, line in _lines(file):
        row = _row(line, f"{file}:{number}")
        problem, where = _text(row, ("problem_id", "id"), f"{file}:{number}"), f"{file}:{number}"
        completion = _text(row, ("completion",), where)
        kept = {
            "problem_id": problem,
            "sample": row.pop("sample", seen[problem]),
            "gold": _gold(row, problem, golds, where),
        }
        seen[problem] += 1
        if "correct" in row:
            kept["label"] = row.pop("correct")
        kept |= {name: value for name, value in row.items() if name not in (*kept, *READ)}
        if markers:
            kept["marker"] = markers
            completion = box_answer(completion, *markers)
        yield _Sample(kept, completion)


def _gold(row: dict[str, Any], problem: str, golds: dict[str, str] | None, where: str) -> str:
    if golds is None:
        return _text(row, ("gold", "answer"), where)
    if problem not in golds:
        raise ValueError(f"{where}: the data set has no problem {problem!r}: give --dataset and --split of this file")
    return golds[problem]


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    """Yield numbered lines that are not blank; only a line feed ends one, since texts hold other separators."""
    with file.open(encoding="utf-8", newline="\n") as source:
        yield from ((number, line) for number, line in enumerate(source, 1) if line.strip())


def _row(line: str, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"{where}: not a line of JSON: {error}") from None
    if not isinstance(row, dict):
        raise ValueError(f'{where}: must be an object such as {{"problem_id": ..., "completion": ...}}')
    return row


def _text(row: dict[str, Any], names: tuple[str, ...], where: str) -> str:
    for name in names:
        if name in row:
            if not isinstance(row[name], str):
                raise ValueError(f"{where}: {name!r} must be text, got {row[name]!r:.80}")
            return row[name]
    raise ValueError(
        f"{where}: has no {' or '.join(map(repr, names))}; it has {', '.join(map(repr, row)) or 'nothing'}"
    )


def _golds(dataset: str, split: str | None, data_dir: Path | None) -> dict[str, str]:
    from maxpo_bench.envs.tasks import load_problems

    problems = load_problems(dataset, split or "test", data_dir=data_dir)
    return {problem.id: problem.answer for problem in problems}


def _count_graded(out: Path, samples: Iterable[_Sample], counts: Counter[str]) -> int:
    """Return how many samples are graded in `out`, cutting off a line that an interruption tore."""
    if not out.exists():
        out.parent.mkdir(parents=True, exist_ok=True)
        return 0
    whole = out.read_bytes()
    end = whole.rfind(b"\n") + 1
    if end < len(whole):
        os.truncate(out, end)
    rows = [_row(line, f"{out}:{number}") for number, line in _lines(out)]
    known = iter(samples)
    for number, row in enumerate(rows, 1):
        sample = next(known, None)
        if sample is None or {name: value for name, value in row.items() if name not in VERDICT} != sample.kept:
            raise ValueError(f"{out}:{number} is not of the same samples: give another --out, or remove it")
        _count(counts, sample, row["status"])
    return len(rows)


def _print_counts(counts: Counter[str], out: Path, *, as_json: bool, quiet: bool) -> None:
    statuses = {status: counts[status] for status in STATUSES if counts[status]}
    labels = {"agree": counts[_AGREES], "differ": counts[_DIFFERS]}
    total = sum(statuses.values())
    if as_json:
        from maxpo_bench.cli.shared import print_json

        print_json({"out": str(out), "samples": total, "statuses": statuses, "labels": labels})
    elif not quiet:
        print(f"{total} samples in {out}: {', '.join(f'{status} {n}' for status, n in statuses.items()) or 'none'}")
        if any(labels.values()):
            print(f"labels in the file: {labels['agree']} agree, {labels['differ']} differ")
        if "timeout" in statuses or "crash" in statuses:
            print("timeouts and crashes count as not correct; --time-limit allows more time", file=sys.stderr)
