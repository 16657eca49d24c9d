"""Tables of a TOML file into frozen dataclasses: every key known, every value of the declared type."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, TypeVar

from maxpo_bench.registry import UnknownNameError, suggest

T = TypeVar("T")


def build(kind: type[T], table: Mapping[str, Any], where: str) -> T:
    """Return a dataclass made of a table.

    Args:
        kind: the dataclass; its fields are numbers, texts, booleans, tuples of texts, mappings and dataclasses, or one
            of these or None.
        table: names to values.
        where: what the message of an error begins with, such as "recipe x: [batch]".

    Raises:
        UnknownNameError: a key is unknown, with the nearest ones.
        TypeError: a value has another type.
        ValueError: a value is missing, or one that the dataclass refuses.
    """
    hints = typing.get_type_hints(kind)
    known = {entry.name: entry for entry in fields(typing.cast(Any, kind))}
    for name in table:
        if name not in known:
            raise UnknownNameError(f"{where} has no key {name!r}.{suggest(name, known)}")
    missing = [name for name, entry in known.items() if name not in table and _is_required(entry)]
    if missing:
        raise ValueError(f"{where} lacks {', '.join(missing)}")
    values = {name: _convert(hints[name], value, f"{where} {name}") for name, value in table.items()}
    try:
        return kind(**values)
    except UnknownNameError as error:
        raise UnknownNameError(f"{where}: {error}") from error
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def _is_required(entry: Any) -> bool:
    return entry.default is MISSING and entry.default_factory is MISSING


def _convert(hint: Any, value: Any, where: str) -> Any:
    """Return a value as its field's type; an integer is a number, nothing else changes its kind."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        hint = next(kind for kind in typing.get_args(hint) if kind is not type(None))
    if is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise TypeError(f"{where} must be a table, got {value!r}")
        return build(typing.cast(type, hint), value, where)
    origin = typing.get_origin(hint) or hint
    if origin is tuple:
        if not (isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)):
            raise TypeError(f"{where} must be a list of texts, got {value!r}")
        return tuple(value)
    if origin is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, origin) or (isinstance(value, bool) and origin is not bool):
        raise TypeError(f"{where} must be {_called(origin)}, got {value!r}")
    return value


def _called(kind: type) -> str:
    names = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
    return names.get(kind, "a table")
