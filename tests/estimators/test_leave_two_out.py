"""The leave-two-out construction for arbitrary signals."""

from __future__ import annotations

import itertools

import pytest
import torch
from estimator_cases import sample
from torch import Tensor

from maxpo_bench.estimators import ei_l2o, leave_two_out

SIZES = [(n, k) for n in (2, 3, 5, 7) for k in range(1, n)]


def best(target: Tensor, comparators: Tensor) -> Tensor:
    return torch.cat((target.unsqueeze(-1), comparators), -1).amax(-1)


def wild(comparators: Tensor) -> Tensor:
    return torch.sin(3 * comparators).sum(-1) + comparators.prod(-1) * 2


@pytest.mark.parametrize(("n", "k"), SIZES)
def test_comparator_only_terms_cancel(n: int, k: int) -> None:
    rewards = sample("ei", n, seed=n, batch=(2, 3))
    result = leave_two_out(lambda r, others: best(r, others) - wild(others), rewards, k)
    torch.testing.assert_close(result, ei_l2o(rewards, k), atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize(("n", "k"), SIZES)
def test_any_signal_agrees_with_loops(n: int, k: int) -> None:
    rewards = sample("ei", n, seed=n + 50)

    def signal(target: Tensor, comparators: Tensor) -> Tensor:
        return target.exp() * (1 + comparators.sum(-1)) - comparators.square().sum(-1)

    def averaged(target: int, pool: list[int]) -> float:
        sets = list(itertools.combinations(pool, k - 1))
        return sum(float(signal(rewards[target], rewards[list(s)])) for s in sets) / len(sets)

    def everyone_but(*left_out: int) -> list[int]:
        return [j for j in range(n) if j not in left_out]

    expected = [
        averaged(i, everyone_but(i)) - sum(averaged(j, everyone_but(i, j)) for j in everyone_but(i)) / (n - 1)
        for i in range(n)
    ]
    torch.testing.assert_close(leave_two_out(signal, rewards, k), torch.tensor(expected, dtype=torch.float64))


def test_a_term_of_the_target_itself_does_not_cancel() -> None:
    rewards = sample("ei", 6, seed=1)
    result = leave_two_out(lambda r, others: best(r, others) - r.square(), rewards, 3)
    assert float((result - ei_l2o(rewards, 3)).abs().max()) > 0.1


def test_dtype_and_detachment() -> None:
    rewards = torch.tensor([1.0, 2.0, 4.0], requires_grad=True)
    result = leave_two_out(best, rewards, 2)
    assert result.dtype == torch.float32
    assert not result.requires_grad
    assert result.tolist() == [-1.0, -1.0, 2.0]
    assert leave_two_out(best, torch.tensor([1, 2, 4]), 2).tolist() == [-1.0, -1.0, 2.0]
    assert leave_two_out(best, torch.zeros(0, 3), 2).shape == (0, 3)


def test_bad_arguments_raise() -> None:
    with pytest.raises(ValueError, match="needs at least 4 samples per group for leave_two_out"):
        leave_two_out(best, torch.zeros(3), 3)
    with pytest.raises(ValueError, match="every subset"):
        leave_two_out(best, torch.zeros(40), 20)
    with pytest.raises(ValueError, match="signal must return shape"):
        leave_two_out(lambda r, others: others, torch.zeros(4), 3)
