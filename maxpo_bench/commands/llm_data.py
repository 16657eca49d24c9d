"""Load a data set, show what it holds, and remove from its training split what evaluation sets hold."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maxpo_bench.envs.tasks.dataset_table import AnswerFrom
    from maxpo_bench.envs.tasks.decontamination import DecontaminationReport
    from maxpo_bench.envs.tasks.task import Problem


def run(
    name: str,
    split: str | None = None,
    *,
    data_dir: Path | None = None,
    columns: Mapping[str, str] | None = None,
    answer_from: str | None = None,
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
        columns: for a file or hub name that is not in the table: the column of "problem", "answer", "id", "level" or
            "subject", as for `maxpo_bench.envs.tasks.load_problems`.
        answer_from: for the same: "plain", "hash" or "boxed"; None guesses.
        against: evaluation sets to compare with, by name, path or hub name; None for `EVALUATION_SETS` but the set
            itself, an empty sequence for none.
        remove_at: similarity from which a training problem is removed.
        report_from: similarity from which a pair is reported.
        output: new jsonl file for the problems that are kept; its folder is made where it is missing.
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
        NotADirectoryError: the output's folder is a file.
        PermissionError: the output's folder cannot be written.
    """
    from maxpo_bench.envs.tasks.dataset_summary import summarise
    from maxpo_bench.envs.tasks.loading import load_problems

    reading, names = _reading(answer_from), _splits(name, split)
    chosen = split if split is not None else "train"
    if chosen not in names and (against or output is not None):
        raise ValueError(
            f"{name} has no train split to compare or write, it has {', '.join(names)}: say which, as in --split "
            f"{names[0]}"
        )
    if output is not None:
        _check_output(output)
    if against is None:
        against = _default_evaluations(name, chosen, data_dir) if chosen in names else ()
    splits = {
        part: load_problems(name, part, data_dir=data_dir, columns=columns, answer_from=reading) for part in names
    }
    report = None
    if against:
        report = _report(splits[chosen], data_dir, against, remove_at, report_from)
    summaries = {part: summarise(problems) for part, problems in splits.items()}
    print(_json(name, summaries, chosen, report) if as_json else _text(name, summaries, chosen, report, pairs))
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        _write(output, splits[chosen] if report is None else report.kept)
        if not as_json:
            print(f"\nwrote {output}")
    return 0


def parse_columns(given: Sequence[str]) -> dict[str, str]:
    """Return the column of each role.

    Args:
        given: texts such as "problem=question".

    Raises:
        ValueError: a text has another form, or a role is given twice.
        UnknownNameError: a role is unknown.
    """
    from maxpo_bench.envs.tasks.dataset_rows import ROLES
    from maxpo_bench.registry import UnknownNameError, suggest

    columns: dict[str, str] = {}
    for text in given:
        role, _, column = text.partition("=")
        if not (role and column):
            raise ValueError(f"--column {text!r}: write ROLE=NAME, as in --column problem=question")
        if role not in ROLES:
            raise UnknownNameError(f"--column {text!r}: no role {role!r}.{suggest(role, ROLES)}")
        if role in columns:
            raise ValueError(f"--column gives {role} twice, {columns[role]!r} and {column!r}: leave one out")
        columns[role] = column
    return columns


def _check_output(path: Path) -> None:
    """Refuse, before any work, a file that cannot be written."""
    if path.exists():
        raise FileExistsError(f"{path} exists: remove it or give another name")
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if not folder.is_dir():
        raise NotADirectoryError(f"{path} cannot be written: {folder} is no folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(f"{path} cannot be written: {folder} lets you write nothing")


def _reading(answer_from: str | None) -> AnswerFrom | None:
    from maxpo_bench.envs.tasks.dataset_table import ANSWERS_FROM

    if answer_from is None:
        return None
    for known in ANSWERS_FROM:
        if known == answer_from:
            return known
    raise ValueError(f"--answer-from must be one of {', '.join(ANSWERS_FROM)}, got {answer_from!r}")


def _is_local(name: str) -> bool:
    """Whether a name means a file or folder: names of the table never do."""
    from maxpo_bench.envs.tasks.dataset_table import DATASETS

    return name not in DATASETS and Path(name).exists()


def _own_name(name: str) -> str:
    """Return the name in the table of a copy on the hub; any other name as it is."""
    from maxpo_bench.envs.tasks.dataset_table import hub_named

    copy = hub_named(name)
    return name if copy is None else copy[0].name


def _splits(name: str, split: str | None) -> tuple[str, ...]:
    from maxpo_bench.envs.tasks.loading import default_split, split_names

    if split is not None:
        return (split,)
    # A folder may hold other files beside its splits.
    return (default_split(name),) if _is_local(name) and Path(name).is_dir() else split_names(name) or ("train",)


def _default_evaluations(name: str, split: str, data_dir: Path | None) -> list[str]:
    """Return all evaluation sets but the set itself, and say where they come from if that is not where the set is."""
    from maxpo_bench.envs.tasks.loading import EVALUATION_SETS, data_folder

    if _is_local(name) and data_folder(data_dir) is None:
        note = (
            "the evaluation sets are read from the hub: --data-dir gives a folder of them, --alone compares with none"
        )
        print(note, file=sys.stderr)
    return [known for known in EVALUATION_SETS if (known, "test") != (_own_name(name), split)]


def _report(
    train: Sequence[Problem],
    data_dir: Path | None,
    against: Sequence[str],
    remove_at: float,
    report_from: float,
) -> DecontaminationReport:
    from maxpo_bench.envs.tasks.dataset_files import ColumnError, MissingDataError
    from maxpo_bench.envs.tasks.decontamination import decontaminate
    from maxpo_bench.envs.tasks.loading import load_evaluation_sets

    try:
        evaluation = load_evaluation_sets(against, data_dir=data_dir)
    except MissingDataError as error:
        raise MissingDataError(f"an evaluation set: {error}. --against names others, --alone compares with none") from (
            error
        )
    except ColumnError as error:
        raise ColumnError(
            f"an evaluation set: {error}. --column and --answer-from are for NAME alone: rename the columns of this one"
        ) from error
    return decontaminate(train, evaluation, remove_at=remove_at, report_from=report_from)


def _json(name: str, summaries: dict[str, dict[str, Any]], chosen: str, report: DecontaminationReport | None) -> str:
    compared, found = (None, None) if report is None else (chosen, report.to_json())
    return json.dumps({"name": name, "splits": summaries, "compared": compared, "decontamination": found}, indent=2)


def _text(
    name: str, summaries: dict[str, dict[str, Any]], chosen: str, report: DecontaminationReport | None, pairs: int
) -> str:
    lines: list[str] = []
    for split, summary in summaries.items():
        lines.append(f"{name} {split}: {summary['rows']} rows")
        lines.append(f"  ids: {summary['first_id']} to {summary['last_id']}")
        lines.append(
            f"  answers: {_counts(summary['answers'])}; the longest has {summary['longest_answer']} characters"
        )
        if summary["levels"]:
            lines.append(f"  levels: {_counts(summary['levels'])}")
        lines.append(f"  the longest question has {summary['longest_question']} characters")
    if report is None:
        why = "" if chosen in summaries else f": there is no train split; --split {next(iter(summaries))} compares that"
        return "\n".join([*lines, "", f"compared with no evaluation set{why}"])
    table = report.text(pairs=pairs, of="training" if chosen == "train" else chosen)
    return "\n".join([*lines, "", f"{name} {chosen} against evaluation sets", "", table])


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
