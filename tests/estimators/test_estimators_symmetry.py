"""Ties, order, batches, shift, scale, monotonicity: what every estimator keeps, bit for bit where it can."""

from __future__ import annotations

import pytest
import torch
from estimator_cases import BINARY, NAMES, PIECES, function, relative_error, sample, sizes

from maxpo_bench.estimators.checks import k_samples
from maxpo_bench.estimators.gaps import equal_on_ties, sort_groups

PER_SAMPLE = [*NAMES, *(name for name in PIECES if name != "max_at_k")]
REAL = [name for name in PER_SAMPLE if name not in BINARY]
CENTRED = [
    "reinforce_l1o",
    "ei_l1o",
    "ei_l2o",
    "passk_analytic",
    "passk_analytic_std",
    "all_subsets_centered",
    "bon_mean",
    "ei_mean_centered",
    "grpo",
    "dr_grpo",
]
NORMALISED = ["grpo", "bon_mean", "passk_analytic_std"]
DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", PER_SAMPLE)
def test_equal_rewards_get_bitwise_equal_results(name: str, dtype: torch.dtype) -> None:
    for n in (6, 33):
        rewards = sample(name, n, seed=n, batch=(20,)).to(dtype)
        for k in sizes(name, n)[::5]:
            result = function(name)(rewards, k)
            same = rewards.unsqueeze(-1) == rewards.unsqueeze(-2)
            assert same.sum() > 20 * n
            assert torch.equal((result.unsqueeze(-1) == result.unsqueeze(-2)) | ~same, torch.ones_like(same))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", PER_SAMPLE)
def test_order_of_the_samples_does_not_matter_bitwise(name: str, dtype: torch.dtype) -> None:
    rewards = sample(name, 37, seed=1, batch=(8,)).to(dtype)
    for seed, k in enumerate(sizes(name, 37)[::6]):
        order = torch.randperm(37, generator=torch.Generator().manual_seed(seed))
        assert torch.equal(function(name)(rewards[:, order], k), function(name)(rewards, k)[:, order])


def test_order_of_the_samples_does_not_change_the_group_estimate() -> None:
    rewards = sample("ei", 37, seed=2, batch=(8,))
    order = torch.randperm(37, generator=torch.Generator().manual_seed(1))
    assert torch.equal(function("max_at_k")(rewards[:, order], 5), function("max_at_k")(rewards, 5))


@pytest.mark.parametrize("name", [*PER_SAMPLE, "max_at_k"])
def test_groups_do_not_see_each_other(name: str) -> None:
    rewards = sample(name, 9, seed=3, batch=(2, 3))
    for k in sizes(name, 9):
        batched = function(name)(rewards, k)
        assert batched.shape == (rewards.shape[:-1] if name == "max_at_k" else rewards.shape)
        for i in range(2):
            for j in range(3):
                assert relative_error(batched[i, j], function(name)(rewards[i, j], k)) <= 1e-14


@pytest.mark.parametrize("name", [*PER_SAMPLE, "max_at_k"])
def test_memory_layout_does_not_matter(name: str) -> None:
    rewards = sample(name, 12, seed=4, batch=(5,))
    strided = torch.stack((rewards, rewards + 1), -1)[..., 0]
    transposed = rewards.t().contiguous().t()
    for k in sizes(name, 12)[::3]:
        expected = function(name)(rewards, k)
        assert relative_error(function(name)(strided, k), expected) <= 1e-14
        assert relative_error(function(name)(transposed, k), expected) <= 1e-14


@pytest.mark.parametrize("name", CENTRED)
def test_centred_advantages_add_up_to_zero(name: str) -> None:
    for n in (5, 16, 257):
        rewards = sample(name, n, seed=n, batch=(10,))
        for k in sizes(name, n)[::4]:
            result = function(name)(rewards, k)
            assert float(result.sum(-1).abs().max()) <= 1e-12 * max(1.0, float(result.abs().max()))


@pytest.mark.parametrize("name", [name for name in NAMES if name not in CENTRED])
def test_the_others_are_not_centred(name: str) -> None:
    assert float(function(name)(torch.tensor([0.0, 1.0, 2.0, 4.0]), 2).sum().abs()) > 0.1


