"""EI with half of the leave-two-out baseline: between `ei` (none of it) and `ei_l2o` (all of it)."""

import torch

from maxpo_bench.estimators import ei, l2o_baseline

SHARE = 0.5


def advantages(rewards: torch.Tensor, k: int) -> torch.Tensor:
    """Return EI_i - B_i / 2; B_i depends on the other samples only, so any share of it leaves the estimate unbiased.

    Args:
        rewards: real rewards [groups, n].
        k: objective size K of max@K.

    Returns:
        Advantages [groups, n].
    """
    return ei(rewards, k) - SHARE * l2o_baseline(rewards, k)
