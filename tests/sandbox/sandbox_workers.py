"""Workers that start quickly, and what can be seen of processes from outside."""

import dataclasses
import os
import textwrap
from pathlib import Path

import numpy as np
import pytest

from maxpo_bench.sandbox import Limits, Worker, locking, offered
from maxpo_bench.sandbox.readable import places

LIGHT_TORCH = Path(__file__).parent / "light_torch"
REWARDS = np.arange(6.0).reshape(2, 3)
ECHO = "def advantages(rewards, k):\n    return rewards\n"


def skip_unless_offered(level):
    reason = offered().levels[level]
    if reason is not None:
        pytest.skip(f"level {level} is not offered here: {reason}")


def light_workers(monkeypatch):
    """Yield a function that starts workers with a stand-in for torch; they are closed afterwards."""
    folder = str(LIGHT_TORCH)
    found = places()
    found = dataclasses.replace(found, import_paths=(folder, *found.import_paths), readable=(folder, *found.readable))
    monkeypatch.setattr(locking, "places", lambda: found)
    started = []

    def start(source, *, level="strict", **limits):
        skip_unless_offered(level)
        worker = Worker(textwrap.dedent(source).encode(), level=level, limits=Limits(**limits))
        started.append(worker)
        return worker

    yield start
    for worker in started:
        worker.close()


def descriptors():
    """Open descriptors of this process."""
    return sorted(int(name) for name in os.listdir("/proc/self/fd"))


def is_running(pid):
    """Whether a process exists and has not ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return text.rpartition(")")[2].split()[0] not in ("Z", "X")


def members(session):
    """Processes of a session, those that have ended but were not waited for included."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                fields = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(fields[3]) == session:
                found.append(int(name))
    return found
