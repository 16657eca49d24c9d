"""The per-token entropy term of Cheng et al."""

from __future__ import annotations

import pytest
import torch

from maxpo_bench.estimators import ei_l2o, entropy_adv, entropy_shaped, grpo

REWARDS = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]])


def entropies(scale: float = 3.0) -> torch.Tensor:
    return scale * torch.rand(2, 3, 5, generator=torch.Generator().manual_seed(0))


def test_formula_elementwise() -> None:
    entropy = entropies()
    result = entropy_adv(REWARDS, entropy, alpha=0.4, kappa=2.0)
    advantages = grpo(REWARDS)
    assert result.shape == (2, 3, 5)
    for g in range(2):
        for i in range(3):
            for t in range(5):
                a, h = float(advantages[g, i]), float(entropy[g, i, t])
                assert float(result[g, i, t]) == pytest.approx(a + min(0.4 * h, abs(a) / 2), rel=1e-6)
    bound = advantages.abs().unsqueeze(-1) / 2
    capped = 0.4 * entropy > bound
    assert capped.any()
    assert not capped.all()


def test_sign_is_kept_and_no_gradient_flows() -> None:
    entropy = entropies(100).requires_grad_()
    rewards = REWARDS.clone().requires_grad_()
    result = entropy_adv(rewards, entropy)
    assert not result.requires_grad
    assert torch.equal(result.sign(), grpo(REWARDS).sign().unsqueeze(-1).expand(2, 3, 5))


def test_masked_tokens_get_nothing_and_are_not_read() -> None:
    entropy = entropies()
    mask = torch.ones(2, 3, 5, dtype=torch.bool)
    mask[..., 3:] = False
    spoilt = torch.where(mask, entropy, float("nan"))
    result = entropy_adv(REWARDS, spoilt, mask)
    assert not result[..., 3:].any()
    assert torch.equal(result[..., :3], entropy_adv(REWARDS, entropy)[..., :3])
    assert torch.equal(result, entropy_adv(REWARDS, spoilt, mask.long()))


def test_without_weight_it_is_grpo_on_every_token() -> None:
    result = entropy_adv(REWARDS, entropies(), alpha=0.0, eps=0.5, ddof=0)
    assert torch.equal(result, grpo(REWARDS, eps=0.5, ddof=0).unsqueeze(-1).expand(2, 3, 5))


def test_constant_rewards_stay_without_advantage() -> None:
    assert not entropy_adv(torch.ones(2, 3), entropies()).any()


def test_other_advantages_can_be_shaped() -> None:
    advantages = ei_l2o(REWARDS, 2)
    result = entropy_shaped(advantages, entropies())
    expected = advantages.unsqueeze(-1) + torch.minimum(0.4 * entropies(), advantages.abs().unsqueeze(-1) / 2)
    torch.testing.assert_close(result, expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"alpha": -0.1}, "alpha must be"),
        ({"alpha": float("nan")}, "alpha must be"),
        ({"kappa": 1.0}, "kappa must be > 1"),
        ({"kappa": float("nan")}, "kappa must be > 1"),
        ({"token_entropy": torch.zeros(2, 4, 5)}, "token_entropy must have shape"),
        ({"token_entropy": torch.zeros(2, 3)}, "token_entropy must have shape"),
        ({"token_entropy": torch.full((2, 3, 5), -1.0)}, "finite and >= 0"),
        ({"token_entropy": torch.full((2, 3, 5), float("nan"))}, "finite and >= 0"),
        ({"mask": torch.ones(2, 3)}, "mask must have token_entropy's shape"),
    ],
)
def test_bad_arguments_raise(change: dict[str, object], message: str) -> None:
    arguments = {"token_entropy": entropies(), "mask": None, "alpha": 0.4, "kappa": 2.0} | change
    with pytest.raises(ValueError, match=message):
        entropy_adv(REWARDS, **arguments)
