"""Checks at the door for what is stored and shown: numbers, words, JSON."""

from __future__ import annotations

import math
import numbers
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, cast

from maxpo_bench.registry import suggest


def finite(value: float | None) -> float | None:
    """Return ``value`` as a float, or None where it is None, NaN or infinite: the way to make a score storable."""
    return None if value is None or not math.isfinite(value) else float(value)


def check_keys(data: object, keys: Sequence[str], where: str) -> None:
    """Refuse anything but a mapping with exactly these keys; the message names what is missing or unknown."""
    if not isinstance(data, Mapping):
        raise TypeError(f"{where}: expected a mapping, got {data!r}")
    missing = [key for key in keys if key not in data]
    if missing:
        raise ValueError(f"{where}: missing {', '.join(map(repr, missing))}")
    unknown = sorted(str(key) for key in data if key not in keys)
    if unknown:
        raise ValueError(f"{where}: unknown {', '.join(map(repr, unknown))}.{suggest(unknown[0], keys)}")


def check_text(value: object, where: str) -> None:
    """Refuse control, format and surrogate characters (they can forge a terminal or a page); line breaks are fine."""
    if not isinstance(value, str):
        raise TypeError(f"{where} must be a string, got {value!r}")
    for character in value:
        if unicodedata.category(character) in ("Cc", "Cf", "Cs") and character not in "\n\t":
            raise ValueError(f"{where} holds the invisible character U+{ord(character):04X}: remove it")


def check_line(value: object, where: str) -> None:
    """Refuse what `check_text` refuses, line breaks, and blank strings."""
    check_text(value, where)
    if not isinstance(value, str) or not value.strip() or len(value.splitlines()) > 1 or "\n" in value or "\t" in value:
        raise ValueError(f"{where} must be one line that is not blank, got {value!r}")


def number(value: object, where: str) -> float | None:
    """Return a finite number as a float, None as None, and refuse the rest."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{where} must be a number or None, got {value!r}")
    if not math.isfinite(value):
        raise ValueError(f"{where} must be finite, got {value!r}: use None (or `finite`) for what is not known")
    return float(value)


def number_table(value: object, keys: Sequence[str], where: str) -> dict[str, float | None]:
    """Return a mapping with exactly these keys as floats or None, in the order of the keys."""
    check_keys(value, keys, where)
    mapping = cast(Mapping[str, object], value)
    return {key: number(mapping[key], f"{where}[{key!r}]") for key in keys}


def json_object(value: object, where: str) -> dict[str, Any]:
    """Return a deep copy of a mapping that holds plain JSON only; tuples become lists."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{where} must be a mapping, got {value!r}")
    return cast(dict[str, Any], _json(value, where))


def _json(value: object, where: str) -> Any:
    """Return a copy made of plain JSON types only."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return number(value, where)
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"{where}: keys must be strings, got {key!r}")
        return {key: _json(item, f"{where}[{key!r}]") for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_json(item, f"{where}[{i}]") for i, item in enumerate(value)]
    raise TypeError(f"{where} is not plain JSON: {value!r}")
