"""Load a data set, show what it holds, and remove from its training split what evaluation sets hold."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maxpo_bench.envs.tasks.decontamination import DecontaminationReport
    from maxpo_bench.envs.tasks.task import Problem


def run(
    name: str,
    split: str | None = None,
    *,
    data_dir: Path | None = None,
    against: Sequence[str] | None = None,
    remove_at: float = 0.8,
    report_from: float = 0.5,
    output: Path | None = None,
    pairs: int = 20,
    as_json: bool = False,
) -> int:
    """Print rows, forms of answers and the decontamination report of a data set.

    Args:
        name: a known name, a path or a hub name.
        split: the split to read and compare; None reads all splits of a known set (else "train") and compares "train".
        data_dir: folder of data sets; None for the environment variable's, or the hub.
        against: evaluation sets to compare with, by name, path or hub name; None for all known ones but the set itself,
            an empty sequence for none.
        remove_at: similarity from which a training problem is removed.
        report_from: similarity from which a pair is reported.
        output: new jsonl file for the problems that are kept.
        pairs: how many removals and reported pairs the text lists.
        as_json: print one JSON object instead of text.

    Returns:
        0; what is missing or wrong raises.

    Raises:
        UnknownNameError: neither a known name, a path nor a hub name.
        MissingDataError: data, or a package that reads it, is not there.
        DataError: rows are malformed, missing, doubled or not as the table says.
        ValueError: a split or threshold that does not exist, or nothing to write.
        FileExistsError: the output exists.
    """
    from maxpo_bench.envs.tasks.dataset_summary import summarise
    from maxpo_bench.envs.tasks.loading import load_problems

    if output is not None and output.exists():
        raise FileExistsError(f"{output} exists: remove it or give another name")
    splits = {part: load_problems(name, part, data_dir=data_dir) for part in _splits(name, split)}
    chosen = split if split is not None else "train"
    report = None
    if chosen in splits:
        report = _report(name, chosen, splits[chosen], data_dir, against, remove_at, report_from)
    elif against or output is not None:
        raise ValueError(f"{name} has no train split to compare or write: say which, as in split='test'")
    summaries = {part: summarise(problems) for part, problems in splits.items()}
    if as_json:
        found = None if report is None else report.to_json()
        compared = None if report is None else chosen
        result = {"name": name, "splits": summaries, "compared": compared, "decontamination": found}
        print(json.dumps(result, indent=2))
    else:
        print(_text(name, summaries, chosen, report, pairs))
    if output is not None:
        _write(output, splits[chosen] if report is None else report.kept)
        if not as_json:
            print(f"\nwrote {output}")
    return 0


def _splits(name: str, split: str | None) -> tuple[str, ...]:
    from maxpo_bench.envs.tasks.dataset_table import DATASETS

    if split is not None:
        return (split,)
    return tuple(DATASETS[name].rows) if name in DATASETS else ("train",)


def _report(
    name: str,
    split: str,
    train: Sequence[Problem],
    data_dir: Path | None,
    against: Sequence[str] | None,
    remove_at: float,
    report_from: float,
) -> DecontaminationReport | None:
    from maxpo_bench.envs.tasks.decontamination import decontaminate
    from maxpo_bench.envs.tasks.loading import EVALUATION_SETS, load_evaluation_sets

    if against is None:
        against = [known for known in EVALUATION_SETS if (known, "test") != (name, split)]
    if not against:
        return None
    evaluation = load_evaluation_sets(against, data_dir=data_dir)
    return decontaminate(train, evaluation, remove_at=remove_at, report_from=report_from)


def _text(
    name: str, summaries: dict[str, dict[str, Any]], chosen: str, report: DecontaminationReport | None, pairs: int
) -> str:
    lines: list[str] = []
    for split, summary in summaries.items():
        lines.append(f"{name} {split}: {summary['rows']} rows")
        lines.append(
            f"  answers: {_counts(summary['answers'])}; the longest has {summary['longest_answer']} characters"
        )
        if summary["levels"]:
            lines.append(f"  levels: {_counts(summary['levels'])}")
        lines.append(f"  the longest question has {summary['longest_question']} characters")
    if report is None:
        return "\n".join([*lines, "", "compared with no evaluation set"])
    return "\n".join([*lines, "", f"{name} {chosen} against evaluation sets", "", report.text(pairs=pairs)])


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{key} {count}" for key, count in counts.items())


def _write(path: Path, problems: Sequence[Problem]) -> None:
    # ASCII only: U+2028 in a question would end the line for readers that use splitlines().
    lines = [
        json.dumps({"id": problem.id, "problem": problem.question, "answer": problem.answer, **problem.metadata})
        for problem in problems
    ]
    with path.open("x", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)
