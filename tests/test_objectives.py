"""The exact bandit objectives against enumeration of all draws, and against automatic differentiation."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from maxpo_bench.objectives import expected_improvement, max_at_k_gradient, max_at_k_value

REWARDS = {
    "distinct": [0.3, -1.0, 2.0, 0.9],
    "tied top": [1.0, 1.0, 0.0, -2.0],
    "tied below": [0.0, 3.0, 0.0, 1.0],
    "binary": [0.0, 1.0, 0.0, 1.0],
    "constant": [2.0, 2.0, 2.0, 2.0],
    "one arm": [1.5],
}
FUNCTIONS: list[Callable[[Tensor, Tensor, int], Tensor]] = [expected_improvement, max_at_k_value, max_at_k_gradient]


def bandit(name: str) -> tuple[Tensor, Tensor]:
    rewards = torch.tensor(REWARDS[name], dtype=torch.float64)
    return torch.randn(len(rewards), generator=torch.Generator().manual_seed(3), dtype=torch.float64), rewards


def enumerated(logits: Tensor, rewards: Tensor, k: int, value: Callable[[tuple[int, ...]], float]) -> float:
    """Expectation of a function of k draws."""
    policy = logits.softmax(-1).tolist()
    total = 0.0
    for draws in itertools.product(range(len(policy)), repeat=k):
        chance = 1.0
        for arm in draws:
            chance *= policy[arm]
        total += chance * value(draws)
    return total


@pytest.mark.parametrize("name", REWARDS)
@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_value_is_the_mean_of_the_maximum(name: str, k: int) -> None:
    logits, rewards = bandit(name)
    expected = enumerated(logits, rewards, k, lambda draws: max(float(rewards[a]) for a in draws))
    assert float(max_at_k_value(logits, rewards, k)) == pytest.approx(expected, rel=1e-13, abs=1e-14)


@pytest.mark.parametrize("name", REWARDS)
@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_expected_improvement_is_the_mean_gain_over_the_others(name: str, k: int) -> None:
    logits, rewards = bandit(name)
    for arm, reward in enumerate(rewards.tolist()):

        def gain(draws: tuple[int, ...], reward: float = reward) -> float:
            return max(reward - max(float(rewards[a]) for a in draws), 0.0) if draws else reward

        expected = enumerated(logits, rewards, k - 1, gain)
        assert float(expected_improvement(logits, rewards, k)[arm]) == pytest.approx(expected, rel=1e-13, abs=1e-14)


@pytest.mark.parametrize("name", REWARDS)
@pytest.mark.parametrize("k", [1, 2, 3, 17])
def test_gradient_is_that_of_the_value(name: str, k: int) -> None:
    logits, rewards = bandit(name)
    logits.requires_grad_()
    (expected,) = torch.autograd.grad(max_at_k_value(logits, rewards, k), logits)
    result = max_at_k_gradient(logits, rewards, k).detach()
    torch.testing.assert_close(result, expected, rtol=1e-12, atol=1e-14)
    assert float(result.sum().abs()) < 1e-14


@pytest.mark.parametrize("name", REWARDS)
@pytest.mark.parametrize("k", [1, 2, 4])
def test_gradient_is_the_centred_improvement_under_the_policy(name: str, k: int) -> None:
    logits, rewards = bandit(name)
    policy, gain = logits.softmax(-1), expected_improvement(logits, rewards, k)
    mean = (policy * gain).sum()
    torch.testing.assert_close(max_at_k_gradient(logits, rewards, k), k * policy * (gain - mean))
    below = max_at_k_value(logits, rewards, k - 1) if k > 1 else torch.zeros((), dtype=torch.float64)
    torch.testing.assert_close(mean, max_at_k_value(logits, rewards, k) - below)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_batches_and_broadcasting(function: Callable[[Tensor, Tensor, int], Tensor]) -> None:
    generator = torch.Generator().manual_seed(5)
    logits = torch.randn(3, 1, 6, generator=generator, dtype=torch.float64)
    rewards = torch.randn(2, 6, generator=generator, dtype=torch.float64).round()
    result = function(logits, rewards, 3)
    assert result.shape == ((3, 2) if function is max_at_k_value else (3, 2, 6))
    for i in range(3):
        for j in range(2):
            torch.testing.assert_close(result[i, j], function(logits[i, 0], rewards[j], 3), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_dtypes(function: Callable[[Tensor, Tensor, int], Tensor]) -> None:
    logits, rewards = bandit("binary")
    exact = function(logits.float().double(), rewards, 3)
    for values in (rewards, rewards.float(), rewards.long(), rewards.bool()):
        single = function(logits.float(), values, 3)
        assert single.dtype == torch.float32
        torch.testing.assert_close(single, exact.float(), rtol=0, atol=0)


def test_tied_arms_share_their_improvement() -> None:
    logits, rewards = bandit("tied top")
    gain = expected_improvement(logits, rewards, 4)
    assert gain[0] == gain[1]
    assert gain[3] == 0


def test_an_offset_of_the_rewards_costs_nothing() -> None:
    logits, rewards = bandit("binary")
    exact = max_at_k_gradient(logits, rewards, 4)
    torch.testing.assert_close(max_at_k_gradient(logits, rewards + 2.0**40, 4), exact, rtol=1e-14, atol=0)


def test_rare_and_certain_arms_keep_relative_accuracy() -> None:
    rewards = torch.tensor([1.0, 0.0], dtype=torch.float64)
    rare = torch.tensor([-30.0, 0.0], dtype=torch.float64, requires_grad=True)
    chance = float(torch.tensor(-30.0, dtype=torch.float64).sigmoid())
    value = max_at_k_value(rare, rewards, 4)
    assert value.item() == pytest.approx(4 * chance, rel=1e-12)
    (slope,) = torch.autograd.grad(value, rare)
    torch.testing.assert_close(slope, max_at_k_gradient(rare, rewards, 4).detach(), rtol=1e-12, atol=0)
    certain = torch.tensor([40.0, 0.0], dtype=torch.float64)
    failure = float(torch.tensor(-40.0, dtype=torch.float64).sigmoid())
    assert max_at_k_gradient(certain, rewards, 2).tolist() == pytest.approx(
        [2 * failure**2, -2 * failure**2], rel=1e-12
    )
    saturated = torch.tensor([800.0, 0.0], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(max_at_k_value(saturated, rewards, 2), saturated)
    assert not slope.any()


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(
    ("logits", "rewards", "k", "error", "message"),
    [
        (torch.zeros(3), torch.zeros(3), 0, ValueError, "k must be an integer >= 1"),
        (torch.zeros(3), torch.zeros(3), 2.0, TypeError, "k must be an integer >= 1"),
        (torch.zeros(3), torch.zeros(3), True, TypeError, "k must be an integer >= 1"),
        (torch.zeros(3, dtype=torch.long), torch.zeros(3), 2, TypeError, "logits must be floats"),
        (torch.zeros(3), torch.zeros(4), 2, ValueError, "same axis"),
        (torch.zeros(0), torch.zeros(0), 2, ValueError, "at least one arm"),
        (torch.tensor(0.0), torch.zeros(3), 2, ValueError, "same axis"),
        (torch.zeros(2, 3), torch.zeros(5, 3), 2, ValueError, "do not broadcast"),
        (
            torch.tensor([0.0, float("nan")]),
            torch.zeros(2),
            2,
            ValueError,
            r"logits must be finite, got nan at index \(1,\)",
        ),
        (torch.zeros(2), torch.tensor([float("inf"), 0.0]), 2, ValueError, "arm_rewards must be finite, got inf"),
    ],
)
def test_bad_arguments_raise(
    function: Callable[[Tensor, Tensor, int], Tensor],
    logits: Tensor,
    rewards: Tensor,
    k: int,
    error: type[Exception],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        function(logits, rewards, k)
