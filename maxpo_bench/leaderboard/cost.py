"""Cost of an estimator: time per call relative to the reference, on fresh inputs, on one thread."""

from __future__ import annotations

import statistics
import time

import torch

from maxpo_bench.estimators import Estimator
from maxpo_bench.leaderboard.submission import Candidate

GROUPS, GROUP_SIZE, K, CALLS = 64, 16, 4, 30


def _seconds(estimator: Estimator, rewards: torch.Tensor) -> float:
    started = time.perf_counter()
    estimator(rewards)
    return time.perf_counter() - started


def relative_cost(candidate: Candidate, reference: Candidate) -> float | None:
    """Median over calls of (time of the candidate / time of the reference), the two timed in turn on the same rewards.

    Rewards are binary [64, 16], so that every estimator takes them. None where K = 4 at n = 16 is outside its range.
    """
    if not candidate.supports(GROUP_SIZE, K):
        return None
    threads = torch.get_num_threads()
    generator = torch.Generator().manual_seed(0)
    ratios = []
    ours, base = candidate.build(K), reference.build(K)
    torch.set_num_threads(1)
    try:
        for call in range(CALLS + 3):
            rewards = torch.randint(0, 2, (GROUPS, GROUP_SIZE), generator=generator).double()
            ratio = _seconds(ours, rewards) / _seconds(base, rewards)
            if call >= 3:  # the first calls fill caches
                ratios.append(ratio)
    finally:
        torch.set_num_threads(threads)
    return statistics.median(ratios)
