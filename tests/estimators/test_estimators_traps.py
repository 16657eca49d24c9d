"""Mistakes found in other people's implementations, each kept out by a test."""

from __future__ import annotations

import math

import pytest
import torch
from estimator_cases import double, function, relative_error
from integers import ExactGroup

from maxpo_bench import estimators as est


def test_integer_rewards_are_not_truncated() -> None:
    assert est.ei_l2o(torch.tensor([0, 0, 1, 0]), 2).tolist() == pytest.approx([-1 / 3, -1 / 3, 1, -1 / 3])
    assert est.reinforce_l1o(torch.tensor([True, False, False])).tolist() == [1.0, -0.5, -0.5]


def test_k_equal_to_one_does_not_divide_by_zero() -> None:
    rewards = torch.tensor([3.0, 1.0, 1.0, -1.0], dtype=torch.float64)
    torch.testing.assert_close(est.ei_l2o(rewards, 1), est.reinforce_l1o(rewards))
    torch.testing.assert_close(est.ei(rewards, 1), rewards)


def test_k_equal_to_n_does_not_fall_back_to_another_estimator() -> None:
    for name in ("ei_l2o", "pkpo_sloo"):
        with pytest.raises(ValueError, match="needs at least"):
            function(name)(torch.tensor([0.0, 1.0, 2.0]), 3)


def test_tied_maximum_keeps_its_credit() -> None:
    rewards = torch.tensor([5.0, 1.0, 5.0, 0.0], dtype=torch.float64)
    # pairs with a given 5 have maximum 5; without it they are {1, 5}, {1, 0}, {5, 0}
    own, without = [5, 11 / 3, 5, 11 / 3], [11 / 3, 5, 11 / 3, 5]
    assert est.conditional_max(rewards, 2).tolist() == pytest.approx(own)
    assert est.leave_one_out_max(rewards, 2).tolist() == pytest.approx(without)
    assert est.ei_l2o(rewards, 2).tolist() == pytest.approx([a - b for a, b in zip(own, without, strict=True)])


def test_top1_pays_nobody_under_a_tie_and_the_best_otherwise() -> None:
    assert est.passk_top1(torch.tensor([[1.0, 0.0, 1.0], [0.0, 3.0, 1.0]])).tolist() == [[0, 0, 0], [0, 2, 0]]


@pytest.mark.parametrize(("n", "k"), [(5000, 2500), (16384, 4096), (2000, 1999)])
def test_large_binomials_give_no_nan(n: int, k: int) -> None:
    rewards = torch.linspace(-1, 1, n)
    for name in ("ei", "ei_l2o", "all_subsets", "pkpo_sloo", "bon_mean", "l2o_baseline"):
        result = function(name)(rewards, k)
        assert bool(torch.isfinite(result).all()), name
        assert bool(result.any()), name
    assert math.isfinite(est.pass_at_k(n, n // 3, k))


def test_float32_offset_does_not_cancel_the_advantage() -> None:
    rewards = 1e4 + (torch.arange(64, dtype=torch.float32) % 5) / 128
    exact = double(ExactGroup(rewards.tolist(), 8).values("ei_l2o"))
    assert relative_error(est.ei_l2o(rewards, 8), exact) <= 2.5e-7
    naive = est.conditional_max(rewards, 8) - est.leave_one_out_max(rewards, 8)
    assert relative_error(naive, exact) > 1e-3


def test_a_constant_group_has_no_z_score_of_rounding_noise() -> None:
    rewards = torch.full((3, 7), 0.1)
    assert not est.grpo(rewards, eps=1e-12).any()
    assert not est.bon_mean(rewards, 3).any()


def test_centring_does_not_make_an_estimator_unbiased() -> None:
    """EI + L1O and EI - mean EI are centred like EI + L2O, but not proportional to it."""
    rewards = torch.tensor([0.0, 1.0, 2.0, 5.0, 6.0], dtype=torch.float64)
    canonical = est.ei_l2o(rewards, 3)
    for signal in (est.ei_l1o(rewards, 3), est.ei_mean_centered(rewards, 3)):
        assert float(signal.sum().abs()) < 1e-14
        cosine = float(torch.nn.functional.cosine_similarity(signal, canonical, dim=0))
        assert cosine < 0.999
