"""Exact bias and variance of estimators on large bandits, one's own among them, without sampling.

`exact_moments` takes every estimator that is a sum over reward gaps, which it finds out by itself; `gradient_moments`
takes the others, one bandit at a time.
"""

import numpy as np
import torch

from maxpo_bench.estimators import as_estimator, ei, get_estimator, l2o_baseline
from maxpo_bench.moments import BanditMoments, exact_moments

K, N = 4, 16


def half_l2o(rewards: torch.Tensor, k: int) -> torch.Tensor:
    return ei(rewards, k) - 0.5 * l2o_baseline(rewards, k)


def main() -> dict[str, BanditMoments]:
    rewards, logits = np.random.default_rng(0).standard_normal((2, 10, 1000))  # 10 bandits of 1000 arms
    estimators = [*(get_estimator(name, K) for name in ("ei", "ei_l2o", "ei_l1o")), as_estimator(half_l2o, K)]
    found = exact_moments(estimators, rewards, logits, N)
    ours = {estimator.name: moments for estimator, moments in zip(estimators, found, strict=True)}
    for name, moments in ours.items():
        print(f"{name:10} {moments}")
    return ours


if __name__ == "__main__":
    main()
