"""What the reward functions tell TRL's trainers of a batch of grades beside the rewards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from maxpo_bench.envs.tasks.grade import STATUSES, Grade

LogExtra = Callable[[str, list[Any]], None]
LogMetric = Callable[[str, float], None]


def log_grades(
    name: str, grades: Sequence[Grade | None], log_extra: LogExtra | None, log_metric: LogMetric | None
) -> None:
    """Log the columns "status" and "extracted" of the table of completions, and the metrics "<name>/<status>".

    Args:
        name: what the metrics begin with; each is the share of a status among the completions that have a grade.
        grades: one per completion, None where there is no reference answer.
        log_extra: given by the trainer; None for no columns.
        log_metric: given by the trainer; None for no metrics.
    """
    if log_extra is not None:
        log_extra("status", ["no reference" if grade is None else grade.status for grade in grades])
        log_extra("extracted", ["" if grade is None else grade.extracted or "" for grade in grades])
    counts = Counter(grade.status for grade in grades if grade is not None)
    if log_metric is not None and counts:
        for status in STATUSES:
            log_metric(f"{name}/{status}", counts[status] / counts.total())
