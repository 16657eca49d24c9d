"""Finds the processes of a grader and waits for conditions, with a deadline that only a fault reaches."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from maxpo_bench.envs.tasks.grading.service import Grader

DEADLINE_S = 30.0


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"has not come true within {DEADLINE_S} s"
        time.sleep(0.01)


def zygote_of(grader: Grader) -> int:
    launcher = grader._pool.crew.launcher
    assert launcher is not None
    return launcher.pid


def session(zygote: int) -> set[int]:
    """Return the processes of a zygote's session, with the dead that it has not buried.

    Those of a zygote that is dead itself are the system's to bury.
    """
    found = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            state, parent, _, number = fields[0], *map(int, fields[1:4])
            if number == zygote and not (state == "Z" and parent not in (zygote, os.getpid())):
                found.add(int(folder.name))
    return found


def workers_of(grader: Grader) -> set[int]:
    zygote = zygote_of(grader)
    return session(zygote) - {zygote}


def boxed(*answers: str) -> list[str]:
    return [f"The answer is \\boxed{{{answer}}}." for answer in answers]


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))
