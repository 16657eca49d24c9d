"""How cells are kept: one small file of numbers each, named by a hash of everything that determines them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maxpo_bench.leaderboard.store import publish

Floats = NDArray[np.float64]
Values = dict[str, Floats]

SCHEMA = 1
ROOT = Path(__file__).resolve().parents[1]


@cache
def hash_of(patterns: tuple[str, ...]) -> str:
    """SHA-256 over sources of the package: changed formulas are computed again.

    Args:
        patterns: of paths in the package, such as "estimators/*.py".
    """
    digest = hashlib.sha256()
    for path in sorted(path for pattern in patterns for path in ROOT.glob(pattern)):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def path_of(folder: Path, name: str, content: Mapping[str, Any]) -> Path:
    """Where a cell is kept: ``name`` says what it is to people, a hash of ``content`` everything."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    digest = hashlib.blake2b(text.encode(), digest_size=8, person=b"maxpo-cell").hexdigest()
    return folder / f"{name}-{digest}.json"


def read(path: Path, content: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> Values | None:
    """Return stored numbers, or None where there are none: never computed, by other code, or damaged.

    Args:
        path: of the file.
        content: what determines the numbers.
        shapes: what they are called, with their shapes; all are finite.
    """
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored["schema"] != SCHEMA or stored["cell"] != content:
            return None
        values = {name: np.array(array, dtype=np.float64) for name, array in stored["values"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return None
    fits = {name: array.shape for name, array in values.items()} == dict(shapes)
    return values if fits and all(np.isfinite(array).all() for array in values.values()) else None


def write(path: Path, content: Mapping[str, Any], values: Values) -> None:
    """Publish the numbers of a cell as one file."""
    plain = {name: array.tolist() for name, array in values.items()}
    record = {"schema": SCHEMA, "cell": content, "values": plain}
    publish(path, json.dumps(record, sort_keys=True, separators=(",", ":"), allow_nan=False) + "\n")
