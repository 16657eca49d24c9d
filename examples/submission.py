"""EI with half of the leave-two-out baseline: between `ei` (none of it) and `ei_l2o` (all of it).

name: half_l2o
scale: K/n
min_group_size: k+1
authors: the maxpo_bench developers
licence: MIT

A template: replace the body of `advantages`, then run `maxpo-bench submit examples/submission.py`. Each B_i depends on
the other samples only, so any share of it keeps the gradient estimate unbiased; the leaderboard tells how noisy it is.
"""

import torch

from maxpo_bench.estimators import ei, l2o_baseline

SHARE = 0.5


def advantages(rewards: torch.Tensor, k: int) -> torch.Tensor:
    """Return one advantage per reward; rewards [groups, n]."""
    return ei(rewards, k) - SHARE * l2o_baseline(rewards, k)