@pytest.mark.parametrize("name", NAMES)
def test_advantage_does_not_fall_when_the_reward_rises(name: str) -> None:
    rewards = sample(name, 14, seed=6, batch=(30,))
    for k in sizes(name, 14):
        ranked = function(name)(rewards, k).gather(-1, rewards.argsort(-1))
        assert bool((ranked.diff(dim=-1) >= 0).all()), k


@pytest.mark.parametrize("name", ["ei", "ei_l2o", "all_subsets", "passk_analytic", "reinforce_l1o", "conditional_max"])
def test_own_advantage_does_not_fall_when_one_reward_rises(name: str) -> None:
    rewards = sample(name, 9, seed=7, batch=(30,))
    raised = rewards.clone()
    raised[:, 4] += 0.7
    for k in sizes(name, 9):
        change = function(name)(raised, k)[:, 4] - function(name)(rewards, k)[:, 4]
        assert float(change.min()) >= -1e-14, k


SHIFT_INVARIANT = ["ei", "ei_l1o", "pkpo_sloo_minus_one", "passk_top1"]


@pytest.mark.parametrize("name", [*SHIFT_INVARIANT, *(name for name in CENTRED if name not in BINARY)])
def test_a_shift_of_the_rewards_is_harmless(name: str) -> None:
    """Shifts by a power of two of rewards on a grid are exact in floating point, so the results agree to rounding."""
    rewards = (sample(name, 16, seed=8, batch=(5,)) * 1024).round() / 1024
    for k in (2, 7, 15):
        expected = function(name)(rewards, k)
        assert relative_error(function(name)(rewards + 2.0**30, k), expected) <= 1e-12
        assert relative_error(function(name)((rewards - 8192).float(), k), expected) <= 1e-7


@pytest.mark.parametrize("name", [name for name in REAL if name not in SHIFT_INVARIANT + CENTRED and name in NAMES])
def test_a_shift_moves_the_uncentred_by_a_constant(name: str) -> None:
    rewards = sample(name, 10, seed=9)
    constant = {"all_subsets": 3 / 10, "pkpo_sloo": 3 / 10 - 3 / 9}[name] * 5
    shifted = function(name)(rewards + 5, 3)
    assert torch.allclose(shifted, function(name)(rewards, 3) + constant, atol=1e-13, rtol=0)


@pytest.mark.parametrize("name", [name for name in REAL if name not in NORMALISED])
def test_a_factor_of_the_rewards_is_one_of_the_results(name: str) -> None:
    rewards = sample(name, 11, seed=10, batch=(4,))
    for k in sizes(name, 11):
        assert torch.equal(function(name)(rewards * 8, k), 8 * function(name)(rewards, k))


@pytest.mark.parametrize("name", ["bon_mean", "grpo"])
def test_a_factor_of_the_rewards_vanishes_from_a_z_score(name: str) -> None:
    rewards = sample(name, 11, seed=11, batch=(4,))
    extra = {"eps": 0.0} if name == "grpo" else {}
    once, more = function(name)(rewards, 3, **extra), function(name)(rewards * 1e6, 3, **extra)
    assert relative_error(more, once) <= 1e-13
    assert torch.allclose(once.std(-1), torch.ones(4, dtype=torch.float64), atol=1e-13, rtol=0)


@pytest.mark.parametrize("name", PER_SAMPLE)
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_constant_rewards_have_no_advantage(name: str, value: float) -> None:
    uncentred = {"all_subsets", "pkpo_sloo", "conditional_max", "leave_one_out_max", "comparator_max"}
    if name in uncentred:
        return
    for k in sizes(name, 8)[1:]:
        assert not function(name)(torch.full((3, 8), value), k).any()


def test_runs_of_ties_take_the_value_of_their_first_rank() -> None:
    """What makes ties exact on devices whose cumulative sums round each element on its own."""
    values = torch.tensor([[0.0, 1.0, 1.0, 3.0, 3.0, 3.0], [2.0, 2.0, 2.0, 2.0, 2.0, 2.0]])
    sums = torch.tensor([[0, 1, 1.01, 5, 5.02, 4.99], [0, 0.1, 0.2, 0.3, 0.4, 0.5]], dtype=torch.float64)
    assert equal_on_ties(values, sums).tolist() == [[0, 1, 1, 5, 5, 5], [0, 0, 0, 0, 0, 0]]
    groups, _ = sort_groups(values.flip(-1), 2, "ei", k_samples)
    exact = groups.prefix(torch.ones(5, dtype=torch.float64))
    assert torch.equal(equal_on_ties(groups.values, exact), exact)
