"""Every estimator and piece against its definition in exact fractions over all subsets."""

from __future__ import annotations

import brute
import pytest
import torch
from estimator_cases import (
    BINARY,
    NAMES,
    PIECES,
    SMALLEST,
    binary_groups,
    double,
    function,
    groups,
    relative_error,
    sample,
    sizes,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from integers import ExactGroup

TOLERANCE = 1e-12


def error(result: torch.Tensor, exact: torch.Tensor, rewards: list[float]) -> float:
    """Error over the largest value or, for results that cancel to nothing, over the rewards' own rounding."""
    size = max(float(exact.abs().max()), 1e-3 * max(map(abs, rewards)), 1e-30)
    return float((result - exact).abs().max()) / size


@pytest.mark.parametrize("name", [*NAMES, *PIECES])
def test_definition(name: str) -> None:
    @settings(max_examples=25, deadline=None, derandomize=True, database=None)
    @given(rewards=binary_groups if name in BINARY else st.one_of(groups, binary_groups), data=st.data())
    def check(rewards: list[float], data: st.DataObject) -> None:
        allowed = sizes(name, len(rewards))
        k = data.draw(st.sampled_from(allowed)) if allowed else None
        if k is None:
            return
        exact = double(brute.BY_NAME[name](rewards, k))
        result = function(name)(torch.tensor(rewards, dtype=torch.float64), k)
        assert error(result.reshape(-1), exact, rewards) <= TOLERANCE, (rewards, k)

    check()


@pytest.mark.parametrize("name", [*NAMES, *PIECES])
@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_every_objective_size(name: str, n: int) -> None:
    for k in sizes(name, n):
        rewards = sample(name, n, seed=n)
        exact = double(brute.BY_NAME[name](rewards.tolist(), k))
        assert error(function(name)(rewards, k).reshape(-1), exact, rewards.tolist()) <= TOLERANCE, k


@pytest.mark.parametrize("name", NAMES)
def test_exact_integers_agree_with_the_definition(name: str) -> None:
    for n in (2, 4, 6):
        for k in sizes(name, n):
            rewards = sample(name, n, seed=10 * n + k).tolist()
            assert (
                relative_error(double(ExactGroup(rewards, k).values(name)), double(brute.BY_NAME[name](rewards, k)))
                < 1e-14
            )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("n", "k"), [(16, 4), (16, 15), (64, 7), (512, 300)])
def test_float64_of_larger_groups(name: str, n: int, k: int) -> None:
    rewards = sample(name, n, seed=n + k)
    if name in BINARY:
        rewards = (torch.arange(n) < n // 8).double()
    exact = double(ExactGroup(rewards.tolist(), k).values(name))
    assert relative_error(function(name)(rewards, k), exact) <= 2e-13


def test_smallest_groups_are_those_of_the_definitions() -> None:
    assert set(SMALLEST) == set(NAMES) | set(PIECES) == set(brute.BY_NAME)
