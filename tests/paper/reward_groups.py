"""The groups of rewards that the identities are checked on, and marks that run a test over them.

All rewards are multiples of 1/8, so that float64 holds them exactly.
"""

from __future__ import annotations

import random
from fractions import Fraction

import pytest
from exact import Rewards


def eighths(seed: str, n: int, low: int, high: int) -> Rewards:
    """Return n random multiples of 1/8 between low and high."""
    generator = random.Random(seed)
    return tuple(Fraction(generator.randint(8 * low, 8 * high), 8) for _ in range(n))


def few_levels(seed: str, n: int, levels: tuple[Fraction, ...]) -> Rewards:
    """Return n random rewards with many ties."""
    generator = random.Random(seed)
    return tuple(generator.choice(levels) for _ in range(n))


def binary(n: int, successes: int) -> Rewards:
    """Return ``successes`` ones spread among n rewards of 0 or 1."""
    rewards = [Fraction(int(i < successes)) for i in range(n)]
    random.Random(f"{n}/{successes}").shuffle(rewards)
    return tuple(rewards)


HALF = Fraction(1, 2)
GROUPS: dict[str, Rewards] = {
    "pair": eighths("pair", 2, -3, 3),
    "three": eighths("three", 3, -3, 3),
    "mixed_signs": eighths("mixed_signs", 5, -4, 4),
    "negative": (Fraction(-3), Fraction(-1), Fraction(-3), Fraction(-11, 8)),
    "offset": eighths("offset", 4, 1000, 1002),
    "ties": few_levels("ties", 6, (Fraction(-1), Fraction(0), HALF, Fraction(2))),
    "tied_maximum": (Fraction(2), Fraction(1), Fraction(2), Fraction(-1)),
    "constant": (Fraction(3, 4),) * 3,
    "binary": binary(5, 2),
}
BINARY_GROUPS: dict[str, Rewards] = {
    f"{successes}_of_{n}": binary(n, successes) for n in (2, 4, 5) for successes in range(n + 1)
}


def over_groups(groups: dict[str, Rewards], *, smallest_k: int = 1, spare: int = 0) -> pytest.MarkDecorator:
    """Run a test of ``(rewards, k)`` for every group and every k from ``smallest_k`` to n - spare."""
    cases = [
        pytest.param(rewards, k, id=f"{name}-k{k}")
        for name, rewards in groups.items()
        for k in range(smallest_k, len(rewards) - spare + 1)
    ]
    return pytest.mark.parametrize(("rewards", "k"), cases)


every_k = over_groups(GROUPS)
every_k_with_comparators = over_groups(GROUPS, smallest_k=2)
every_k_below_n = over_groups(GROUPS, spare=1)
every_k_below_n_with_comparators = over_groups(GROUPS, smallest_k=2, spare=1)
every_binary_k = over_groups(BINARY_GROUPS)
every_binary_k_below_n = over_groups(BINARY_GROUPS, spare=1)
