"""Loading a data set by its name, a path or a hub name."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from maxpo_bench.envs.tasks.dataset_checks import check_known, check_structure, warn_of_order
from maxpo_bench.envs.tasks.dataset_files import (
    SUFFIXES,
    DataError,
    MissingDataError,
    RawRows,
    find_file,
    joined,
    read_file,
    read_hub,
)
from maxpo_bench.envs.tasks.dataset_rows import guessed_columns, known_columns, problems_from
from maxpo_bench.envs.tasks.dataset_table import DATASETS, AnswerFrom, Dataset, Hub, hub_named
from maxpo_bench.envs.tasks.task import Problem
from maxpo_bench.registry import UnknownNameError, suggest

DATA_VARIABLE = "MAXPO_BENCH_DATA"
# What a training set is compared with. Papers evaluate on MATH's whole test split or on its subset MATH-500.
EVALUATION_SETS = ("gsm8k", "math", "math500", "aime24", "aime25", "amc23", "amc83", "minerva")

_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+(:[\w.-]+)?", re.ASCII)


def load_problems(
    name_or_path: str | os.PathLike[str],
    split: str = "test",
    *,
    data_dir: str | os.PathLike[str] | None = None,
    levels: int | Collection[int] | None = None,
    subjects: str | Collection[str] | None = None,
    columns: Mapping[str, str] | None = None,
    answer_from: AnswerFrom | None = None,
    check: bool = True,
) -> list[Problem]:
    r"""Return the problems of a split of a data set.

    A name from the table (`dataset_table.DATASETS`) is looked for in ``data_dir``, else in the folder that the
    environment variable MAXPO_BENCH_DATA names, as ``<name>/<split>.jsonl``, ``.json`` or ``.parquet``; where neither
    is given, on the Hugging Face hub (or in its cache). A folder that is given and lacks the set is an error: no other
    source replaces it.

    Ids, which samples of a model are labelled with, are "<set>/<split>/<key>" ("gsm8k/test/0", "math/train/7"), or
    "<set>/<key>" for sets with one split ("aime24/60", "math500/test/algebra/5.json"). The key is the row's own id,
    else its number from 0; ``DATASETS[name].id_form(split)`` says which. Problems of a composed set keep the ids of the
    sets they come from. Rows of a file get "<file's stem>/<key>" ("<folder>/<split>/<key>" where the stem is the
    split's name), rows of a hub name "<dataset>/<split>/<key>".

    Args:
        name_or_path: a name such as "gsm8k", "math" or "gsm8k+math1"; the path of a file, or of a folder with one file
            per split; or a hub name, "owner/dataset" or "owner/dataset:configuration". A name of the table is never
            taken for a path (write "./math" or `pathlib.Path` for a folder of that name).
        split: "train", "test", or what else the source calls its parts; for a single file only a label.
        data_dir: folder of data sets.
        levels: only problems of these levels, or of this one.
        subjects: only problems of these subjects, or of this one, in any spelling of capitals, "&" and "_".
        columns: for sets that are not in the table: names of the columns that hold "problem", "answer", "id", "level"
            and "subject", as far as they differ from the common ones.
        answer_from: for sets that are not in the table: "plain", "hash" (the text after ``####``) or "boxed" (the last
            ``\boxed{}``); None guesses by the columns.
        check: whether number of rows, form of answers, levels and subjects must be as the table says.

    Returns:
        Problems in the order of the source; ``level`` and ``subject`` in the metadata where
        the source has them.

    Raises:
        UnknownNameError: neither a known name, a path nor a hub name.
        MissingDataError: the data, or a package that reads it, is not there.
        DataError: rows are malformed, missing, doubled or not as the table says.
        TypeError: levels or subjects are neither such a value nor a collection of them.
        ValueError: the set has no such split, level or subject.
    """
    name = os.fspath(name_or_path)
    if not name:
        raise ValueError("the name of the data set is empty: is a variable unset?")
    wanted = {"level": _wanted("level", int, levels), "subject": _wanted("subject", str, subjects)}
    mapped = columns is not None or answer_from is not None
    known, hub = _known(name_or_path)
    if known is not None and hub is None:
        if mapped:
            raise ValueError(
                "columns and answer_from (--column, --answer-from) are for sets that are not in the table: "
                f"{name} is, leave them out"
            )
        problems = _load_known(known, split, data_folder(data_dir), None, check)
    elif known is not None and not mapped:
        problems = _load_known(known, split, None, hub, check)
    else:
        problems = _load_other(name, split, columns, answer_from)
    return _selected(problems, name, wanted)


def split_names(name_or_path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Return the splits that a data set is known to have, without loading it.

    Returns:
        Those of the table for its names and their copies on the hub; the data files of a folder without their suffixes;
        nothing for a file or another hub name, which say nothing of their splits.
    """
    known, _ = _known(name_or_path)
    if known is not None:
        return tuple(known.rows)
    path = Path(name_or_path).expanduser()
    if not path.is_dir():
        return ()
    return tuple(sorted({child.stem for child in path.iterdir() if child.suffix in SUFFIXES}))


def default_split(name_or_path: str | os.PathLike[str]) -> str:
    """Return the split to take where none is asked for: "train" where the set has it, else its only one.

    Of a file, or of a hub name that is not in the table, it is "train".

    Raises:
        ValueError: there are several, and none is "train".
    """
    splits = split_names(name_or_path)
    if len(splits) == 1:
        return splits[0]
    if splits and "train" not in splits:
        raise ValueError(f"{os.fspath(name_or_path)} has the splits {', '.join(splits)} and no train: say which")
    return "train"


def load_evaluation_sets(
    names: Sequence[str] = EVALUATION_SETS, *, data_dir: str | os.PathLike[str] | None = None
) -> dict[str, list[Problem]]:
    """Return the test splits of evaluation sets by their names, for `decontaminate`.

    Args:
        names: known names, paths or hub names.
        data_dir: folder of data sets; see `load_problems`.

    Raises:
        UnknownNameError: neither a known name, a path nor a hub name.
        MissingDataError: a set, or a package that reads it, is not there.
        DataError: rows are malformed, missing, doubled or not as the table says.
    """
    return {name: load_problems(name, "test", data_dir=data_dir) for name in names}


def data_folder(data_dir: str | os.PathLike[str] | None) -> Path | None:
    """Return the folder of data sets: the one given, else the environment variable's; None for the hub."""
    given = data_dir if data_dir is not None else os.environ.get(DATA_VARIABLE) or None
    return None if given is None else Path(given).expanduser()


def _known(name_or_path: str | os.PathLike[str]) -> tuple[Dataset, Hub | None] | tuple[None, None]:
    """Return the set of the table that a name means, and its copy on the hub if that is the name."""
    if not isinstance(name_or_path, str):
        return None, None
    if name_or_path in DATASETS:
        return DATASETS[name_or_path], None
    return (None, None) if Path(name_or_path).exists() else hub_named(name_or_path) or (None, None)


def _load_known(known: Dataset, split: str, folder: Path | None, hub: Hub | None, check: bool) -> list[Problem]:
    if split not in known.rows:
        raise ValueError(f"{known.name} has the split(s) {', '.join(known.rows)}, got {split!r}")
    if known.parts:
        return _load_parts(known, split, folder, check)
    raw = _with_rows(_read_known(known, split, folder, hub))
    columns = known_columns(known, raw.columns)
    if columns is None:
        raise DataError(
            f"{raw.source} has the columns {', '.join(raw.columns)}, which no known copy of {known.name} has: load it "
            "by its path, with --column problem=NAME on the command line or columns={'problem': 'NAME'} in Python"
        )
    problems = problems_from(raw, columns, known.id_prefix(split), known.corrections)
    check_structure(problems, raw.source, raw.places)
    if check:
        check_known(known, split, problems, raw.source, raw.places)
        if columns.id is None:
            warn_of_order(known, split, problems, raw.source)
    return problems


def _load_parts(known: Dataset, split: str, folder: Path | None, check: bool) -> list[Problem]:
    problems: list[Problem] = []
    for name, part_split, levels in known.parts:
        part = _load_known(DATASETS[name], part_split, folder, None, check)
        problems += _selected(part, name, {"level": levels})
    if check and len(problems) != known.rows[split]:
        raise DataError(f"{known.name} {split} has {known.rows[split]} rows, its parts give {len(problems)}")
    return problems


def _read_known(known: Dataset, split: str, folder: Path | None, hub: Hub | None) -> RawRows:
    if folder is not None and hub is None:
        path = find_file(folder / known.name, split)
        if path is None:
            raise MissingDataError(f"{folder} has no {known.name}/{split}.jsonl. {_ways(known, split)}")
        return read_file(path)
    hub = hub or known.hubs[0]
    there = hub.splits.get(split, split)
    try:
        raw = joined([read_hub(hub.path, config, there) for config in hub.configs or (None,)])
    except MissingDataError as error:
        raise MissingDataError(f"{error}. {_ways(known, split)}") from error
    return raw if hub.keep is None else _kept(raw, *hub.keep)


def _ways(known: Dataset, split: str) -> str:
    names = " or ".join(hub.path for hub in known.hubs)
    return (
        f"Three ways to give {known.name} {split}: the path of a jsonl or parquet file in place of the name; a folder "
        f"with {known.name}/{split}.jsonl, by data_dir or the environment variable {DATA_VARIABLE}; or the hub "
        f"({names}), with neither of them set, a network and pip install 'maxpo-bench[text]'"
    )


def _kept(raw: RawRows, column: str, text: str) -> RawRows:
    kept = [number for number, row in enumerate(raw.rows) if text in str(row.get(column))]
    return RawRows(raw.source, [raw.rows[number] for number in kept], [raw.places[number] for number in kept])


def _load_other(
    name: str, split: str, columns: Mapping[str, str] | None, answer_from: AnswerFrom | None
) -> list[Problem]:
    path = Path(name).expanduser()
    if path.is_file() or path.suffix in SUFFIXES:
        raw = read_file(path)
        prefix = f"{path.absolute().parent.name}/{path.stem}" if path.stem == split else path.stem
    elif path.is_dir():
        raw = _read_folder(path, split)
        prefix = f"{path.absolute().name}/{split}"
    elif _HUB_NAME.fullmatch(name):
        hub, _, config = name.partition(":")
        raw = read_hub(hub, config or None, split)
        prefix = f"{hub.partition('/')[2]}/{split}"
    else:
        raise UnknownNameError(f"{name!r} is no known data set, no path and no hub name.{suggest(name, DATASETS)}")
    columns_there = guessed_columns(_with_rows(raw), columns, answer_from)
    problems = problems_from(raw, columns_there, prefix, slashed_keys_are_ids=path.is_file())
    check_structure(problems, raw.source, raw.places)
    return problems


def _read_folder(folder: Path, split: str) -> RawRows:
    path = find_file(folder, split)
    if path is None:
        there = sorted(child.name for child in folder.iterdir() if child.suffix in SUFFIXES)
        raise MissingDataError(f"{folder} has no {split}.jsonl: it has {', '.join(there) or 'no data files'}")
    return read_file(path)


def _with_rows(raw: RawRows) -> RawRows:
    if not raw.rows:
        raise DataError(f"{raw.source} holds no rows")
    return raw


def _wanted(key: str, kind: type, value: object) -> tuple[Any, ...] | None:
    """Return the levels or subjects that are asked for as a tuple, None for all."""
    if value is None:
        return None
    if isinstance(value, kind) and not isinstance(value, bool):
        return (value,)
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        example = "1 or [1, 2]" if kind is int else "'Algebra' or ['Algebra', 'Geometry']"
        raise TypeError(f"{key}s must be such as {example}, got {value!r}")
    return tuple(value)


def _selected(problems: list[Problem], name: str, wanted: Mapping[str, tuple[Any, ...] | None]) -> list[Problem]:
    """Return the problems whose level and subject are among those that are asked for."""
    selected = problems
    for key, values in wanted.items():
        if values is None:
            continue
        there = {_folded(value): value for problem in problems if (value := problem.metadata.get(key)) is not None}
        missing = [value for value in values if _folded(value) not in there]
        if missing or not values:
            listed = ", ".join(sorted(map(str, there.values()))) or f"no {key}s"
            asked = ", ".join(map(repr, missing)) or "(none asked for)"
            raise ValueError(f"{name} has no {key} {asked}: it has {listed}")
        asked = {_folded(value) for value in values}
        selected = [problem for problem in selected if _folded(problem.metadata.get(key)) in asked]
    if not selected:
        raise ValueError(f"{name} has no problem of these levels and subjects at once: ask for more of them")
    return selected


def _folded(value: object) -> str:
    return " ".join(str(value).lower().replace("&", " and ").replace("_", " ").split())
