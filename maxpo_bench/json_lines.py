"""JSON Lines, read strictly: one object a line, and every complaint names file and line."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast


def read_json_lines(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield "file:line" and the object of every line that is not blank.

    The file is read as bytes, since only a line feed ends a line: texts hold U+2028 and others. A name that ends in
    ".gz" is decompressed.

    Raises:
        ValueError: a line is not UTF-8 or not JSON, holds something else than an object or names a value twice, or the
            compressed file is damaged.
        OSError: the file cannot be read.
    """
    number = 0
    try:
        with open_bytes(file) as stream:
            for number, line in enumerate(stream, start=1):
                if line.strip():
                    yield f"{file}:{number}", parse_object(line, f"{file}:{number}")
    except (EOFError, gzip.BadGzipFile) as error:
        raise ValueError(f"{file}:{number + 1}: the compressed file is damaged or ends early: {error}") from error


def open_bytes(file: Path) -> IO[bytes]:
    """Open a file for reading, decompressed if its name ends in ".gz"."""
    return cast(IO[bytes], gzip.open(file, "rb")) if file.name.endswith(".gz") else file.open("rb")


def parse_object(text: bytes | str, where: str) -> dict[str, Any]:
    """Return the JSON object that a text holds.

    Args:
        text: UTF-8, or decoded.
        where: what the message of an error begins with.

    Raises:
        ValueError: it holds no JSON, something else than an object, or a name twice.
    """
    try:
        decoded = text if isinstance(text, str) else text.decode("utf-8")
        value = _DECODER.decode(decoded.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where}: not JSON in UTF-8: {error}") from error
    if not isinstance(value, dict):
        raise ValueError(f"{where}: expected a JSON object, got {type(value).__name__}")
    return value


def _distinct_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object; the json module would keep the last of two values of one name, and lose the other."""
    value = dict(pairs)
    if len(value) < len(pairs):
        ((twice, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"{twice!r} is named twice")
    return value


_DECODER = json.JSONDecoder(object_pairs_hook=_distinct_names)
"""One for all lines: `json.loads` with a hook makes a decoder for each."""
