"""One grader for the whole process."""

from __future__ import annotations

from collections.abc import Sequence

from maxpo_bench.envs.tasks.grade import Grade
from maxpo_bench.envs.tasks.grading.service import Grader

# Nothing starts before a comparison needs a worker; a forked process goes on with a copy of its own.
_GRADER = Grader()


def shared_grader() -> Grader:
    """Return the grader that all callers in this process share."""
    return _GRADER


def grade_answers(golds: Sequence[str], completions: Sequence[str]) -> list[Grade]:
    r"""Grade completions of mathematical questions against their reference answers, with the shared grader.

    Args:
        golds: reference answers, without a box around them.
        completions: the whole text that a model wrote for each; the answer is in its last ``\boxed{}``.

    Returns:
        One grade per completion, in order, with ``correct``, ``status`` and ``extracted``.

    Raises:
        TypeError: a gold or a completion is not a string.
        ValueError: the two have different lengths.
        GraderError: the worker processes cannot be started.
    """
    return _GRADER.grade(golds, completions)


async def agrade_answers(golds: Sequence[str], completions: Sequence[str]) -> list[Grade]:
    """Grade as `grade_answers` does, without blocking the event loop."""
    return await _GRADER.agrade(golds, completions)
