"""Keep code that uses the global random generators from disturbing them, and from being disturbed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


def global_state() -> dict[str, Any]:
    """Return the state of Python's, NumPy's and torch's global generators (CPU)."""
    return {
        "python": random.getstate(),
        "numpy": np.random.get_state(),  # noqa: NPY002 (the global state is the point)
        "torch": torch.get_rng_state(),
    }


def set_global_state(state: dict[str, Any]) -> None:
    """Set what `global_state` returned."""
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])  # noqa: NPY002 (the global state is the point)
    torch.set_rng_state(state["torch"])


@contextmanager
def preserved() -> Iterator[None]:
    """Leave the global generators as they were found."""
    before = global_state()
    try:
        yield
    finally:
        set_global_state(before)
