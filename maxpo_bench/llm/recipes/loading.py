"""Recipes by name or from files: inheritance, variants, and settings from the command line."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from maxpo_bench.llm.recipes.schema import Recipe
from maxpo_bench.llm.recipes.strict import build
from maxpo_bench.registry import UnknownNameError, suggest

Table = dict[str, Any]
_SUFFIX = ".toml"
_META = ("extends", "abstract", "default", "variants")


def recipe_names() -> list[str]:
    """Return the names of the packaged recipes that can be run, without their variants."""
    return [name for name in _packaged() if not _merged(name).get("abstract", False)]


def variant_names(recipe: str) -> list[str]:
    """Return the variants of a recipe, in their order; none for a recipe without variants.

    Args:
        recipe: a packaged recipe's name, or the path of a .toml file.

    Raises:
        UnknownNameError: there is no such recipe.
        FileNotFoundError: there is no such file.
    """
    return list(_merged(recipe).get("variants", {}))


def load_recipe(name: str | os.PathLike[str], settings: Sequence[str] = ()) -> Recipe:
    """Return a recipe.

    Args:
        name: "NAME", or "NAME:VARIANT" for one of its variants, where NAME is a packaged recipe or the path of a .toml
            file. Without a variant its `default` one is taken.
        settings: changes such as "batch.prompts=128", the last of equal ones counting; values are TOML, and what is no
            TOML is a text.

    Raises:
        UnknownNameError: no such recipe, variant, table or key, with the nearest ones.
        FileNotFoundError: there is no such file.
        TypeError: a value has another type than the key.
        ValueError: a file is no TOML, a value is missing or out of range, or a setting has no "=".
    """
    stem, variant = _parts(os.fspath(name))
    table = _merged(stem)
    variants = table.get("variants", {})
    variant = variant or table.get("default", "")
    if variant and variant not in variants:
        raise UnknownNameError(f"recipe {stem} has no variant {variant!r}.{suggest(variant, variants)}")
    if table.get("abstract", False):
        heirs = [known for known in recipe_names() if _extends(known, stem)]
        raise ValueError(f"recipe {stem} is what others share and cannot be run: name one of {', '.join(heirs)}")
    chosen = _deep(table, variants[variant]) if variant else table
    for setting in settings:
        chosen = _deep(chosen, _setting(setting))
    values = {key: value for key, value in chosen.items() if key not in _META}
    label = Path(stem).stem if stem.endswith(_SUFFIX) else stem
    return build(Recipe, {**values, "name": label, "variant": variant}, f"recipe {label}:")


def _parts(name: str) -> tuple[str, str]:
    """Return the recipe and the variant that a name asks for."""
    stem, colon, variant = name.rpartition(":")
    if not colon or os.path.isfile(name):
        return name, ""
    return stem, variant


def _packaged() -> dict[str, Any]:
    """Return the packaged files by their names."""
    folder = resources.files("maxpo_bench.llm.recipes")
    found = {entry.name.removesuffix(_SUFFIX): entry for entry in folder.iterdir() if entry.name.endswith(_SUFFIX)}
    return dict(sorted(found.items()))


def _merged(name: str) -> Table:
    """Return a recipe's table over the one that it extends."""
    table = _read(name)
    parent = table.get("extends")
    if parent is None:
        return table
    if parent.endswith(_SUFFIX):
        parent = str(Path(name).parent / parent)
    inherited = {key: value for key, value in _merged(parent).items() if key not in ("abstract", "summary")}
    return _deep(inherited, table)


def _extends(name: str, ancestor: str) -> bool:
    parent = _read(name).get("extends")
    return parent is not None and (parent == ancestor or _extends(parent, ancestor))


def _read(name: str) -> Table:
    if name.endswith(_SUFFIX):
        path = Path(name).expanduser()
        if not path.is_file():
            raise FileNotFoundError(f"there is no recipe {path}: name a .toml file, or one of {_listed(_packaged())}")
        return _parsed(path.read_bytes(), str(path))
    files = _packaged()
    if name not in files:
        hint = suggest(name, files)
        raise UnknownNameError(f"unknown recipe {name!r}.{hint} A recipe of your own is named by its .toml file.")
    return _parsed(files[name].read_bytes(), f"recipe {name}")


def _parsed(text: bytes, where: str) -> Table:
    try:
        return tomllib.loads(text.decode("utf-8"))
    except ValueError as error:
        raise ValueError(f"{where} is no TOML: {error}") from error


def _setting(text: str) -> Table:
    """Return the nested table of one "a.b=value"."""
    key, equals, value = text.partition("=")
    names = [part.strip() for part in key.split(".")]
    if not equals or not all(names):
        raise ValueError(f"--set {text!r}: write TABLE.KEY=VALUE, as in --set training.seed=1")
    if names[0] in (*_META, "name", "variant", "summary"):
        raise ValueError(f"--set {text!r}: {names[0]} is the recipe's own; variants are named as RECIPE:VARIANT")
    table: Any = _value(value.strip())
    for name in reversed(names):
        table = {name: table}
    return table


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _deep(below: Mapping[str, Any], above: Mapping[str, Any]) -> Table:
    """Return one table over another: tables are joined key by key, all else is replaced."""
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        result[key] = _deep(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return result


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
