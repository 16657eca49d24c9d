"""The store of a sweep: one JSON file per run, published whole or not at all, never twice.

A record is written to a temporary file in the folder of its target, synced to the disk, and given its name by an
exclusive hard link. A reader therefore sees a complete record or none, whenever the writer is killed, and of two
writers of one run the first wins. Two sweeps may share a store: at worst they compute a run twice.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import re
import socket
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from maxpo_bench.sweep.spec import SCHEMA_VERSION, RunSpec

_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
_RUN_ID = re.compile(r"[0-9a-f]{16}")
_FIELDS: dict[str, type | tuple[type, ...]] = {
    "schema": int,
    "id": str,
    "spec": dict,
    "status": str,
    "error": (str, type(None)),
    "curves": dict,
    "summary": dict,
    "wall_s": (int, float, type(None)),
    "versions": dict,
}


class StoreError(ValueError):
    """A file of the store is not a valid record; the message names the file and says what to do."""


def jsonable(value: Any) -> Any:
    """Return ``value`` as JSON types: NumPy numbers and arrays as Python's, NaN and infinities as None."""
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(item) for item in value]
    if hasattr(value, "tolist"):
        return jsonable(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def check_record(record: Any, where: str, run_id: str | None = None) -> dict[str, Any]:
    """Return ``record`` if it has the fields, types and id of a record.

    Args:
        record: what was read or is to be written.
        where: the file, for messages.
        run_id: the id that it must have.

    Raises:
        StoreError: saying what is wrong with it.
    """
    if not isinstance(record, dict):
        raise StoreError(f"{where}: a record must be a JSON object, got {type(record).__name__}")
    if record.get("schema") != SCHEMA_VERSION:
        raise StoreError(f"{where}: schema {record.get('schema')!r}, this version reads schema {SCHEMA_VERSION}")
    for name, kind in _FIELDS.items():
        if name not in record or not isinstance(record[name], kind):
            raise StoreError(f"{where}: field {name!r} is missing or has the wrong type")
    try:
        spec_id = RunSpec.from_dict(record["spec"]).run_id
    except (TypeError, ValueError) as error:
        raise StoreError(f"{where}: {error}") from error
    if spec_id != record["id"] or (run_id is not None and record["id"] != run_id):
        raise StoreError(f"{where}: id {record['id']!r} does not belong to its specification ({spec_id})")
    lengths = {name: len(curve) for name, curve in record["curves"].items() if isinstance(curve, list)}
    if len(lengths) != len(record["curves"]) or len(set(lengths.values())) > 1:
        raise StoreError(f"{where}: curves must be lists of one length, got {lengths}")
    return record


class RunStore:
    """A folder of run records.

    ``DIR/runs/<id>.json`` holds finished runs, ``DIR/failed/<id>.json`` the last failure of each run that has not
    finished yet, ``DIR/logs/<id>.log`` what a run printed.

    Args:
        directory: the folder; created, with its parents, when something is written.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = Path(directory)
        self.runs = self.directory / "runs"
        self.failed = self.directory / "failed"
        self.logs = self.directory / "logs"

    def path(self, run_id: str) -> Path:
        """Return where the record of a finished run is, or will be.

        Raises:
            ValueError: no run id.
        """
        return self.runs / f"{_checked_id(run_id)}.json"

    def has(self, run_id: str) -> bool:
        """Whether the run is finished and published."""
        return self.path(run_id).exists()

    def ids(self) -> list[str]:
        """Ids of the published runs, sorted."""
        return sorted(path.stem for path in self.runs.glob("*.json"))

    def publish(self, run_id: str, record: Mapping[str, Any]) -> bool:
        """Publish the record of a finished run, atomically and at most once.

        Returns:
            True if this call published it, False if the run was there already (nothing is changed then).

        Raises:
            StoreError: the record is not valid.
        """
        target = self.path(run_id)
        text = _encode(record, str(target), run_id)
        if target.exists():
            return False
        with _temporary(target, text) as temporary:
            is_new = _link(temporary, target)
        (self.failed / target.name).unlink(missing_ok=True)
        return is_new

    def fail(self, run_id: str, record: Mapping[str, Any]) -> None:
        """Store the record of a failed run beside the finished ones, in place of an earlier failure."""
        target = self.failed / f"{_checked_id(run_id)}.json"
        with _temporary(target, _encode(record, str(target), run_id)) as temporary:
            os.replace(temporary, target)
            _sync_directory(target.parent)

    def load(self, run_id: str) -> dict[str, Any]:
        """Return the record of one finished run.

        Raises:
            StoreError: it is not valid.
            FileNotFoundError: it is not published.
        """
        return _read(self.path(run_id))

    def load_failed(self, run_id: str) -> dict[str, Any] | None:
        """Return the record of a run's last failure, or None if it never failed or has finished since."""
        path = self.failed / f"{_checked_id(run_id)}.json"
        return _read(path) if path.exists() else None

    def load_all(self) -> list[dict[str, Any]]:
        """Return every published record, sorted by id.

        Raises:
            StoreError: naming the file that is not a valid record.
        """
        return [_read(path) for path in sorted(self.runs.glob("*.json"))]

    def load_failures(self) -> list[dict[str, Any]]:
        """Return the last failure of every run that has not finished, sorted by id."""
        return [_read(path) for path in sorted(self.failed.glob("*.json"))]

    def clean(self) -> list[Path]:
        """Remove the temporary files of killed processes of this machine and return their paths.

        Files of living processes and of other machines stay.
        """
        host = _host()
        removed: list[Path] = []
        for path in [*self.runs.glob(".*.tmp"), *self.failed.glob(".*.tmp")]:
            writer = path.name.split("+")
            if len(writer) == 4 and writer[1] == host and writer[2].isdigit() and not _is_alive(int(writer[2])):
                path.unlink(missing_ok=True)
                removed.append(path)
        return removed


def _checked_id(run_id: str) -> str:
    if not _RUN_ID.fullmatch(run_id):
        raise ValueError(f"a run id has 16 hexadecimal digits, got {run_id!r}")
    return run_id


def _encode(record: Mapping[str, Any], where: str, run_id: str) -> str:
    content = check_record(jsonable(record), where, run_id)
    return json.dumps(content, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n"


def _read(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return check_record(record, str(path), path.stem)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise StoreError(f"{path}: not JSON ({error}): delete the file and run the sweep again") from error
    except StoreError as error:
        raise StoreError(f"{error}: delete the file and run the sweep again") from error


@contextlib.contextmanager
def _temporary(target: Path, text: str) -> Iterator[Path]:
    """Write a synced temporary file beside ``target``, named after the writing process; remove it at the end."""
    target.parent.mkdir(parents=True, exist_ok=True)
    path = target.parent / f".{target.stem}+{_host()}+{os.getpid()}+{uuid.uuid4().hex[:8]}.tmp"
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        yield path
    finally:
        path.unlink(missing_ok=True)


def _link(temporary: Path, target: Path) -> bool:
    """Give the file its name unless the name is taken; return whether it was free."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if not _rename_exclusively(temporary, target):
            return False
    _sync_directory(target.parent)
    return True


def _rename_exclusively(temporary: Path, target: Path) -> bool:
    """Rename under a lock that dies with its holder: for file systems without hard links."""
    import fcntl

    with open(target.parent / ".lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.exists():
            return False
        os.rename(temporary, target)
        return True


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname())


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
