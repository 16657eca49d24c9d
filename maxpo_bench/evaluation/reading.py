"""Files of scored samples: one JSON object a line, or a JSON file of score matrices."""

from __future__ import annotations

import gzip
import math
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np

from maxpo_bench.evaluation.samples import ProblemKey, ScoredSamples
from maxpo_bench.json_lines import open_bytes, parse_object, read_json_lines

ENDINGS = (".jsonl", ".jsonl.gz", ".json", ".json.gz")
_VERDICTS = {"correct": True} | dict.fromkeys(("wrong", "no_box", "malformed", "too_long", "timeout", "crash"), False)
"""What a grader's status says of `correct`; other statuses say nothing of it."""
_MATRICES = (".json", ".json.gz")
_MISSING = object()
_COLLECTION = "reasoning_gym"
"""Its ids begin with this and the data set: "reasoning_gym/maze/test/0"."""
_Place = tuple[str | None, ProblemKey, int]
"""Source, benchmark and id, number of the sample."""


def read_samples(
    path: str | Path,
    *,
    label: str | None = None,
    benchmark: str | None = None,
    benchmark_column: str | None = None,
) -> list[ScoredSamples]:
    """Read scored samples and count them by problem; texts are not kept, so that a million rows take little memory.

    A ``.jsonl`` file has one row per sample::

        {"problem_id": "math500/17", "sample": 0, "correct": true}

    - ``problem_id`` (or ``id``): text or integer.
    - ``sample``: integer >= 0, distinct within the problem.
    - ``correct``: true, false, 1 or 0.
    - ``benchmark``, ``source`` (the system that answered), ``status`` (as a grader says it) and ``score`` (a finite
      number, for max@k) are optional; everything else, such as ``completion``, is ignored.

    A ``.json`` file holds matrices: ``{"problem": [1, 0, ...]}`` for one system, ``{"system": {"problem": [...]}}`` for
    several, or either under the key ``scores``. Both may be compressed (``.gz``). A folder is read as one method whose
    files are its parts; files of several methods are read one by one.

    A problem's benchmark is what `benchmark_column` holds, if given; else the row's ``benchmark``; else what stands
    before the first "/" of its id, for reasoning-gym's before the second; else `benchmark`; else the file's name
    without its ending.

    Args:
        path: file or folder.
        label: the method's name; by default the name of the file or folder without its ending.
        benchmark: of problems for which neither row nor id says it.
        benchmark_column: column that names the benchmark; every row must have it.

    Returns:
        One entry, or one for each ``source`` if there are several. Those are called by their source, after "label:" if
        a label was given.

    Raises:
        FileNotFoundError: nothing is there.
        ValueError: another file ending, no samples, or a row that is malformed, says nothing or contradicts another:
            the message begins with file and line.
    """
    path = Path(path)
    found: dict[str | None, _Method] = {}
    files = _files(path)
    for file in files:
        fallback = benchmark or _stem(file)
        for where, row in _rows(file):
            place = _place(where, row, fallback, benchmark_column)
            if not _add(found, where, row, place):
                raise ValueError(_twice(files, where, place, benchmark, benchmark_column))
    if not found:
        raise ValueError(f"{path} holds no samples: write one row per sample, with problem_id, sample and correct")
    names = tuple(str(file) for file in files)
    if len(found) == 1:
        (method,) = found.values()
        return [method.counted(label or _stem(path), names)]
    prefix = f"{label}:" if label else ""
    return [method.counted(prefix + (source or _stem(path)), names) for source, method in found.items()]


@dataclass
class _Problem:
    seen: set[int] = field(default_factory=set)
    num_correct: int = 0
    scores: array[float] = field(default_factory=lambda: array("d"))


@dataclass
class _Method:
    problems: dict[ProblemKey, _Problem] = field(default_factory=dict)
    statuses: Counter[str] = field(default_factory=Counter)

    def counted(self, label: str, files: tuple[str, ...]) -> ScoredSamples:
        keys = sorted(self.problems)
        problems = [self.problems[key] for key in keys]
        samples = np.array([len(problem.seen) for problem in problems], dtype=np.int64)
        unscored = int(samples.sum()) - sum(len(problem.scores) for problem in problems)
        scores = None if unscored else tuple(np.sort(np.array(problem.scores)) for problem in problems)
        correct = np.array([problem.num_correct for problem in problems], dtype=np.int64)
        statuses = dict(sorted(self.statuses.items()))
        return ScoredSamples(label, files, tuple(keys), samples, correct, scores, unscored, statuses)


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.is_file() and file.name.endswith(ENDINGS))
        if not files:
            raise ValueError(f"{path} holds no file that ends in {', '.join(ENDINGS)}")
        return files
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: name a file or folder of scored samples")
    if not path.name.endswith(ENDINGS):
        raise ValueError(f"{path} ends in none of {', '.join(ENDINGS)}")
    return [path]


def _stem(path: Path) -> str:
    for ending in sorted(ENDINGS, key=len, reverse=True):
        if path.name.endswith(ending) and path.name != ending:
            return path.name.removesuffix(ending)
    return path.resolve().name


