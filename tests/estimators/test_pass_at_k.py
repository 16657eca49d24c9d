"""pass@k: exact against binomials of Python integers, broadcast, stable, and picky."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maxpo_bench.estimators import counting, pass_at_k


def exact(n: int, c: int, k: int) -> float:
    return float(1 - Fraction(math.comb(n - c, k), math.comb(n, k)))


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))))
def test_integers_agree_with_binomials(case: tuple[int, int, int]) -> None:
    result = pass_at_k(*case)
    assert isinstance(result, float)
    assert result == pytest.approx(exact(*case), rel=1e-12, abs=0)


@pytest.mark.parametrize(
    ("n", "c", "k"), [(100_000, 1, 1), (100_000, 1, 50_000), (100_000, 7, 3), (100_000, 30, 2_000)]
)
def test_large_counts_keep_relative_accuracy(n: int, c: int, k: int) -> None:
    assert pass_at_k(n, c, k) == pytest.approx(exact(n, c, k), rel=1e-11, abs=0)


def test_certain_and_impossible() -> None:
    assert pass_at_k(5, 0, 5) == 0.0
    assert math.copysign(1, pass_at_k(5, 0, 5)) == 1.0
    assert pass_at_k(5, 5, 1) == 1.0
    assert pass_at_k(5, 3, 3) == 1.0
    assert pass_at_k(100_000, 60_000, 50_000) == 1.0


def test_tensors_broadcast() -> None:
    c = torch.tensor([0, 1, 4, 8])
    k = torch.tensor([[1], [2], [8]])
    result = pass_at_k(8, c, k)
    assert isinstance(result, torch.Tensor)
    assert result.dtype == torch.float64
    expected = [[exact(8, int(i), int(j)) for i in c] for j in k]
    torch.testing.assert_close(result, torch.tensor(expected, dtype=torch.float64), rtol=1e-13, atol=0)
    sizes = torch.tensor([4, 8, 16, 8])
    torch.testing.assert_close(
        pass_at_k(sizes, c, 2),
        torch.tensor([exact(int(n), int(i), 2) for n, i in zip(sizes, c, strict=True)], dtype=torch.float64),
    )
    assert pass_at_k(8, torch.zeros(0, dtype=torch.long), 2).shape == (0,)


def test_large_batches_are_done_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = torch.arange(65)
    whole = pass_at_k(64, counts, 20)
    monkeypatch.setattr(counting, "CHUNK", 200)
    torch.testing.assert_close(pass_at_k(64, counts, 20), whole, rtol=1e-14, atol=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 0, 1), "n must be >= 1"),
        ((4, 5, 1), "c must be between 0 and n"),
        ((4, -1, 1), "c must be an integer >= 0"),
        ((4, 1, 5), "k must be between 1 and n: lower k or draw more samples; got n=4, c=1, k=5"),
        ((4, 1, 0), "k must be between 1 and n"),
        ((4, torch.tensor([1, 2, 7]), 2), r"c must be between 0 and n.*got n=4, c=7, k=2 at index 2"),
    ],
)
def test_values_out_of_range_raise(arguments: tuple[int, int, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pass_at_k(*arguments)


@pytest.mark.parametrize("bad", [1.0, True, "1", torch.tensor([1.0]), torch.tensor([True]), None])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_no_integers_raise(bad: object, place: int) -> None:
    arguments: list[object] = [4, 2, 1]
    arguments[place] = bad
    with pytest.raises(TypeError, match="integer"):
        pass_at_k(*arguments)
