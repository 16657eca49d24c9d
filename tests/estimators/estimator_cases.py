"""What several test files share: names, smallest groups, reward strategies and conversions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

import torch
from hypothesis import strategies as st
from torch import Tensor

from maxpo_bench import estimators
from maxpo_bench.estimators import list_estimators

NAMES = [spec.name for spec in estimators.BUILT_IN]
PIECES = ["conditional_max", "leave_one_out_max", "comparator_max", "max_at_k", "l1o_baseline", "l2o_baseline"]
BINARY = [spec.name for spec in list_estimators() if spec.domain == "binary"]
SMALLEST: dict[str, Callable[[int], int]] = {
    "reinforce_l1o": lambda k: 2,
    "ei": lambda k: k,
    "ei_l1o": lambda k: max(k, 2),
    "ei_l2o": lambda k: k + 1,
    "pkpo_sloo": lambda k: k + 1,
    "pkpo_sloo_minus_one": lambda k: k,
    "passk_analytic": lambda k: k,
    "passk_analytic_std": lambda k: k + 1,
    "all_subsets": lambda k: k,
    "all_subsets_centered": lambda k: k,
    "bon_mean": lambda k: k + 1,
    "ei_mean_centered": lambda k: k,
    "grpo": lambda k: 2,
    "dr_grpo": lambda k: 1,
    "passk_top1": lambda k: 2,
    "conditional_max": lambda k: k,
    "leave_one_out_max": lambda k: k + 1,
    "comparator_max": lambda k: k,
    "max_at_k": lambda k: k,
    "l1o_baseline": lambda k: max(k, 2),
    "l2o_baseline": lambda k: k + 1,
}

levels = st.sampled_from([-3.0, -0.5, 0.0, 0.0, 1.0, 1.0, 2.5])
anything = st.floats(-100, 100, width=32, allow_subnormal=False)
groups = st.integers(2, 7).flatmap(lambda n: st.lists(st.one_of(levels, anything), min_size=n, max_size=n))
binary_groups = st.integers(2, 7).flatmap(lambda n: st.lists(st.sampled_from([0.0, 1.0]), min_size=n, max_size=n))


def function(name: str) -> Callable[..., Tensor]:
    return getattr(estimators, name)


def double(values: Sequence[float | Fraction]) -> Tensor:
    return torch.tensor([float(v) for v in values], dtype=torch.float64)


def sizes(name: str, n: int, up_to: int | None = None) -> list[int]:
    """Objective sizes for which groups of n are large enough."""
    return [k for k in range(1, (up_to or n) + 1) if k <= n and SMALLEST[name](k) <= n]


def sample(name: str, n: int, seed: int = 0, batch: tuple[int, ...] = ()) -> Tensor:
    """Random rewards with ties, in the estimator's domain, float64."""
    generator = torch.Generator().manual_seed(seed)
    if name in BINARY:
        return torch.randint(0, 2, (*batch, n), generator=generator).double()
    values = torch.randn(*batch, n, generator=generator, dtype=torch.float64)
    return torch.where(torch.rand(*batch, n, generator=generator) < 0.4, values.round(), values)


def relative_error(result: Tensor, exact: Tensor) -> float:
    """Largest error over the largest exact value; the error itself where all exact values are 0."""
    size = float(exact.abs().max())
    return float((result.double() - exact).abs().max()) / (size or 1.0)
