"""From TOML tables to dataclasses: unknown keys, wrong types and ``--set`` overrides, with messages that help."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from maxpo_bench.registry import suggest


class ConfigError(ValueError):
    """A sweep's configuration is wrong; the message says where and how to mend it (exit code 2)."""


def check_keys(table: Any, known: Iterable[str], where: str) -> dict[str, Any]:
    """Return ``table`` if it is a table with known keys only.

    Raises:
        ConfigError: with the nearest known key.
    """
    if not isinstance(table, Mapping):
        raise ConfigError(f"{where} must be a table, got {table!r}")
    names = list(known)
    for key in table:
        if key not in names:
            raise ConfigError(f"unknown key {key!r} in {where}.{suggest(str(key), names)}")
    return dict(table)


def whole_number(value: Any, where: str, least: int = 1) -> int:
    """Return ``value`` if it is an integer of at least ``least``.

    Raises:
        ConfigError: otherwise.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigError(f"{where} must be a whole number of at least {least}, got {value!r}")
    return value


def parse_seeds(value: Any) -> tuple[int, ...]:
    """Return the seeds that a number, a list or a text stands for.

    ``5`` and ``"5"`` mean the seeds 0 to 4, ``"10:15"`` means 10 to 14, ``[3, 7]`` and ``"3,7"`` mean just these.

    Raises:
        ConfigError: none of these, no seed, or a seed twice.
    """
    try:
        seeds = _seeds(value)
    except ValueError:
        seeds = ()
    if not seeds or len(set(seeds)) < len(seeds):
        raise ConfigError(
            f"seeds must be a number (5: the seeds 0 to 4), a list of different ones ([3, 7] or '3,7') or a range "
            f"('10:15'), got {value!r}"
        )
    return seeds


def _seeds(value: Any) -> tuple[int, ...]:
    if isinstance(value, str):
        if "," in value:
            return tuple(int(part) for part in value.split(",") if part.strip())
        first, colon, end = value.partition(":")
        return tuple(range(int(first), int(end))) if colon else tuple(range(int(first)))
    if isinstance(value, Sequence):
        is_whole = all(isinstance(seed, int) and not isinstance(seed, bool) for seed in value)
        return tuple(value) if is_whole else ()
    return () if isinstance(value, bool) or not isinstance(value, int) else tuple(range(value))


def apply_overrides(table: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Return a copy of ``table`` with ``key=value`` overrides applied in turn.

    Keys are dotted; a number picks an entry of a list and ``*`` all of them: ``agents.*.kwargs.k=8``. Values are
    TOML (``[0.1, 0.3]``, ``true``, ``"text"``); a value that is not TOML is taken as text.

    Raises:
        ConfigError: no ``=``, or a key that leads nowhere.
    """
    result = copy.deepcopy(dict(table))
    for override in overrides:
        path, equals, text = override.partition("=")
        if not equals or not path.strip():
            raise ConfigError(f"--set {override!r}: write key=value, e.g. iterations=100")
        _assign(result, path.strip().split("."), parse_value(text), override)
    return result


def parse_value(text: str) -> Any:
    """Return ``text`` read as one TOML value, or as it is if it is none."""
    try:
        table = tomllib.loads(f"value = {text.strip()}")
    except tomllib.TOMLDecodeError:
        return text.strip()
    return table["value"] if len(table) == 1 else text.strip()


def _assign(node: Any, path: Sequence[str], value: Any, override: str) -> None:
    head, rest = path[0], path[1:]
    for key in _places(node, head, override):
        if not rest:
            node[key] = copy.deepcopy(value)
            continue
        if isinstance(node, dict):
            node.setdefault(key, {})
        _assign(node[key], rest, value, override)


def _places(node: Any, head: str, override: str) -> list[Any]:
    """Return the keys or indices of ``node`` that one part of a dotted key stands for."""
    if isinstance(node, dict):
        return [head]
    if isinstance(node, list):
        if head == "*":
            return list(range(len(node)))
        if head.isdigit() and int(head) < len(node):
            return [int(head)]
        raise ConfigError(f"--set {override!r}: {head!r} is no entry of a list of {len(node)}; use 0, 1, ... or *")
    raise ConfigError(f"--set {override!r}: {head!r} lies inside {node!r}, which is not a table")
