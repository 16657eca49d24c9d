"""Rows of a data set from a local file or folder, or from the Hugging Face hub; nothing is interpreted here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maxpo_bench.envs.tasks.dataset_hub import offline, why_unreachable

SUFFIXES = (".jsonl", ".json", ".parquet")

Row = dict[str, Any]


class DataError(ValueError):
    """A data set's file or rows are not what they should be; the message names file and rows."""


class ColumnError(DataError):
    """Which column holds what cannot be told; the message says how to say it."""


class MissingDataError(OSError):
    """A data set, or a package that reads it, is not there; the message says how to get it."""


@dataclass(frozen=True, slots=True)
class RawRows:
    """Rows as they were read.

    Attributes:
        source: the file's path, or the hub's name with configuration and split.
        rows: column names to values.
        places: where each row is, such as "line 7".
    """

    source: str
    rows: list[Row]
    places: list[str]

    @property
    def columns(self) -> list[str]:
        """Names of the columns that at least one row has, in the order of their appearance."""
        return list(dict.fromkeys(name for row in self.rows for name in row))


def find_file(folder: Path, split: str) -> Path | None:
    """Return the file of a split in a folder, None where there is none.

    Raises:
        DataError: there are several, such as ``test.jsonl`` and ``test.parquet``.
    """
    found = [path for suffix in SUFFIXES if (path := folder / f"{split}{suffix}").is_file()]
    if len(found) > 1:
        names = " and ".join(path.name for path in found)
        raise DataError(f"{folder} has both {names}: give the path of the one that is meant")
    return found[0] if found else None


def read_file(path: Path) -> RawRows:
    """Read a file of rows: jsonl (one object per line), json (a list of objects) or parquet.

    Raises:
        DataError: another kind of file, or one that cannot be read; the message names the line.
        MissingDataError: there is no such file, or pyarrow is not installed.
    """
    if path.suffix not in SUFFIXES:
        raise DataError(
            f"{path}: a data set is read from {', '.join(SUFFIXES)}, not from {path.suffix or 'no suffix'!r}"
        )
    if not path.is_file():
        raise MissingDataError(f"{path} is not a file: check the path")
    if path.suffix == ".parquet":
        return _read_parquet(path)
    text = _decode(path)
    return _read_json(path, text) if path.suffix == ".json" else _read_jsonl(path, text)


def read_hub(path: str, config: str | None, split: str) -> RawRows:
    """Read a split from the hub, or from the cache of an earlier download, with the package ``datasets``.

    Where the hub gives no answer within seconds, only the cache is read.

    Args:
        path: "owner/name", or a local folder laid out like a hub repository.
        config: its configuration, None for the default one.
        split: its name there.

    Raises:
        MissingDataError: ``datasets`` is not installed, or it could not read it.
    """
    source = f"{path} ({config}, {split})" if config else f"{path} ({split})"
    try:
        import datasets
    except ImportError as error:
        raise MissingDataError(
            f"reading {source} from the hub needs a package more: pip install 'maxpo-bench[text]'"
        ) from error
    trouble = None if Path(path).is_dir() else why_unreachable()
    try:
        with nullcontext() if trouble is None else offline():
            found = datasets.load_dataset(path, config, split=split)
            rows = [dict(row) for row in found]
    # The package lets through whatever its HTTP client, its parsers and the file system raise.
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        if trouble is not None:
            reason = f"{trouble}; nor from its cache ({reason})"
        raise MissingDataError(f"{source} could not be read from the hub: {reason}") from error
    return RawRows(source, rows, [f"row {number}" for number in range(len(rows))])


def joined(parts: Sequence[RawRows]) -> RawRows:
    """Return the rows of several reads, one after the other."""
    if len(parts) == 1:
        return parts[0]
    return RawRows(
        " + ".join(part.source for part in parts),
        [row for part in parts for row in part.rows],
        [f"{place} of {part.source}" for part in parts for place in part.places],
    )


def _decode(path: Path) -> str:
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}:{line}: not UTF-8 ({error.reason} at byte {error.start}): convert the file") from error


def _read_jsonl(path: Path, text: str) -> RawRows:
    rows: list[Row] = []
    places: list[str] = []
    # Not splitlines(): questions hold U+2028 and other characters that it takes for ends of lines.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line or line.isspace():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(f"{path}:{number}: no JSON at column {error.colno} ({error.msg}): {line[:60]!r}") from error
        rows.append(_object(row, f"{path}:{number}"))
        places.append(f"line {number}")
    return RawRows(str(path), rows, places)


def _read_json(path: Path, text: str) -> RawRows:
    try:
        rows = json.loads(text)
    except json.JSONDecodeError as error:
        hint = ": rename it to .jsonl if each line is an object" if error.msg == "Extra data" else ""
        raise DataError(f"{path}:{error.lineno}: no JSON at column {error.colno} ({error.msg}){hint}") from error
    if not isinstance(rows, list):
        raise DataError(f"{path}: a .json file must hold a list of objects, this one holds {_kind(rows)}")
    rows = [_object(row, f"{path}, row {number}") for number, row in enumerate(rows)]
    return RawRows(str(path), rows, [f"row {number}" for number in range(len(rows))])


def _read_parquet(path: Path) -> RawRows:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingDataError(f"reading {path} needs a package more: pip install 'maxpo-bench[text]'") from error
    try:
        rows = pyarrow.parquet.read_table(path).to_pylist()
    except pyarrow.ArrowException as error:
        raise DataError(f"{path} is no readable parquet file: {error}") from error
    return RawRows(str(path), rows, [f"row {number}" for number in range(len(rows))])


def _object(row: Any, place: str) -> Row:
    if not isinstance(row, dict):
        raise DataError(f"{place}: a row must be an object with names and values, this one is {_kind(row)}")
    return row


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "a truth value", type(None): "null"}
    return names.get(type(value), "a number")
