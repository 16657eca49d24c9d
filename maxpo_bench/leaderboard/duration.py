"""How long a submission's own calls will take in a score, from a few calls of each kind."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch

from maxpo_bench.leaderboard.examination import VALUES_PER_CALL
from maxpo_bench.leaderboard.submission import Candidate
from maxpo_bench.leaderboard.suite import Suite

GROUPS = 48
"""Groups in one timed call: those of a step on the maze of the full suite."""

REPEATS = 3
ENOUGH_SECONDS = 1.0
"""A call that takes longer is not repeated."""


@dataclass(frozen=True)
class CallTime:
    """Measured time of calls, and what follows for a score.

    Attributes:
        groups: groups in the timed call.
        n: samples in each of them.
        k: objective size.
        seconds: what that call takes.
        score_seconds: what the calls of a score on the suite take together, without the scorer's own work.
    """

    groups: int
    n: int
    k: int
    seconds: float
    score_seconds: float


@dataclass(frozen=True)
class Planned:
    """What a score asks a candidate: groups, all counted as if they had ``n`` samples, in so many calls."""

    n: int
    k: int
    groups: float
    calls: int


def measure_calls(candidate: Candidate, suite: Suite) -> CallTime | None:
    """Time a candidate on one group and on `GROUPS`; None where it is defined at no (n, K) of the suite.

    Raises:
        SandboxError: a call fails or takes too long.
    """
    planned = planned_calls(candidate, suite)
    if planned is None:
        return None
    one, many = (_seconds(candidate, planned, groups) for groups in (1, GROUPS))
    each = max(many - one, 0.0) / (GROUPS - 1)
    start = max(one - each, 0.0)
    return CallTime(GROUPS, planned.n, planned.k, many, start * planned.calls + each * planned.groups)


def planned_calls(candidate: Candidate, suite: Suite) -> Planned | None:
    """Count what a score asks: every bandit's groups twice (the suite's and fresh ones), and every step of training."""
    maze = suite.maze
    learns = candidate.metadata.domain == "real" and candidate.supports(maze.n, maze.k)
    sizes = [
        instance.n
        for instance in suite.instances()
        if candidate.supports(instance.n, instance.k) and candidate.metadata.domain in ("real", instance.domain)
    ]
    pairs = [(maze.n, maze.k)] * learns + [pair for pair in suite.pairs if candidate.supports(*pair)]
    if not pairs:
        return None
    n, k = pairs[0]
    runs = len(maze.learning_rates) * maze.num_tuning_seeds + maze.num_evaluation_seeds
    steps = maze.iterations * learns
    groups = 2 * suite.num_groups * sum(size / n for size in sizes) + steps * runs * maze.n / n
    if candidate.is_stateful:
        from maxpo_bench.leaderboard.score import STEP_GROUPS  # loads all that scoring needs

        return Planned(n, k, groups, 2 * len(sizes) * -(-suite.num_groups // STEP_GROUPS) + steps * runs)
    batches = sum(-(-suite.num_groups * size // VALUES_PER_CALL) for size in sizes)
    return Planned(n, k, groups, 2 * batches + 2 * steps)


def _seconds(candidate: Candidate, planned: Planned, groups: int) -> float:
    """The fastest of a few calls: what is slower was kept waiting by something else."""
    found: list[float] = []
    while len(found) < REPEATS and sum(found) < ENOUGH_SECONDS:
        rewards = (torch.arange(groups * planned.n).reshape(groups, planned.n) % 3 == 0).double()
        started = time.perf_counter()
        candidate.raw(rewards, planned.k)
        found.append(time.perf_counter() - started)
    return min(found)
