"""Exact moments: multisets against ordered tuples, against a plain loop, against closed forms and against sampling."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from maxpo_bench.estimators import as_estimator, ei, ei_l1o, ei_l2o, get_estimator
from maxpo_bench.moments import enumerate_moments, is_permutation_equivariant, monte_carlo_moments
from maxpo_bench.moments.instances import BanditInstance
from maxpo_bench.moments.multisets import action_multisets, action_tuples, count_multisets
from maxpo_bench.seeding import derive_seed


def bandit(arms: int, *path: str | int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(derive_seed(7, "enumeration tests", arms, *path))
    return rng.normal(size=arms), rng.normal(size=arms)


def by_loop(estimator, rewards: np.ndarray, logits: np.ndarray, n: int) -> tuple[np.ndarray, float]:
    """Mean and total variance over ordered tuples, one group at a time, straight from the definitions."""
    policy = np.exp(logits) / np.exp(logits).sum()
    scores = np.eye(len(rewards)) - policy
    mean, square = np.zeros(len(rewards)), 0.0
    for actions in itertools.product(range(len(rewards)), repeat=n):
        chance = math.prod(policy[a] for a in actions)
        advantages = estimator(torch.tensor([rewards[a] for a in actions], dtype=torch.float64)).tolist()
        estimate = estimator.scale_factor(n) * sum(
            advantage * scores[a] for advantage, a in zip(advantages, actions, strict=True)
        )
        mean += chance * estimate
        square += chance * float(estimate @ estimate)
    return mean, square - float(mean @ mean)


@pytest.mark.parametrize(
    ("name", "k"), [("ei", 2), ("ei_l2o", 3), ("ei_l1o", 2), ("pkpo_sloo", 2), ("grpo", 2), ("bon_mean", 3)]
)
def test_multisets_equal_a_loop_over_ordered_tuples(name: str, k: int):
    rewards, logits = bandit(3, name)
    estimator = get_estimator(name, k=k)
    found = enumerate_moments(estimator, rewards, logits, 4)
    mean, variance = by_loop(estimator, rewards, logits, 4)
    assert found.is_equivariant
    assert found.num_outcomes == math.comb(6, 4)
    np.testing.assert_allclose(found.mean, mean, rtol=0, atol=1e-13)
    assert found.total_variance == pytest.approx(variance, rel=1e-11)


def test_advantage_statistics_equal_a_loop():
    rewards, logits = bandit(3, "statistics")
    estimator = get_estimator("ei", k=2)
    found = enumerate_moments(estimator, rewards, logits, 3)
    policy = np.exp(logits) / np.exp(logits).sum()
    chances, rows = [], []
    for actions in itertools.product(range(3), repeat=3):
        chances.append(policy[list(actions)].prod())
        rows.append(rewards[list(actions)])
    advantages = estimator(torch.tensor(np.array(rows))).numpy()
    assert found.advantage_rms == pytest.approx(math.sqrt(np.dot(chances, (advantages**2).mean(axis=1))))
    assert found.group_mean_rms == pytest.approx(math.sqrt(np.dot(chances, advantages.mean(axis=1) ** 2)))
    assert enumerate_moments(get_estimator("ei_l2o", k=2), rewards, logits, 3).centring < 1e-14


def first_sample_only(rewards: torch.Tensor, k: int) -> torch.Tensor:
    """Position matters: EI for the first sample, nothing for the others."""
    advantages = torch.zeros_like(rewards)
    advantages[..., 0] = ei(rewards, k)[..., 0]
    return advantages


def test_an_estimator_that_is_not_equivariant_is_enumerated_over_ordered_tuples():
    rewards, logits = bandit(3, "ordered")
    estimator = as_estimator(first_sample_only, 2, scale="K/n", name="first")
    found = enumerate_moments(estimator, rewards, logits, 4)
    mean, variance = by_loop(estimator, rewards, logits, 4)
    assert not found.is_equivariant
    assert found.num_outcomes == 3**4
    np.testing.assert_allclose(found.mean, mean, rtol=0, atol=1e-13)
    assert found.total_variance == pytest.approx(variance, rel=1e-11)
    np.testing.assert_allclose(found.mean, found.truth / 4, rtol=0, atol=1e-13)


def test_ordered_tuples_are_refused_where_there_are_too_many():
    rewards, logits = bandit(9)
    with pytest.raises(ValueError, match=r"9\^6 = 531441 ordered action tuples"):
        enumerate_moments(as_estimator(first_sample_only, 2, name="first"), rewards, logits, 6)


def test_breaking_ties_by_position_is_not_equivariant():
    def first_maximum(rewards: torch.Tensor, k: int) -> torch.Tensor:
        return torch.nn.functional.one_hot(rewards.argmax(dim=-1), rewards.shape[-1]).to(rewards.dtype)

    distinct, tied = np.arange(40.0).reshape(10, 4), np.tile([0.0, 1.0, 1.0, 0.0], (10, 1))
    estimator = as_estimator(first_maximum, 2, name="first_maximum")
    assert is_permutation_equivariant(estimator, distinct)
    assert not is_permutation_equivariant(estimator, tied)
    assert is_permutation_equivariant(get_estimator("ei_l2o", k=2), tied)


@pytest.mark.parametrize(("n", "k"), [(4, 2), (5, 4), (6, 2), (7, 3), (3, 3), (4, 1)])
@pytest.mark.parametrize("offset", [0.0, -7.0])
def test_bias_of_ei_l1o_equals_its_closed_form(n: int, k: int, offset: float):
    """E[(K/n) sum] = ((n-K) grad J_K + K grad J_{K-1}) / (n-1); with n instead of n-1 for the mean over the group."""
    rewards, logits = bandit(4, "closed form", n, k)
    instance = BanditInstance.of(rewards + offset, logits)
    below = instance.gradient(k - 1) if k > 1 else np.zeros(4)
    for name, divisor in (("ei_l1o", n - 1), ("ei_mean_centered", n)):
        found = enumerate_moments(get_estimator(name, k=k), rewards + offset, logits, n)
        closed = ((n - k) * instance.gradient(k) + k * below) / divisor
        np.testing.assert_allclose(found.mean, closed, rtol=0, atol=1e-10)
        assert found.bias == pytest.approx(float(np.linalg.norm(closed - found.truth)), abs=1e-10)


def test_pkpo_is_ei_and_so_are_its_moments():
    rewards, logits = bandit(4, "pkpo")
    ours = enumerate_moments(get_estimator("ei", k=3), rewards, logits, 5)
    theirs = enumerate_moments(get_estimator("pkpo_sloo_minus_one", k=3), rewards, logits, 5)
    np.testing.assert_allclose(theirs.mean, ours.mean, rtol=0, atol=1e-14)
    assert theirs.total_variance == pytest.approx(ours.total_variance, rel=1e-12)


def test_questions_are_averaged_over_independent_groups():
    rng = np.random.default_rng(derive_seed(7, "questions"))
    rewards, logits = rng.normal(size=(3, 4)), rng.normal(size=4)
    together = enumerate_moments(get_estimator("ei_l1o", k=2), rewards, logits, 4)
    apart = [enumerate_moments(get_estimator("ei_l1o", k=2), row, logits, 4) for row in rewards]
    np.testing.assert_allclose(together.mean, np.mean([each.mean for each in apart], axis=0), atol=1e-14)
    np.testing.assert_allclose(together.truth, np.mean([each.truth for each in apart], axis=0), atol=1e-14)
    assert together.total_variance == pytest.approx(sum(each.total_variance for each in apart) / 9)
    assert together.advantage_rms**2 == pytest.approx(np.mean([each.advantage_rms**2 for each in apart]))


@pytest.mark.parametrize("name", ["ei_l2o", "ei_l1o", "grpo"])
def test_enumeration_agrees_with_sampling(name: str):
    """12 comparisons by segment t statistics with 31 degrees of freedom: a false alarm beyond 8 has chance < 1e-7."""
    rewards, logits = bandit(5, "sampling")
    estimator = get_estimator(name, k=3)
    exact = enumerate_moments(estimator, rewards, logits, 6)
    sampled = monte_carlo_moments(estimator, rewards, logits, 6, 40_000, seed=11)
    assert (np.abs(sampled.mean - exact.mean) < 8 * sampled.mean_standard_error).all()
    error = sampled.standard_error("total_variance")
    assert 0 < error < 0.02 * exact.total_variance
    assert abs(sampled.total_variance - exact.total_variance) < 8 * error


def test_the_estimator_sees_shuffled_rows_in_few_calls():
    calls = []

    def spy(rewards: torch.Tensor, k: int) -> torch.Tensor:
        calls.append(rewards.clone())
        return ei_l2o(rewards, k)

    enumerate_moments(as_estimator(spy, 2, name="spy"), [0.0, 1.0, 2.0, 3.0], np.zeros(4), 4)
    batch, *single_rows = calls
    assert batch.shape == (3 * math.comb(7, 4), 4)
    assert all(row.shape == (1, 4) for row in single_rows)
    assert len(single_rows) == 4
    ascending = (batch.diff(dim=-1) >= 0).all(dim=-1).double().mean()
    assert ascending < 0.5
    assert (batch.mean(dim=-1).diff() >= 0).double().mean() < 0.8


def test_the_seed_of_the_presentation_does_not_matter():
    rewards, logits = bandit(4, "seed")
    first, second = (enumerate_moments(get_estimator("ei_l1o", k=2), rewards, logits, 5, seed=seed) for seed in (1, 2))
    np.testing.assert_allclose(first.mean, second.mean, rtol=0, atol=1e-14)


@pytest.mark.parametrize(("arms", "n"), [(2, 5), (3, 4), (6, 6), (1, 3), (5, 1)])
def test_multisets_are_complete(arms: int, n: int):
    actions, orders = action_multisets(arms, n)
    assert len(actions) == count_multisets(arms, n) == len(np.unique(actions, axis=0))
    assert orders.sum() == arms**n
    tuples, _ = action_tuples(arms, n)
    unique, counts = np.unique(np.sort(tuples, axis=1), axis=0, return_counts=True)
    np.testing.assert_array_equal(unique, actions)
    np.testing.assert_array_equal(counts, orders)


def test_too_many_multisets_are_refused():
    with pytest.raises(ValueError, match="monte_carlo_moments"):
        action_multisets(50, 10)


@pytest.mark.parametrize(
    ("rewards", "logits"),
    [([1.0, 2.0], [0.0]), (np.zeros((2, 2, 2)), np.zeros(2)), ([1.0, np.nan], [0.0, 0.0]), ([], [])],
)
def test_instances_that_do_not_fit_raise_at_the_door(rewards, logits):
    with pytest.raises(ValueError, match=r"arm_rewards"):
        enumerate_moments(get_estimator("ei", k=2), rewards, logits, 4)


def test_a_group_that_is_too_small_names_the_remedy():
    with pytest.raises(ValueError, match="ei_l2o"):
        enumerate_moments(get_estimator("ei_l2o", k=4), [0.0, 1.0, 2.0], np.zeros(3), 4)


def test_tensors_are_taken_as_well_as_arrays():
    rewards, logits = bandit(3, "tensors")
    arrays = enumerate_moments(get_estimator("ei", k=2), rewards, logits, 3)
    tensors = enumerate_moments(get_estimator("ei", k=2), torch.tensor(rewards), torch.tensor(logits), 3)
    np.testing.assert_array_equal(arrays.mean, tensors.mean)


def test_k_equal_to_n_is_covered_by_what_is_defined_there():
    rewards, logits = bandit(4, "top")
    top = enumerate_moments(get_estimator("passk_top1", k=4), rewards, logits, 4)
    np.testing.assert_allclose(top.mean, top.truth, rtol=0, atol=1e-13)
    assert enumerate_moments(get_estimator("ei", k=4), rewards, logits, 4).total_variance == pytest.approx(
        top.total_variance
    )
    assert ei_l1o(torch.ones(4, dtype=torch.float64), 4).abs().max() == 0
