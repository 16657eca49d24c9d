"""Files and folders that appear whole or not at all, whenever their writer is killed."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

ENDING = ".tmp"
"""How the names of what is being written end; they begin with a dot."""


def publish_text(target: Path, text: str) -> Path:
    """Write a file, or replace it, in one step; it is on the disk when this returns.

    Args:
        target: the file; its folder is made where it is missing.
        text: written as UTF-8.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}-", suffix=ENDING, dir=target.parent)
    try:
        os.fchmod(descriptor, 0o666 & ~_umask())
        with open(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(name, target)
    finally:
        Path(name).unlink(missing_ok=True)
    sync(target.parent)
    return target


@contextlib.contextmanager
def publishing_folder(target: Path) -> Iterator[Path]:
    """Give an empty folder to write into; it gets its name when the block ends without an error.

    Args:
        target: the folder; it must not exist.

    Raises:
        FileExistsError: the folder exists when it is to get its name.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{target.name}-", suffix=ENDING, dir=target.parent))
    try:
        yield folder
        for path in [*folder.rglob("*"), folder]:
            sync(path)
        folder.chmod(0o777 & ~_umask())
        if target.exists():
            raise FileExistsError(f"{target} exists: remove it, or give another name")
        folder.rename(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sync(target.parent)


def remove_unfinished(folder: Path) -> None:
    """Remove what killed writers left in a folder that nobody else writes to."""
    for path in folder.glob(f".*{ENDING}"):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Have the disk hold a file, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask() -> int:
    """Return the permissions that new files do not get; reading it means setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
