"""Every estimator by its definition, in exact fractions over all subsets; shares no code with the package.

Square roots are the only floats, taken of exact fractions.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction

Exact = list[Fraction]
Rewards = Sequence[Fraction | float | int]


def mean(values: Iterable[Fraction]) -> Fraction:
    listed = list(values)
    return sum(listed, Fraction(0)) / len(listed)


def subsets(pool: Iterable[int], size: int) -> Iterable[tuple[int, ...]]:
    return itertools.combinations(pool, size)


def fractions(rewards: Rewards) -> Exact:
    return [Fraction(r) for r in rewards]


def others(n: int, *left_out: int) -> list[int]:
    return [j for j in range(n) if j not in left_out]


def best(r: Exact, chosen: Iterable[int]) -> Fraction:
    return max((r[j] for j in chosen), default=Fraction(0))


def improvement(r: Exact, target: int, pool: list[int], k: int) -> Fraction:
    """EI of one sample against the (k-1)-subsets of a pool; the reward itself at k = 1."""
    if k == 1:
        return r[target]
    return mean(max(r[target] - best(r, s), Fraction(0)) for s in subsets(pool, k - 1))


def ei(rewards: Rewards, k: int) -> Exact:
    r = fractions(rewards)
    return [improvement(r, i, others(len(r), i), k) for i in range(len(r))]


def conditional_max(rewards: Rewards, k: int) -> Exact:
    r = fractions(rewards)
    n = len(r)
    return [mean(best(r, (i, *s)) for s in subsets(others(n, i), k - 1)) for i in range(n)]


def leave_one_out_max(rewards: Rewards, k: int) -> Exact:
    r = fractions(rewards)
    n = len(r)
    return [mean(best(r, t) for t in subsets(others(n, i), k)) for i in range(n)]


def comparator_max(rewards: Rewards, k: int) -> Exact:
    r = fractions(rewards)
    n = len(r)
    return [mean(best(r, s) for s in subsets(others(n, i), k - 1)) for i in range(n)]


def max_at_k(rewards: Rewards, k: int) -> Exact:
    r = fractions(rewards)
    return [mean(best(r, t) for t in subsets(range(len(r)), k))]


def l1o_baseline(rewards: Rewards, k: int) -> Exact:
    signal = ei(rewards, k)
    return [mean(signal[j] for j in others(len(signal), i)) for i in range(len(signal))]


def l2o_baseline(rewards: Rewards, k: int) -> Exact:
    r = fractions(rewards)
    n = len(r)
    return [mean(improvement(r, j, others(n, i, j), k) for j in others(n, i)) for i in range(n)]


def minus(left: Exact, right: Exact) -> Exact:
    return [a - b for a, b in zip(left, right, strict=True)]


def times(values: Exact, factor: Fraction) -> Exact:
    return [factor * v for v in values]


def less_mean(values: Exact) -> Exact:
    return [v - mean(values) for v in values]


def z_score(values: Exact, eps: float = 0.0, ddof: int = 1) -> list[float]:
    centred = less_mean(values)
    variance = sum((v * v for v in centred), Fraction(0)) / (len(values) - ddof)
    return [float(v) / (math.sqrt(variance) + eps) if variance else 0.0 for v in centred]


def pkpo_sloo(rewards: Rewards, k: int) -> Exact:
    n = len(rewards)
    own = times(conditional_max(rewards, k), Fraction(k, n))
    return minus(own, times(leave_one_out_max(rewards, k), Fraction(k, n - 1)))


def passk_analytic(rewards: Rewards, k: int) -> Exact:
    (rho,) = max_at_k(rewards, k)
    return [r - rho for r in conditional_max(rewards, k)]


def passk_analytic_std(rewards: Rewards, k: int) -> list[float]:
    (rho,) = max_at_k(rewards, k)
    variance = rho * (1 - rho)
    return [float(a) / math.sqrt(variance) if variance else 0.0 for a in passk_analytic(rewards, k)]


def all_subsets(rewards: Rewards, k: int) -> Exact:
    return times(conditional_max(rewards, k), Fraction(k, len(rewards)))


def reinforce_l1o(rewards: Rewards, k: int) -> Exact:
    r = fractions(rewards)
    return [r[i] - mean(r[j] for j in others(len(r), i)) for i in range(len(r))]


def passk_top1(rewards: Rewards, k: int) -> Exact:
    r = fractions(rewards)
    return [improvement(r, i, others(len(r), i), len(r)) for i in range(len(r))]


BY_NAME: dict[str, Callable[[Rewards, int], Sequence[Fraction | float]]] = {
    "reinforce_l1o": reinforce_l1o,
    "ei": ei,
    "ei_l1o": lambda r, k: minus(ei(r, k), l1o_baseline(r, k)),
    "ei_l2o": lambda r, k: minus(ei(r, k), l2o_baseline(r, k)),
    "pkpo_sloo": pkpo_sloo,
    "pkpo_sloo_minus_one": lambda r, k: times(ei(r, k), Fraction(k, len(r))),
    "passk_analytic": passk_analytic,
    "passk_analytic_std": passk_analytic_std,
    "all_subsets": all_subsets,
    "all_subsets_centered": lambda r, k: less_mean(all_subsets(r, k)),
    "bon_mean": lambda r, k: z_score(all_subsets(r, k)),
    "ei_mean_centered": lambda r, k: less_mean(ei(r, k)),
    "grpo": lambda r, k: z_score(fractions(r), eps=1e-4),
    "dr_grpo": lambda r, k: less_mean(fractions(r)),
    "passk_top1": passk_top1,
    "conditional_max": conditional_max,
    "leave_one_out_max": leave_one_out_max,
    "comparator_max": comparator_max,
    "max_at_k": max_at_k,
    "l1o_baseline": l1o_baseline,
    "l2o_baseline": l2o_baseline,
}
