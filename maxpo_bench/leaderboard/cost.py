"""Cost of an estimator: time per call relative to the reference, on fresh inputs, on one thread."""

from __future__ import annotations

import hashlib
import secrets
import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import torch

from maxpo_bench.estimators import Estimator
from maxpo_bench.leaderboard.examination import open_submission
from maxpo_bench.leaderboard.limits import SCORE_LIMITS
from maxpo_bench.leaderboard.source import Metadata, Submission
from maxpo_bench.leaderboard.submission import Candidate, built_in

GROUPS, GROUP_SIZE, K, CALLS = 1024, 16, 4, 30
WARM_UP = 3
"""Calls before the clock counts: the first ones fill caches."""

NOTHING = "def advantages(rewards, k):\n    return rewards.clone()\n"
"""What takes no time but that of the way to a worker and back."""


def measure_cost(candidate: Candidate, reference: str) -> float | None:
    """Cost of a candidate relative to a built-in estimator, both in workers of the same level where it is in one.

    Returns:
        None where K = 4 at n = 16 is outside its range, or where the reference is no slower than doing nothing.
    """
    if candidate.origin == "built-in" and candidate.name == reference:
        return 1.0
    if candidate.sandbox is None:
        return relative_cost(candidate, built_in(reference))
    with ExitStack() as stack:
        base, nothing = (
            stack.enter_context(open_submission(_submission(source), level=candidate.sandbox, limits=SCORE_LIMITS))
            for source in (f"from maxpo_bench.estimators import {reference} as advantages\n", NOTHING)
        )
        return relative_cost(candidate, base, nothing)


def _submission(source: str) -> Submission:
    text = source.encode()
    digest = hashlib.sha256(text).hexdigest()
    return Submission(Metadata(name="base", domain="binary"), text, "base.py", digest, Path("base.py"))


def relative_cost(candidate: Candidate, reference: Candidate, overhead: Candidate | None = None) -> float | None:
    """Median over calls of (time of the candidate / time of the reference), timed in turn on the same rewards.

    Rewards are binary [1024, 16], so that every estimator takes them, and new in every call, so that none gains by
    remembering.

    Args:
        candidate: what is measured; if it runs in a worker, so must the reference.
        reference: what one unit is.
        overhead: a candidate that does nothing; its time, that of the way to a worker and back, is taken off both.

    Returns:
        None where K = 4 at n = 16 is outside its range, or where the reference is no slower than doing nothing.
    """
    if not candidate.supports(GROUP_SIZE, K):
        return None
    generator = torch.Generator().manual_seed(secrets.randbits(63))  # nobody can have a table of the answers
    estimators = [each.build(K) for each in (candidate, reference, overhead) if each is not None]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        times = [_times(estimators, generator) for _ in range(CALLS + WARM_UP)][WARM_UP:]
    finally:
        torch.set_num_threads(threads)
    ours, theirs = (statistics.median(column) for column in list(zip(*times, strict=True))[:2])
    if overhead is None:
        return statistics.median(row[0] / row[1] for row in times)
    nothing = statistics.median(row[2] for row in times)
    return max(ours - nothing, 0.0) / (theirs - nothing) if theirs > nothing else None


def _times(estimators: Sequence[Estimator], generator: torch.Generator) -> list[float]:
    """Seconds of one call of each estimator on the same new rewards."""
    rewards = torch.randint(0, 2, (GROUPS, GROUP_SIZE), generator=generator).double()
    seconds = []
    for estimator in estimators:
        given = rewards.clone()
        started = time.perf_counter()
        estimator(given)
        seconds.append(time.perf_counter() - started)
    return seconds
