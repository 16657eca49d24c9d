"""The compiled part of the mean reward's estimators: rewards less their group's mean, to the last bit as in torch.

Importing this module imports Numba, so import it where it is used.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from maxpo_bench.compiled import compiled

Array = NDArray[Any]


@compiled
def fill_less_mean(rewards: Array, largest: float, result: Array) -> bool:
    """Fill ``result`` `[G, n]` by the rewards less their mean; return whether no spread exceeds ``largest``.

    The steps are those of `mean_reward.less_mean` and `mean_reward.mean_of_shares` with two pieces: the sums of the
    pieces are exact, so that their order does not matter.

    Args:
        rewards: float64, `[G, n]`.
        largest: number that the difference of two rewards of a group may reach.
        result: written, float64, `[G, n]`.
    """
    groups, n = rewards.shape
    for g in range(groups):
        low, high = rewards[g, 0], rewards[g, 0]
        for i in range(n):
            if not np.isfinite(rewards[g, i]):
                return False
            low, high = min(low, rewards[g, i]), max(high, rewards[g, i])
        if not high - low <= largest:
            return False
        scale = high - low if high > low else 1.0
        upper, lower = 0.0, 0.0
        for i in range(n):
            share = (rewards[g, i] - low) / scale
            result[g, i] = share
            whole = np.rint(share * 2.0**26)
            upper += whole
            lower += np.rint((share * 2.0**26 - whole) * 2.0**26)
        mean = (upper * 2.0**-26 + lower * 2.0**-52) / n
        for i in range(n):
            result[g, i] = (result[g, i] - mean) * scale
    return True
