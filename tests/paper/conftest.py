"""Fixtures of the paper's tests: small bandits with group sizes whose batches can all be enumerated."""

from __future__ import annotations

import pytest
from exact_bandits import BANDITS, Bandit

SIZES = [(2, 1), (3, 2), (4, 1), (4, 2), (4, 3), (5, 3)]


@pytest.fixture(params=list(BANDITS))
def bandit(request: pytest.FixtureRequest) -> Bandit:
    """A rational bandit."""
    return BANDITS[request.param]


@pytest.fixture(params=SIZES, ids=lambda size: f"n{size[0]}-k{size[1]}")
def size(request: pytest.FixtureRequest) -> tuple[int, int]:
    """A group size n and an objective size K <= n - 1."""
    return request.param


@pytest.fixture(params=[s for s in SIZES if s[1] > 1], ids=lambda size: f"n{size[0]}-k{size[1]}")
def size_with_comparators(request: pytest.FixtureRequest) -> tuple[int, int]:
    """A group size n and an objective size 2 <= K <= n - 1."""
    return request.param
