"""The two engines of the Monte-Carlo moments under one signature, for tests that must hold for both."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from maxpo_bench.estimators import Estimator, as_estimator
from maxpo_bench.moments import BanditInstance
from maxpo_bench.moments.monte_carlo import MonteCarloMoments
from maxpo_bench.moments.sampling import sum_question
from maxpo_bench.moments.sampling_device import sum_question as sum_question_on_device
from maxpo_bench.moments.sampling_sums import GroupSums

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")
PATHS = ["compiled", "torch", pytest.param("cuda", marks=needs_cuda)]


def sums_by(
    path: str,
    estimators: Sequence[Estimator],
    rewards: np.ndarray,
    logits: np.ndarray,
    n: int,
    sizes: Sequence[int],
    seed: int = 0,
) -> list[GroupSums]:
    policy = BanditInstance.of(rewards, logits).policy
    if path == "compiled":
        return sum_question(estimators, rewards, policy, n, sizes, seed)
    device = torch.device("cuda" if path == "cuda" else "cpu")
    return sum_question_on_device(estimators, rewards, policy, n, sizes, seed, device)


def moments_by(
    path: str,
    estimators: Sequence[Estimator],
    rewards: np.ndarray,
    logits: np.ndarray,
    n: int,
    sizes: Sequence[int],
    seed: int = 0,
) -> list[MonteCarloMoments]:
    instance = BanditInstance.of(rewards, logits)
    found = sums_by(path, estimators, rewards, logits, n, sizes, seed)
    return [
        MonteCarloMoments.from_segments(
            sums.into_averages(sizes, instance.policy, n, estimator.scale_factor(n)), instance.gradient(estimator.k)
        )
        for estimator, sums in zip(estimators, found, strict=True)
    ]


def draw_by(path: str, logits: np.ndarray, n: int, groups: int, seed: int = 0) -> np.ndarray:
    """Actions of the groups, [groups, n]: each arm pays its own number, and a spy writes the rewards down."""
    seen: list[np.ndarray] = []
    sums_by(path, [spy(seen)], np.arange(float(logits.size)), logits, n, [groups], seed)
    return np.concatenate(seen).astype(np.int64)


def spy(groups: list[np.ndarray], name: str = "spy") -> Estimator:
    """An estimator whose advantages are the rewards' squares by position, and that writes the rewards down."""

    def advantages(rewards: torch.Tensor, k: int) -> torch.Tensor:
        groups.append(rewards.cpu().numpy().copy())
        return (rewards + 0.1) ** 2 / torch.arange(1, rewards.shape[-1] + 1, device=rewards.device)

    return as_estimator(advantages, 2, name=name)
