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
    template: str | None = None,
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
        output: new jsonl file for the problems that are kept, with a report beside it (`prepared_file`); its folder is
            made where it is missing.
        template: prompt template; the rows of the output get "prompt", or "messages" where a tokenizer renders them.
        pairs: how many removals and reported pairs the text lists.
        as_json: print one JSON object instead of text.

    Returns:
        0; what is missing or wrong raises.

    Raises:
        UnknownNameError: neither a known name, a path nor a hub name; or no template has that name.
        MissingDataError: data, or a package that reads it, is not there.
        DataError: rows are malformed, missing, doubled or not as the table says.
        ValueError: a split or threshold that does not exist, nothing to write, or a template without an output.
        FileExistsError: the output exists.
        NotADirectoryError: the output's folder is a file.
        PermissionError: the output's folder cannot be written.
    """
    from maxpo_bench.commands.prepared_file import check_template, describe, report_path, write_prepared
    from maxpo_bench.envs.tasks.dataset_summary import summarise
    from maxpo_bench.envs.tasks.decontamination import decontaminate
    from maxpo_bench.envs.tasks.loading import load_problems

    check_template(template, output)
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
    report, evaluation = None, {}
    if against:
        evaluation = _evaluation(against, data_dir)
        report = decontaminate(splits[chosen], evaluation, remove_at=remove_at, report_from=report_from)
    summaries = {part: summarise(problems) for part, problems in splits.items()}
    written = None
    if output is not None:
        written = write_prepared(
            output,
            splits[chosen] if report is None else report.kept,
            source=describe(name, chosen, splits[chosen], data_dir),
            against=[describe(known, "test", problems, data_dir) for known, problems in evaluation.items()],
            found=report,
            template=template,
        )
    if as_json:
        print(_json(name, summaries, chosen, report, written))
        return 0
    print(_text(name, summaries, chosen, report, pairs))
    if output is not None and written is not None:
        print(f"\nwrote {output}: {written['rows']} rows, SHA-256 {written['sha256']}")
        print(f"wrote {report_path(output)}")
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


def _evaluation(against: Sequence[str], data_dir: Path | None) -> dict[str, list[Problem]]:
    """Return the evaluation sets by name; an error says that it is one of them that is missing."""
    from maxpo_bench.envs.tasks.dataset_files import ColumnError, MissingDataError
    from maxpo_bench.envs.tasks.loading import load_evaluation_sets

    try:
        return load_evaluation_sets(against, data_dir=data_dir)
    except MissingDataError as error:
        raise MissingDataError(f"an evaluation set: {error}. --against names others, --alone compares with none") from (
            error
        )
    except ColumnError as error:
        raise ColumnError(
            f"an evaluation set: {error}. --column and --answer-from are for NAME alone: rename the columns of this one"
        ) from error


def _json(
    name: str,
    summaries: dict[str, dict[str, Any]],
    chosen: str,
    report: DecontaminationReport | None,
    written: dict[str, Any] | None,
) -> str:
    compared, found = (None, None) if report is None else (chosen, report.to_json())
    parts = {"name": name, "splits": summaries, "compared": compared, "decontamination": found, "output": written}
    return json.dumps(parts, indent=2)


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
