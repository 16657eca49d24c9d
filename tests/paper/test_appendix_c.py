"""Appendix C: what Eq 13 asks of the advantage (the clipped token loss itself belongs to the training backends)."""

from __future__ import annotations

from fractions import Fraction

import torch
from exact import A, Rewards, times
from exact_bandits import Bandit, batches, expected_gradient, fractions, grad_J
from float_check import assert_matches, tensor
from float_check import expected_gradient as package_gradient
from reward_groups import every_k_below_n

from maxpo_bench import estimators


@every_k_below_n
def test_eq_13_advantage_is_not_divided_by_the_standard_deviation(rewards: Rewards, k: int):
    """Twice the rewards earn twice the advantage, and a constant added to them none."""
    stretched = tuple(2 * r - 7 for r in rewards)
    assert A(stretched, k) == times(2, A(rewards, k))
    assert_matches(estimators.ei_l2o(tensor(stretched), k), times(2, A(rewards, k)))


def test_eq_13_average_over_the_group_estimates_the_gradient_over_k(bandit: Bandit, size: tuple[int, int]):
    """At ratio 1 and beta 0 the loss's gradient is 1/n sum_i A_i score_i, whose mean is grad J_K / K."""
    n, k = size
    expected = times(Fraction(1, k), grad_J(bandit, k))
    assert expected_gradient(bandit, n, lambda r: A(r, k), Fraction(1, n)) == expected
    assert_matches(package_gradient(lambda r: estimators.ei_l2o(r, k), bandit, n, Fraction(1, n)), expected)


def test_eq_13_broadcast_gives_each_token_its_sequence_advantage():
    """The token loss of one-state sequences: autograd agrees with 1/n sum_i A_i * mean over tokens of the scores."""
    rewards, k, lengths = fractions("0", "1", "1/2", "1/2"), 2, [1, 3, 2, 4]
    generator = torch.Generator().manual_seed(13)
    tokens = [torch.randint(3, (length,), generator=generator) for length in lengths]
    logits = torch.tensor([0.3, -0.2, 0.9], dtype=torch.float64, requires_grad=True)
    sampled = logits.detach().log_softmax(-1)
    advantages = estimators.ei_l2o(tensor(rewards), k)
    per_sequence = []
    for sequence, advantage in zip(tokens, advantages, strict=True):
        ratio = (logits.log_softmax(-1)[sequence] - sampled[sequence]).exp()
        broadcast = advantage.expand(len(sequence))
        per_sequence.append(torch.minimum(ratio * broadcast, ratio.clamp(0.8, 1.2) * broadcast).mean())
    torch.stack(per_sequence).mean().backward()
    scores = torch.stack([torch.eye(3, dtype=torch.float64)[s].mean(0) for s in tokens]) - sampled.exp()
    by_hand = (tensor(A(rewards, k))[:, None] * scores).mean(0)
    assert logits.grad is not None
    torch.testing.assert_close(logits.grad, by_hand, rtol=1e-12, atol=1e-15)


def test_eq_13_each_question_is_its_own_group(bandit: Bandit):
    """Rows of a [questions, n] batch do not see one another."""
    rows = [rewards for _, _, rewards in batches(bandit, 4)]
    together = estimators.ei_l2o(torch.stack([tensor(rewards) for rewards in rows]), 2)
    for row, rewards in zip(together, rows, strict=True):
        assert_matches(row, A(rewards, 2))
