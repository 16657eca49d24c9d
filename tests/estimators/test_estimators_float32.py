"""float32 and the half types: within rounding of the exact value of the same inputs, whatever n, ties and offset."""

from __future__ import annotations

import pytest
import torch
from estimator_cases import BINARY, NAMES, double, function, relative_error, sample
from integers import ExactGroup
from torch import Tensor

LIMIT = 2.5e-7
KINDS = ["smooth", "ties", "binary", "offset"]
SIZES = [(2, 1), (8, 7), (16, 4), (100, 50), (1024, 3), (1024, 900), (16384, 4)]
CASES = [(n, k, kind) for n, k in SIZES for kind in KINDS] + [(16384, 8192, kind) for kind in KINDS[1:]]


def rewards_of(kind: str, n: int) -> Tensor:
    generator = torch.Generator().manual_seed(n)
    smooth = torch.randn(n, generator=generator)
    if kind == "ties":
        return (3 * smooth).round()
    if kind == "binary":
        return (torch.rand(n, generator=generator) < 0.1).float()
    return (8 * smooth).round() / 8 + 1e4 if kind == "offset" else smooth


@pytest.mark.parametrize(("n", "k", "kind"), CASES)
def test_float32_is_within_rounding_of_the_exact_value(n: int, k: int, kind: str) -> None:
    rewards = rewards_of(kind, n)
    group = ExactGroup(rewards.tolist(), k)
    for name in NAMES:
        if name in BINARY and kind != "binary":
            continue
        exact = double(group.values(name))
        result = function(name)(rewards, k)
        assert result.dtype == torch.float32
        if float(exact.abs().max()) < 1e-37:
            assert float(result.abs().max()) <= 1e-37, name
        else:
            assert relative_error(result, exact) <= LIMIT, name


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_types_are_rounded_once(name: str, dtype: torch.dtype) -> None:
    rewards = sample(name, 16, seed=4).to(dtype)
    result = function(name)(rewards, 4)
    assert result.dtype == dtype
    assert torch.equal(result, function(name)(rewards.double(), 4).to(dtype))


@pytest.mark.parametrize("name", [name for name in NAMES if name not in BINARY])
@pytest.mark.parametrize("factor", [1e-150, 1e150])
def test_extreme_scales_survive_in_float64(name: str, factor: float) -> None:
    rewards = sample(name, 12, seed=5) * factor
    exact = double(ExactGroup(rewards.tolist(), 3).values(name))
    assert relative_error(function(name)(rewards, 3), exact) <= 1e-12


@pytest.mark.parametrize("k", [2048, 8192])
def test_normalised_forms_do_not_underflow_with_the_advantage(k: int) -> None:
    n = 16384
    rewards = (torch.arange(n) % 2).double()
    assert float(function("ei_l2o")(rewards, k).abs().max()) < 1e-300
    exact = double(ExactGroup(rewards.tolist(), k).values("bon_mean"))
    assert relative_error(function("bon_mean")(rewards, k), exact) <= 1e-9
    assert float(exact.max()) > 0.9


def test_small_pass_probability_keeps_its_digits() -> None:
    rewards = (torch.arange(4096) == 7).double()
    exact = double(ExactGroup(rewards.tolist(), 2).values("passk_analytic_std"))
    assert relative_error(function("passk_analytic_std")(rewards, 2), exact) <= 1e-13
