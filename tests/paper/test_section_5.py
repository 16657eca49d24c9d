"""Section 5's metric: the unbiased pass@k of a benchmark question."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import pytest
import torch
from exact import rho
from float_check import assert_matches
from reward_groups import binary

from maxpo_bench import estimators


def pass_at_k(n: int, c: int, k: int) -> torch.Tensor:
    """Return the package's value as a float64 tensor."""
    return torch.as_tensor(estimators.pass_at_k(n, c, k), dtype=torch.float64)


@pytest.mark.parametrize("n", range(1, 8))
def test_eq_12_pass_at_k_is_the_share_of_k_groups_with_a_success(n: int):
    """1 - C(n-c, k) / C(n, k) counts the k-subsets of n completions that hold one of the c correct ones."""
    for c in range(n + 1):
        for k in range(1, n + 1):
            formula = 1 - Fraction(comb(n - c, k), comb(n, k))
            assert formula == rho(binary(n, c), k)
            assert_matches(pass_at_k(n, c, k), formula)


def test_eq_12_pass_at_k_of_many_questions_and_many_k_at_once():
    """Questions along rows, k along columns: each cell has its own number of factors."""
    n, c, k = 6, torch.arange(7), torch.arange(1, 7)
    table = estimators.pass_at_k(torch.tensor(n), c[:, None], k[None, :])
    expected = [1 - Fraction(comb(n - i, j), comb(n, j)) for i in range(7) for j in range(1, 7)]
    assert_matches(table, expected)


@pytest.mark.parametrize(("numerator", "k"), [(1, 1), (1, 3), (2, 2), (3, 5)])
def test_eq_12_pass_at_k_is_unbiased_for_each_success_probability(numerator: int, k: int):
    """Its mean over the binomial number of successes is 1 - (1 - p)^k."""
    n, p = 6, Fraction(numerator, 5)
    chances = [comb(n, c) * p**c * (1 - p) ** (n - c) for c in range(n + 1)]
    values = [1 - Fraction(comb(n - c, k), comb(n, k)) for c in range(n + 1)]
    assert sum(w * v for w, v in zip(chances, values, strict=True)) == 1 - (1 - p) ** k
    measured = sum(float(w) * pass_at_k(n, c, k) for c, w in enumerate(chances))
    assert_matches(torch.as_tensor(measured), 1 - (1 - p) ** k)
