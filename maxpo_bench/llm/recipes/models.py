"""Where a recipe's model is: a folder, one beneath MAXPO_BENCH_MODELS, the hub's cache, or made on the spot."""

from __future__ import annotations

import os
from pathlib import Path

from maxpo_bench.llm.recipes.schema import TINY, Recipe

MODELS_VARIABLE = "MAXPO_BENCH_MODELS"
_WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")


_DOWNLOADED = ("*.json", "*.safetensors", "*.txt", "*.jinja", "*.model")


class MissingModelError(OSError):
    """A model that is not on this machine; the message says how to get it."""


def model_label(recipe: Recipe) -> str:
    """Return what the model is called in tables: the last part of its name, "tiny-<task>" for the tiny one."""
    if recipe.model.name == TINY:
        return f"tiny-{recipe.data.set}"
    return recipe.model.name.rstrip("/").rpartition("/")[2]


def find_model(name: str) -> Path | None:
    """Return the folder of a model with its weights, None where this machine has none.

    Looked for in this order: a folder of that name; in the folder that the environment variable MAXPO_BENCH_MODELS
    names, "owner/model" or "model"; in the hub's cache.
    """
    given = Path(name).expanduser()
    folders = [given]
    if home := os.environ.get(MODELS_VARIABLE):
        folders += [Path(home).expanduser() / name, Path(home).expanduser() / given.name]
    for folder in folders:
        if is_model(folder):
            return folder
    return None if _is_path(name) else _cached(name)


def is_model(folder: Path) -> bool:
    """Whether a folder holds a configuration and all of its weights' files, or their index."""
    return (folder / "config.json").is_file() and any((folder / name).is_file() for name in _WEIGHTS)


def require_model(name: str) -> Path:
    """Return the folder of a model, downloaded from the hub where this machine does not have it.

    Raises:
        MissingModelError: it is not here, and the hub did not give it either.
    """
    folder = find_model(name)
    if folder is not None:
        return folder
    if _is_path(name):
        raise MissingModelError(how_to_get(name))
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=list(_DOWNLOADED)))
    # The hub's client lets through whatever its HTTP client and the file system raise.
    except Exception as error:
        reason = f"{type(error).__name__}: {str(error).splitlines()[0]}" if str(error) else type(error).__name__
        raise MissingModelError(
            f"the model {name} is not on this machine, nor did the hub give it ({reason}): {how_to_get(name)}"
        ) from error


def how_to_get(name: str) -> str:
    """Return the ways to make a model available."""
    own = f"--set model.name=FOLDER, or put it beneath the folder that {MODELS_VARIABLE} names"
    if _is_path(name):
        return f"{name} has no config.json with weights; another folder: {own}"
    return f"hf download {name}; from a folder: {own}"


def _is_path(name: str) -> bool:
    return name.startswith((".", "~")) or Path(name).is_absolute()


def _cached(name: str) -> Path | None:
    """Return the snapshot of a model in the hub's cache."""
    try:
        from huggingface_hub import try_to_load_from_cache
        from huggingface_hub.errors import HFValidationError
    except ImportError:
        return None
    try:
        found = [try_to_load_from_cache(name, file) for file in ("config.json", *_WEIGHTS)]
    except HFValidationError:
        return None
    config, *weights = found
    there = isinstance(config, str) and any(isinstance(path, str) for path in weights)
    return Path(config).parent if there and isinstance(config, str) else None
