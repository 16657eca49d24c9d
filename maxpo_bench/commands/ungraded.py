"""Files of completions that are to be graded: one JSON object a line, read more than once."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maxpo_bench.commands.task_problems import TaskProblems
from maxpo_bench.envs.tasks.grading.extract import box_answer
from maxpo_bench.envs.tasks.grading.golds import check_gold
from maxpo_bench.json_lines import read_json_lines

VERDICT = ("correct", "status", "extracted")
_READ = ("id", "problem_id", "completion", "answer", *VERDICT)


@dataclass(frozen=True, slots=True)
class Sample:
    """One completion.

    Attributes:
        where: file and line.
        kept: what stands in its scored line beside the verdict: ``problem_id``, ``sample``, ``gold`` (not where a task
            grades), a digest of the completion or itself, and every other column of the file; what the file called
            ``correct`` is ``label`` here.
        completion: the text to grade.
        file_gold: the gold that the file has where a data set's gold is taken instead, else None.
    """

    where: str
    kept: dict[str, Any]
    completion: str
    file_gold: str | None = None


@dataclass(frozen=True, slots=True)
class SampleFile:
    """A file of completions.

    Attributes:
        path: ``.jsonl``, or ``.jsonl.gz``.
        dataset: name of the data set that `golds` come from; None takes each line's own.
        golds: reference answers by problem id.
        markers: texts before the answer; what they mark is boxed before it is graded.
        problems: of the task that grades; there are no golds then.
        keep_completions: whether scored lines hold the completion, not only its digest.
    """

    path: Path
    dataset: str | None = None
    golds: dict[str, str] | None = None
    markers: tuple[str, ...] = ()
    problems: TaskProblems | None = None
    keep_completions: bool = False

    def check(self) -> int:
        """Read the whole file once and return the number of samples.

        Raises:
            ValueError: it is no file, holds no samples, or a line is malformed or doubles another's sample.
        """
        if not self.path.is_file():
            what = "is a folder" if self.path.is_dir() else "is no file" if self.path.exists() else "does not exist"
            raise ValueError(f"{self.path} {what}: give a .jsonl file of completions, which is read more than once")
        places: dict[tuple[Any, ...], str] = {}
        for sample in self:
            name = tuple(str(sample.kept.get(part)) for part in ("source", "problem_id", "sample"))
            if name in places:
                raise ValueError(
                    f"{sample.where}: sample {sample.kept['sample']} of problem {sample.kept['problem_id']!r} is in "
                    f"{places[name]} already: number the samples of a problem"
                )
            places[name] = sample.where
        if not places:
            raise ValueError(f"{self.path} holds no samples: write one line each, with problem_id, completion and gold")
        return len(places)

    def __iter__(self) -> Iterator[Sample]:
        """Yield the samples in order; those of a problem that are not numbered are numbered as they come."""
        seen: Counter[str] = Counter()
        for where, row in read_json_lines(self.path):
            sample = self._sample(row, where, seen)
            seen[sample.kept["problem_id"]] += 1
            yield sample

    def _sample(self, row: dict[str, Any], where: str, seen: Counter[str]) -> Sample:
        problem, completion = _text(row, ("problem_id", "id"), where), _text(row, ("completion",), where)
        gold, file_gold = self._golds(row, problem, where)
        kept: dict[str, Any] = {"problem_id": problem, "sample": row.get("sample", seen[problem])}
        kept |= {} if gold is None else {"gold": gold}
        if not _is_count(kept["sample"]):
            raise ValueError(f"{where}: 'sample' must be an integer from 0 on, got {kept['sample']!r:.80}")
        if "correct" in row:
            kept["label"] = row["correct"]
            if not (_is_count(kept["label"]) and kept["label"] < 2) and not isinstance(kept["label"], bool):
                raise ValueError(f"{where}: 'correct' must be true, false, 1 or 0, got {kept['label']!r:.80}")
        kept |= {name: value for name, value in row.items() if name not in (*kept, *_READ)}
        kept |= {"completion": completion} if self.keep_completions else {"completion_sha256": _digest(completion)}
        if self.markers:
            kept["marker"] = list(self.markers)
            completion = box_answer(completion, *self.markers)
        return Sample(where, kept, completion, file_gold)

    def _golds(self, row: dict[str, Any], problem: str, where: str) -> tuple[str | None, str | None]:
        """Return the gold to grade against, and the file's own where a data set's is taken instead."""
        if self.problems is not None:
            self.problems.get(problem, where)
            return None, None
        if self.golds is None:
            gold = _text(row, ("gold", "answer"), where)
            check_gold(gold, f"{where}: the gold")
            return gold, None
        if problem not in self.golds:
            known = next(iter(self.golds))
            raise ValueError(f"{where}: {self.dataset} has no problem {problem!r}; its ids look like {known!r}")
        own = row.get("gold", row.get("answer"))
        return self.golds[problem], None if own is None else str(own)


def _digest(completion: str) -> str:
    return hashlib.sha256(completion.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _text(row: dict[str, Any], names: tuple[str, ...], where: str) -> str:
    """Return a column's text; an integer is taken for its digits."""
    for name in names:
        if name in row:
            value = row[name]
            if isinstance(value, int) and not isinstance(value, bool) and name != "completion":
                return str(value)
            if not isinstance(value, str):
                raise ValueError(f"{where}: {name!r} must be text, got {value!r:.80}")
            return value
    raise ValueError(
        f"{where}: has no {' or '.join(map(repr, names))}; it has {', '.join(map(repr, row)) or 'nothing'}"
    )
