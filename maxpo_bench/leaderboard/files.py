"""Files that survive: written in one step, synced to the disk, changed under a lock that dies with its holder."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

UNFINISHED = ".writing-"
"""How the names of files begin that are being written."""
ABANDONED = 3600.0
"""Seconds after which a file that is being written has been left by a killed process."""
_NO_LINKS = (errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EPERM)
_REMEDIES = {
    errno.ENOENT: "no folder can be made there: give another one",
    errno.ENOSPC: "the disk is full: free some space",
    errno.EDQUOT: "the disk quota is used up: free some space",
    errno.EFBIG: "files may not grow that large here: raise the limit (ulimit -f)",
    errno.EACCES: "the folder cannot be written to: change its permissions or give another one",
    errno.EPERM: "the folder cannot be written to: change its permissions or give another one",
    errno.EROFS: "the file system is read-only: give another folder",
    errno.ENOTDIR: "a file stands where a folder is needed: move it away or give another folder",
    errno.EEXIST: "a file stands where a folder is needed: move it away or give another folder",
}


def reached(point: str) -> None:
    """Do nothing. Every named point of writing calls it, so that a test can stop the process there."""


def publish(path: Path, content: str | bytes) -> None:
    """Write a file in one step: a reader sees the old file or the new one, whenever the writer is stopped.

    Args:
        path: its folder is made if it is missing.
        content: text is written as UTF-8.

    Raises:
        OSError: it cannot be written; what was there before is untouched. The message says what to do.
    """
    with _explained(path):
        make_folder(path.parent)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=UNFINISHED, suffix=path.suffix)
        try:
            reached("created")
            with os.fdopen(descriptor, "wb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
                file.flush()
                reached("written")
                os.fsync(file.fileno())
            os.chmod(temporary, 0o644)
            reached("synced")
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        reached("renamed")
        sync_folder(path.parent)


def keep_as(path: Path, other: Path) -> None:
    """Give a file a second name, which must be free; on file systems without hard links, a copy.

    Call it under the lock of the folder.

    Raises:
        FileExistsError: the name is taken.
        OSError: it cannot be written; the message says what to do.
    """
    if other.exists():
        raise FileExistsError(errno.EEXIST, "the name is taken", str(other))
    try:
        with _explained(other):
            os.link(path, other)
            sync_folder(other.parent)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        publish(other, path.read_bytes())


def make_folder(folder: Path) -> None:
    """Make a folder and its parents, and see to it that their names are on the disk."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for each in missing:
        sync_folder(each.parent)


def check_writable(folder: Path) -> None:
    """Find out whether a folder, which need not exist, can be made and written to; nothing is left behind.

    Raises:
        OSError: it cannot; the message says what to do.
    """
    with _explained(folder):
        place = next(each for each in (folder, *folder.parents) if each.exists())
        os.rmdir(tempfile.mkdtemp(dir=place, prefix=UNFINISHED))


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def announce_wait(folder: Path) -> None:
    """Say on standard error that another process holds the lock of a folder."""
    print(f"waiting for another process that is writing to {folder}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def locked(folder: Path, waiting: Callable[[Path], None] = announce_wait) -> Iterator[None]:
    """Hold the exclusive lock of a folder, which is made if it is missing.

    The lock lies on the folder itself: it leaves no file behind, and the kernel drops it when its holder dies.

    Args:
        folder: to be changed.
        waiting: called once with the folder if another process holds the lock.

    Raises:
        OSError: the folder cannot be made or locked.
    """
    with _explained(folder):
        make_folder(folder)
        descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting(folder)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def clear_unfinished(folder: Path) -> None:
    """Remove what processes killed while writing have left in a folder, from an hour after."""
    for path in folder.glob(f"{UNFINISHED}*"):
        with contextlib.suppress(OSError):  # another process was faster
            if time.time() - path.stat().st_mtime > ABANDONED:
                path.unlink()


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Add to an error of the system what to do about it."""
    try:
        yield
    except OSError as error:
        if error.errno not in _REMEDIES:
            raise
        remedy = f"{_REMEDIES[error.errno]}, then run the same command again; nothing that was stored is lost"
        raise OSError(error.errno, f"cannot write {path}: {remedy}") from error
