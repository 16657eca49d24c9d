"""The sampled moments by their definition: a plain loop, one group at a time, its gradient a vector over the arms."""

from __future__ import annotations

import numpy as np
import torch

from maxpo_bench.estimators import Estimator


def plain_moments(
    estimator: Estimator, arm_rewards: np.ndarray, logits: np.ndarray, actions: np.ndarray
) -> tuple[np.ndarray, float]:
    """Mean [A] and total variance (trace of the sample covariance) over the groups ``actions`` [M, n]."""
    policy = np.exp(logits - logits.max())
    policy /= policy.sum()
    mean, spread = np.zeros(policy.size), 0.0
    for count, group in enumerate(actions, start=1):
        advantages = estimator(torch.from_numpy(arm_rewards[group])).numpy()
        gradient = -advantages.sum() * policy
        np.add.at(gradient, group, advantages)
        gradient *= estimator.scale_factor(group.size)
        step = gradient - mean
        mean += step / count
        spread += step @ (gradient - mean)
    return mean, spread / (len(actions) - 1)
