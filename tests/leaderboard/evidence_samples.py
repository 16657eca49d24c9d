"""Estimators scored on a suite made small enough for a test: built-in ones, and submissions of every kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

from maxpo_bench.estimators import ei_l2o, reinforce_l1o
from maxpo_bench.leaderboard.score import score
from maxpo_bench.leaderboard.store import ScoredEntry
from maxpo_bench.leaderboard.submission import Candidate, Metadata, built_in, from_function
from maxpo_bench.leaderboard.suite import SUITES, MazeTrack

SUITE = replace(
    SUITES.get("quick"), num_groups=1600, num_arms=20, maze=MazeTrack(20, 0.8, 8, 4, 60, 20, (0.1, 1.0), 2, 4)
)
BUILT_INS = ("ei", "grpo", "passk_analytic_std")


def submission(name: str, function: Callable[..., Any], **metadata: Any) -> Candidate:
    return from_function(function, Metadata(name=name, **metadata), digest=name.ljust(64, "0"))


@cache
def scored_samples() -> tuple[ScoredEntry, ...]:
    """The reference, three other built-in estimators and five submissions; all of suite quick-1."""
    reference = score(built_in("ei_l2o"), SUITE, None)
    candidates = [
        *(built_in(name) for name in BUILT_INS),
        submission("zero", lambda rewards, k: rewards * 0.0),
        submission("tiny_copy", lambda rewards, k: 1e-9 * ei_l2o(rewards, k)),
        submission("downhill", lambda rewards, k: -ei_l2o(rewards, k)),
        submission("mean_reward", reinforce_l1o, min_group_size="2"),
        submission("smaller_k", lambda rewards, k: ei_l2o(rewards, max(k - 1, 1)), min_k=2),
    ]
    return (reference, *(score(candidate, SUITE, reference) for candidate in candidates))


def sample(name: str) -> ScoredEntry:
    """Return one of them."""
    return next(item for item in scored_samples() if item.entry.name == name)
