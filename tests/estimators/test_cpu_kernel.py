"""The fused CPU path against the torch formula."""

from __future__ import annotations

import pytest
import torch

from maxpo_bench.estimators import cpu_kernel
from maxpo_bench.estimators.gaps import canonical_weights


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n", [2, 16, 100])
def test_equals_the_torch_formula(n: int, dtype: torch.dtype) -> None:
    rewards = torch.randn(5, n, dtype=dtype, generator=torch.Generator().manual_seed(n))
    weights = canonical_weights(n, min(4, n - 1), torch.device("cpu"))
    values, order = rewards.double().sort(-1)
    sums = torch.cat((torch.zeros(5, 1, dtype=torch.float64), (values.diff() * weights).cumsum(-1)), -1)
    expected = torch.empty_like(sums).scatter_(-1, order, sums - sums.mean(-1, keepdim=True)).to(dtype)
    result, fits = cpu_kernel.gap_sums(rewards, weights, centred=True)
    assert fits
    assert float((result - expected).abs().max() / expected.abs().max()) <= (
        2.5e-7 if dtype == torch.float32 else 1e-14
    )
