"""max@k: what pass@k becomes where answers are not just right or wrong."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from maxpo_bench.evaluation.passk import FloatArray, pass_at_k

_LARGEST = 1e300
"""Differences of larger scores could overflow."""


def max_at_k(scores: ArrayLike, k: ArrayLike) -> FloatArray:
    """Return the mean over all k-subsets of a problem's n scores of the largest score in the subset.

    The U-statistic, hence unbiased, for the expected maximum of k independent samples, the objective max@K. With the
    scores in ascending order s_1 <= ... <= s_n it is

        s_k + sum_{i > k} (s_i - s_{i-1}) * pass@k(n, n - i + 1),

    since a subset's maximum exceeds s_{i-1} exactly where it holds one of the n - i + 1 samples from s_i on. For scores
    0 and 1 it is `pass_at_k`, to the last bit.

    Args:
        scores: finite, [..., n].
        k: in [1, n], one number or an array [K].

    Returns:
        [..., K]; without the last axis for a single k, and one number for a single k of one problem.

    Raises:
        TypeError: k is not made of integers.
        ValueError: k is not in [1, n], or a score is not finite.
    """
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim == 0 or values.size == 0:
        raise ValueError(f"scores must be [..., n] with n >= 1, got shape {list(values.shape)}")
    if not np.abs(values).max() < _LARGEST:
        raise ValueError(
            f"scores must be finite and below {_LARGEST:g}: leave samples without a score out, or give them one"
        )
    ordered = np.sort(values, axis=-1)
    num_samples = ordered.shape[-1]
    draws = np.asarray(k)
    # [n, K], from the smallest score to the largest; the first, of all samples, is 1
    reached = np.asarray(pass_at_k(num_samples, np.arange(num_samples, 0, -1), draws)).reshape(num_samples, -1)
    gaps = np.diff(ordered, axis=-1)
    columns = [
        ordered[..., each - 1] + gaps[..., each - 1 :] @ reached[each:, column]
        for column, each in enumerate(draws.ravel().tolist())
    ]
    return np.stack(columns, axis=-1).reshape(ordered.shape[:-1] + draws.shape)[()]
