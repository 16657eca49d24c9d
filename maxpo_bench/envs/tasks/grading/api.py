"""One grader for the whole process."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from maxpo_bench.envs.tasks.grade import Grade
from maxpo_bench.envs.tasks.grading.service import Grader

WORKERS_VARIABLE = "MAXPO_BENCH_GRADER_WORKERS"
TIME_LIMIT_VARIABLE = "MAXPO_BENCH_GRADER_TIME_LIMIT"

# Made by the first call that needs it, so that a variable that says nonsense fails a call and no import. Threads may
# both make one, of which the dictionary keeps the first; a lock might be held while the process is forked.
_SHARED: dict[str, Grader] = {}


def shared_grader() -> Grader:
    """Return the grader that all callers in this process share; a forked process goes on with a copy of its own.

    Raises:
        ValueError: an environment variable that configures it says nonsense.
    """
    grader = _SHARED.get("grader")
    return grader if grader is not None else _SHARED.setdefault("grader", _make())


def configure_grader(
    workers: int | None = None,
    time_limit: float | None = None,
    memory_limit: int | None = None,
    cache_size: int | None = None,
) -> None:
    """Replace the grader that `grade_answers`, the mathematical tasks and the reward functions share in this process.

    Before or after its first use; what the former grader is at ends undisturbed, its verdicts and counts are dropped,
    and its processes end with its last call. Processes forked from here on inherit the choice. For processes that are
    started anew, such as Ray's workers, set the environment variables instead, which they inherit:
    MAXPO_BENCH_GRADER_WORKERS and MAXPO_BENCH_GRADER_TIME_LIMIT (seconds).

    Args:
        workers: the largest number of worker processes; None: MAXPO_BENCH_GRADER_WORKERS, else what `Grader` chooses.
        time_limit: seconds per comparison; None: MAXPO_BENCH_GRADER_TIME_LIMIT, else 3.0.
        memory_limit: bytes of address space per worker; None: 1 GiB.
        cache_size: how many verdicts are remembered; None: 100,000.

    Raises:
        TypeError: ``workers``, ``memory_limit`` or ``cache_size`` is not an integer.
        ValueError: a limit is out of range, or an environment variable says nonsense; the former grader stays.
    """
    _SHARED["grader"] = _make(workers=workers, time_limit=time_limit, memory_limit=memory_limit, cache_size=cache_size)


def grade_answers(golds: Sequence[str], completions: Sequence[str]) -> list[Grade]:
    r"""Grade completions of mathematical questions against their reference answers, with the shared grader.

    `configure_grader` or environment variables set its limits.

    Args:
        golds: reference answers, without a box around them.
        completions: the whole text that a model wrote for each; the answer is in its last ``\boxed{}``.

    Returns:
        One grade per completion, in order, with ``correct``, ``status`` and ``extracted``.

    Raises:
        TypeError: a gold or a completion is not a string.
        ValueError: the two have different lengths, or a gold is empty, holds "####" or a box.
        GraderError: the worker processes cannot be started.
    """
    return shared_grader().grade(golds, completions)


async def agrade_answers(golds: Sequence[str], completions: Sequence[str]) -> list[Grade]:
    """Grade as `grade_answers` does, without blocking the event loop."""
    return await shared_grader().agrade(golds, completions)


def _make(workers: int | None = None, time_limit: float | None = None, **limits: int | None) -> Grader:
    given: dict[str, Any] = {name: limit for name, limit in limits.items() if limit is not None}
    workers = _workers_from_environment() if workers is None else workers
    time_limit = _time_limit_from_environment() if time_limit is None else time_limit
    if time_limit is not None:
        given["time_limit"] = time_limit
    return Grader(workers, **given)


def _workers_from_environment() -> int | None:
    text = os.environ.get(WORKERS_VARIABLE)
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ValueError(f"{WORKERS_VARIABLE}={text!r} must be a whole number of at least 1, such as 4, or unset")
    return int(text)


def _time_limit_from_environment() -> float | None:
    text = os.environ.get(TIME_LIMIT_VARIABLE)
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise ValueError(f"{TIME_LIMIT_VARIABLE}={text!r} must be a positive number of seconds, such as 3.0, or unset")
    return seconds
