"""Ratios of binomials against Python's fractions, and the sort that gap sums rest on."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
import torch

from maxpo_bench.estimators.binomials import binomial_ratios, complements, ratios
from maxpo_bench.estimators.checks import check_spread
from maxpo_bench.estimators.gaps import POSITION, SMALL, positions, sort_values

HALF_UNIT = Fraction(1001, 1000) / 2**53
SIZES = [(0, 0), (1, 1), (3, 0), (7, 3), (40, 39), (1000, 500), (5000, 4), (5000, 4000)]


@pytest.mark.parametrize(("n", "k"), SIZES)
def test_ratios_are_correctly_rounded(n: int, k: int) -> None:
    whole, values, rest = math.comb(n, k), ratios(n, k), complements(n, k)
    mantissas, exponents = binomial_ratios(n, k)
    assert len(values) == len(rest) == len(mantissas) == len(exponents) == n + 1
    for x in range(0, n + 1, max(1, n // 100)):
        exact = Fraction(math.comb(x, k), whole)
        assert abs(Fraction(values[x]) - exact) <= exact * HALF_UNIT + Fraction(1, 2**1074)
        assert abs(Fraction(mantissas[x]) * Fraction(2) ** exponents[x] - exact) <= exact * HALF_UNIT
        assert abs(Fraction(rest[x]) - (1 - exact)) <= (1 - exact) * HALF_UNIT
        assert mantissas[x] == 0 or 0.5 <= mantissas[x] < 1


def test_what_underflows_keeps_its_digits_as_mantissa_and_exponent() -> None:
    mantissas, exponents = binomial_ratios(5000, 4000)
    assert ratios(5000, 4000)[4000] == 0.0
    assert 0.5 <= mantissas[4000] < 1
    assert exponents[4000] < -1100


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("n", [1, 2, SMALL - 1, SMALL, 100, 1000])
def test_sort_gives_the_values_exactly_and_where_they_come_from(n: int, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(n)
    normal = torch.randn(5, n, generator=generator, dtype=torch.float64)
    for rewards in (normal, normal.round(), normal * 1e-7, -normal.abs(), normal * 0, torch.full((5, n), -0.0)):
        rewards = rewards.to(dtype)
        before = rewards.clone()
        values, order = sort_values(rewards)
        assert torch.equal(rewards, before)
        assert values.dtype == torch.float64
        assert torch.equal(values, rewards.double().sort(-1).values)
        assert torch.equal(rewards.gather(-1, order).double(), values)
        assert torch.equal(order.sort(-1).values, torch.arange(n).expand(5, n))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("value", [float("nan"), -float("nan"), float("inf"), -float("inf")])
def test_an_end_of_the_sorted_group_shows_what_is_not_finite(value: float, dtype: torch.dtype) -> None:
    for n in (4, 40):
        for place in range(0, n, 3):
            rewards = torch.linspace(-1, 1, n, dtype=dtype).repeat(3, 1)
            rewards[1, place] = value
            values, order = sort_values(rewards)
            ends = values[1, [0, -1]]
            assert not bool(torch.isfinite(ends).all())
            assert bool(((order >= 0) & (order < n)).all())
            assert bool(torch.isfinite(values[[0, 2]]).all())


def test_minus_infinity_at_the_upper_end_is_noticed() -> None:
    """Where a sort takes infinities with a position for NaN, as numbers with a position are."""
    rewards = torch.tensor([0.0, -float("inf")])
    with pytest.raises(ValueError, match="must be finite, got -inf at index 1"):
        check_spread(rewards, rewards[0].double(), rewards[1].double(), torch.float32)


def test_groups_too_large_for_positions_raise() -> None:
    with pytest.raises(ValueError, match=f"at most {POSITION} samples, got {POSITION + 1}: split them"):
        positions(POSITION + 1)
