"""The bridge from exact values to the package: float64 tensors in, a relative comparison out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

import torch
from exact_bandits import Bandit, batches

RELATIVE = 1e-12


def tensor(rewards: Sequence[Fraction]) -> torch.Tensor:
    """Return the rewards as float64 of shape [n]."""
    return torch.tensor([float(r) for r in rewards], dtype=torch.float64)


def assert_matches(
    actual: torch.Tensor, expected: Sequence[Fraction] | Fraction, *, magnitude: Fraction | int = 0
) -> None:
    """Assert that no element is off by more than 1e-12 of the largest expected one; where all are 0, all must be 0.

    ``magnitude`` is the size of the numbers that cancel on the way, where that is larger than the result.
    """
    values = [expected] if isinstance(expected, Fraction) else list(expected)
    assert actual.dtype == torch.float64
    assert actual.numel() == len(values)
    allowed = RELATIVE * max(float(magnitude), *(abs(float(v)) for v in values))
    errors = [abs(float(Fraction(a) - v)) for a, v in zip(actual.reshape(-1).tolist(), values, strict=True)]
    assert max(errors) <= allowed, f"{actual.tolist()} instead of {[float(v) for v in values]}"


def expected_gradient(
    estimator: Callable[[torch.Tensor], torch.Tensor], bandit: Bandit, n: int, scale: Fraction | int
) -> torch.Tensor:
    """Return ``E[scale * sum_i A_i score_i]`` of one of the package's estimators over all batches, shape [arms]."""
    everything = batches(bandit, n)
    probabilities = tensor([p for p, _, _ in everything])
    actions = torch.tensor([a for _, a, _ in everything])
    advantages = estimator(tensor(bandit.arm_rewards)[actions])
    scores = torch.eye(len(bandit.policy), dtype=torch.float64)[actions] - tensor(bandit.policy)
    return float(scale) * torch.einsum("b,bi,bia->a", probabilities, advantages, scores)