def _rows(file: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    return _matrix_rows(file) if file.name.endswith(_MATRICES) else read_json_lines(file)


def _matrix_rows(file: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the entries of score matrices as rows."""
    try:
        with open_bytes(file) as stream:
            table = parse_object(stream.read(), str(file))
    except (EOFError, gzip.BadGzipFile) as error:
        raise ValueError(f"{file}: the compressed file is damaged or ends early: {error}") from error
    if isinstance(table.get("scores"), dict):
        table = table["scores"]
    systems = table if all(isinstance(part, dict) for part in table.values()) else {"": table}
    for source, problems in systems.items():
        for problem, verdicts in problems.items():
            where = f"{file}: {problem!r}"
            if not isinstance(verdicts, list) or not verdicts:
                raise ValueError(f"{where}: expected a list of 0 and 1, one for each sample, got {_short(verdicts)}")
            for sample, correct in enumerate(cast(list[Any], verdicts)):
                row = {"problem_id": problem, "sample": sample, "correct": correct}
                yield f"{where}, sample {sample}", {**row, "source": source} if source else row


def _place(where: str, row: Mapping[str, Any], fallback: str, benchmark_column: str | None) -> _Place:
    """Return which sample a row is."""
    source = None if benchmark_column == "source" else _text(row, "source", where)
    identity = _identity(row, where)
    sample = row.get("sample")
    if isinstance(sample, bool) or not isinstance(sample, int) or sample < 0:
        said = "is missing" if sample is None else f"is {_short(sample)}"
        raise ValueError(f"{where}: 'sample' {said}: number each problem's samples 0, 1, 2, ...")
    return source, (_benchmark(row, identity, fallback, benchmark_column, where), identity), sample


def _twice(files: list[Path], where: str, place: _Place, benchmark: str | None, benchmark_column: str | None) -> str:
    """Say where a sample is and where it was before; only now are places looked up, as keeping them takes memory."""
    for file in files:
        fallback = benchmark or _stem(file)
        for first, row in _rows(file):
            if _place(first, row, fallback, benchmark_column) == place:
                return _twice_text(file, first, where, place)
    raise AssertionError(f"{where}: the file changed while it was read")


def _twice_text(file: Path, first: str, where: str, place: _Place) -> str:
    source, (_, identity), sample = place
    by = f" by {source!r}" if source else ""
    remedy = "every sample counts once"
    if not where.startswith(f"{file}:"):
        remedy = "a folder is read as one method; give the files one by one if each is a method of its own"
    return f"{where}: sample {sample} of problem {identity!r}{by} is there twice, first in {first}: {remedy}"


def _add(found: dict[str | None, _Method], where: str, row: Mapping[str, Any], place: _Place) -> bool:
    """Count one row; return False if its sample is there already."""
    source, key, sample = place
    method = found.setdefault(source, _Method())
    problem = method.problems.setdefault(key, _Problem())
    if sample in problem.seen:
        return False
    problem.seen.add(sample)
    correct = _verdict(row, where)
    problem.num_correct += correct
    status = _text(row, "status", where)
    if status is not None:
        if _VERDICTS.get(status, correct) is not correct:
            raise ValueError(f"{where}: 'status' is {status!r} but 'correct' is {correct}: grade the sample again")
        method.statuses[status] += 1
    score = _score(row, where)
    if score is not None:
        problem.scores.append(score)
    return True


def _identity(row: Mapping[str, Any], where: str) -> str:
    value = row.get("problem_id", row.get("id"))
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value:
        said = "is missing" if value is None else f"is {_short(value)}"
        raise ValueError(f"{where}: 'problem_id' (or 'id') {said}: it must be text or an integer")
    return value


def _benchmark(row: Mapping[str, Any], identity: str, fallback: str, column: str | None, where: str) -> str:
    if column is not None:
        named = _text(row, column, where)
        if named is None:
            raise ValueError(f"{where}: column {column!r}, which names the benchmark, is missing")
        return named
    prefix, slash, rest = identity.partition("/")
    if prefix == _COLLECTION and "/" in rest:
        prefix = f"{prefix}/{rest.partition('/')[0]}"
    return _text(row, "benchmark", where) or (prefix if slash and prefix else fallback)


def _text(row: Mapping[str, Any], column: str, where: str) -> str | None:
    value = row.get(column)
    if value is None:
        return None
    if not isinstance(value, str) or not value:
        raise ValueError(f"{where}: {column!r} must be a text that is not empty, got {_short(value)}")
    return value


def _verdict(row: Mapping[str, Any], where: str) -> bool:
    value = row.get("correct", _MISSING)
    if value is _MISSING or value is None:
        raise ValueError(f"{where}: 'correct' is missing: a sample without a verdict cannot be counted")
    if not isinstance(value, bool | int | float) or value not in (0, 1):
        raise ValueError(f"{where}: 'correct' must be true, false, 1 or 0, got {_short(value)}")
    return bool(value)


def _score(row: Mapping[str, Any], where: str) -> float | None:
    value = row.get("score")
    if value is None:
        return None
    try:
        score = math.nan if isinstance(value, bool) or not isinstance(value, int | float) else float(value)
    except OverflowError:
        score = math.inf
    if not math.isfinite(score):
        raise ValueError(f"{where}: 'score' must be a finite number, got {_short(value)}")
    return score


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
