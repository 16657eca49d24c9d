"""The folder that is written into: what would stop the work at its end is found before its beginning."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from maxpo_bench.leaderboard.store import UNFINISHED
from maxpo_bench.reproduce import page

CELLS = "cells"
AGE = 3600.0
"""Seconds after which a file that is being written has been left by a killed process."""


def check(out: Path, figures: Sequence[str]) -> None:
    """Raise if results cannot be written, before any is computed.

    Args:
        out: folder, which need not exist.
        figures: those that will be written anew.

    Raises:
        ValueError: a file stands where a folder is needed, or a stored figure that stands on the page, and is not
            written anew, is damaged.
    """
    for path in (out / CELLS, out, *out.parents):
        if path.exists() and not path.is_dir():
            raise ValueError(f"{path} is a file where a folder is needed: move it away or give another --out")
    if figures and page.is_ours(out / page.NAME):
        for figure in page.stored_figures(out):
            if figure not in figures:
                page.load(out, figure)


def clear(out: Path) -> None:
    """Remove what processes killed while writing have left, from an hour after."""
    for folder in (out, out / CELLS):
        for path in folder.glob(f"{UNFINISHED}*"):
            with suppress(OSError):  # another process was faster
                if time.time() - path.stat().st_mtime > AGE:
                    path.unlink()
