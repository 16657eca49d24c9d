"""How far a scoring has come, from the stage that it reports: one share for all stages together."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maxpo_bench.leaderboard.score import Progress

STARTS = {
    "contract tests": 0.0,
    "certificate": 0.1,
    "noise": 0.5,
    "learning": 0.6,
    "cost": 0.95,
    "asking again": 0.98,
    "done": 1.0,
}
"""The share of the time after which a stage begins, as measured for `ei_l2o` on the suite `full`."""


def overall(progress: Progress, parts: int = 1) -> Progress:
    """Return a progress that passes each stage on with the share of the whole that is done, which never falls.

    Args:
        progress: called with (stage, share of the whole).
        parts: scorings that follow each other and make the whole.
    """
    known: dict[str, int] = {}
    reached = 0.0

    def report(stage: str, done: float) -> None:
        nonlocal reached
        part, _, name = stage.rpartition(": ")
        before = known.setdefault(part, len(known))
        reached = max(reached, min(1.0, (before + _share(name, done)) / parts))
        progress(stage, reached)

    return report


def _share(stage: str, done: float) -> float:
    begins = STARTS.get(stage, 0.0)
    ends = min((start for start in STARTS.values() if start > begins), default=1.0)
    return begins + done * (ends - begins)
