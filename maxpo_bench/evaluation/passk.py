"""pass@k of a problem from n samples of which c are correct."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_NEGLIGIBLE = 40.0
"""exp(-40) is less than half a unit in the last place of 1."""


def pass_at_k(num_samples: ArrayLike, num_correct: ArrayLike, k: ArrayLike) -> FloatArray:
    """Return the probability that k of the n samples, drawn without replacement, hold at least one correct one.

    ``1 - C(n - c, k) / C(n, k)`` (Chen et al., arXiv 2107.03374, Eq 1), the only unbiased estimator of
    ``1 - (1 - p)^k`` that depends on c alone. "Is one of the first k samples correct" is unbiased as well, but its
    variance is several times larger.

    The ratio of binomials is the product over j < min(c, k) of ``1 - max(c, k) / (n - j)``, summed here as logarithms:
    nothing overflows, and the error is below 1e-12 for n up to 10^5. Factors after which the product is less than
    exp(-40) are left out, so that no element takes more than sqrt(40 n) of them.

    Args:
        num_samples: n, positive integers, any shape [...] or one number for all.
        num_correct: c in [0, n], broadcast against n.
        k: number of draws in [1, n], one number or an array [K].

    Returns:
        [..., K]; without the last axis for a single k, and one number if all arguments are. Exactly 0 for c = 0, and
        exactly 1 for n - c < k.

    Raises:
        TypeError: an argument is not made of integers.
        ValueError: k exceeds the samples of a problem, which leaves pass@k undefined; or a count is out of its range.
    """
    samples, correct = np.broadcast_arrays(_integers(num_samples, "num_samples"), _integers(num_correct, "num_correct"))
    draws = _integers(k, "k")
    _check_ranges(samples, correct, draws)
    pairs, place = np.unique(np.stack([samples.ravel(), correct.ravel()], axis=-1), axis=0, return_inverse=True)
    table = _distinct(pairs, draws.ravel())
    result = table[place.ravel()].reshape(samples.shape + draws.shape)
    return result[()]


def exact_pass_at_k(num_samples: int, num_correct: int, k: int) -> Fraction:
    """Return pass@k of one problem as a fraction.

    Args:
        num_samples: n.
        num_correct: c in [0, n].
        k: in [1, n].

    Raises:
        TypeError: an argument is no integer.
        ValueError: see `pass_at_k`.
    """
    parts = (_integers(num_samples, "num_samples"), _integers(num_correct, "num_correct"), _integers(k, "k"))
    _check_ranges(*parts)
    n, c, draws = (int(part) for part in parts)
    return 1 - Fraction(comb(n - c, draws), comb(n, draws))


def sampling_error(num_samples: ArrayLike, num_correct: ArrayLike) -> float | None:
    """Return the standard error of a benchmark's mean pass@1 that is due to the samples alone.

    ``sqrt(sum_i p_i (1 - p_i) / (n_i - 1)) / P`` with p_i = c_i / n_i, an unbiased estimate of the variance given the
    P problems. A mean over problems is uncertain in two ways: the problems are a sample of those one could have asked,
    and the answers are a sample of those the model could have given. This is the second way alone, for whoever regards
    the problems as fixed; it vanishes as n grows. A bootstrap over problems holds both: each p_i varies around its
    problem's true rate, and that variation is part of the spread between problems.

    Args:
        num_samples: [P].
        num_correct: [P].

    Returns:
        None if a problem has one sample only, which says nothing of its variation.
    """
    samples, correct = np.broadcast_arrays(_integers(num_samples, "num_samples"), _integers(num_correct, "num_correct"))
    _check_ranges(samples, correct, np.ones((), dtype=np.int64))
    if samples.min() < 2:
        return None
    rate = correct / samples
    return float(np.sqrt((rate * (1.0 - rate) / (samples - 1)).sum()) / samples.size)


def _distinct(pairs: IntArray, draws: IntArray) -> FloatArray:
    """Return pass@k for pairs (n, c) `[U, 2]` and draws `[K]`, `[U, K]`."""
    parts = np.broadcast_arrays(pairs[:, :1], pairs[:, 1:], draws[None, :])
    samples, correct, k = (part.ravel() for part in parts)
    few, many = np.minimum(correct, k), np.maximum(correct, k)
    certain = samples - correct < k
    factors = np.where(certain, 0, np.minimum(few, np.ceil(_NEGLIGIBLE * samples / many).astype(np.int64)))
    order = np.argsort(-factors, kind="stable")
    samples, many = samples[order].astype(np.float64), many[order].astype(np.float64)
    # those with more than j factors come first
    unfinished = np.searchsorted(-factors[order], -np.arange(int(factors.max())), side="left")
    logarithm = np.zeros(order.size)
    for j, end in enumerate(unfinished):
        logarithm[:end] += np.log1p(-many[:end] / (samples[:end] - j))
    result = np.empty(order.size)
    result[order] = -np.expm1(logarithm) + 0.0  # no negative zero
    result[certain] = 1.0
    return result.reshape(parts[0].shape)


def _integers(values: ArrayLike, name: str) -> IntArray:
    array = np.asarray(values)
    if array.size == 0:
        raise ValueError(f"{name} is empty: give at least one number")
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be integers, got {array.dtype}")
    return array.astype(np.int64)


def _check_ranges(samples: IntArray, correct: IntArray, draws: IntArray) -> None:
    wrong = np.flatnonzero((correct < 0) | (correct > samples))
    if wrong.size:
        at = int(wrong[0])
        n, c = int(samples.flat[at]), int(correct.flat[at])
        raise ValueError(f"num_correct must be in [0, num_samples], got {c} of {n} samples of problem {at}")
    if draws.min() < 1:
        raise ValueError(f"k must be at least 1, got {int(draws.min())}")
    largest, at = int(draws.max()), int(np.argmin(samples))
    if largest > samples.flat[at]:
        raise ValueError(
            f"k={largest} needs at least {largest} samples of every problem, problem {at} has {int(samples.flat[at])}: "
            "lower k or draw more samples"
        )
