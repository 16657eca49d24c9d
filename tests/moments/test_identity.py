"""The leave-one-out identity beside enumeration: it holds where the expectation is right, and only there."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor

from maxpo_bench.estimators import as_estimator, ei, ei_l2o, get_estimator, l2o_baseline, list_estimators
from maxpo_bench.moments import (
    BanditInstance,
    CertificateError,
    draw_from,
    enumerate_moments,
    identity_residuals,
    identity_violations,
)
from maxpo_bench.moments.hidden import hidden_draws
from maxpo_bench.moments.identity import compare_sides, leave_one_out_rows

SIZES = [(2, 1), (2, 2), (3, 2), (4, 1), (4, 3), (4, 4), (5, 3), (6, 2)]
NAMES = [spec.name for spec in list_estimators()]


def taking(n: int, k: int) -> list:
    """All built-in estimators that take groups of n at this K, among them ones that are undefined at K = n."""
    return [get_estimator(name, k) for name in NAMES if get_estimator(name, k).min_group_size <= n]


def draws_for(estimator, n: int, seed: int = 0):
    return hidden_draws(n, estimator.domain, np.random.default_rng(seed))


def undefined(estimator, n: int) -> bool:
    """Normalised estimators raise at K = n."""
    return estimator.k == n and estimator.name in ("bon_mean", "passk_analytic_std")


@pytest.mark.parametrize(("n", "k"), SIZES)
def test_it_agrees_with_enumeration_about_every_built_in_estimator(n: int, k: int):
    """Where it holds with one c, E[g_hat] = c * g on a random bandit of five arms; where it doesn't, it differs."""
    rng = np.random.default_rng([n, k])
    rewards, logits = rng.normal(size=(2, 5))
    questions = (rng.random((3, 5)) < [[0.3], [0.5], [0.7]]).astype(float)
    questions[:, 0], questions[:, 1] = 0, 1
    examined = 0
    for estimator in taking(n, k):
        if undefined(estimator, n):
            continue
        result = identity_residuals(estimator, draws_for(estimator, n), rng=rng)
        constants = result.constants[np.isfinite(result.constants)]
        constant = float(constants.mean())
        moments = enumerate_moments(estimator, questions if estimator.domain == "binary" else rewards, logits, n)
        error = np.linalg.norm(moments.mean - constant * moments.truth)
        if result.violations(constant):
            assert error > 1e-4 * np.linalg.norm(moments.truth), estimator.name
        else:
            assert error < 1e-12 * max(1.0, np.linalg.norm(moments.mean)), estimator.name
            assert np.ptp(constants) < 1e-10
            assert result.residuals.max() < 1e-10 or constant == 0
            if estimator.domain == "real" and constant:
                assert estimator.is_unbiased_at(n) == (abs(constant - 1) < 1e-10)
        examined += 1
    assert examined >= 6


@pytest.mark.parametrize(("n", "k"), [(16, 1), (32, 8), (64, 16), (64, 63), (64, 64)])
def test_large_groups_need_no_enumeration(n: int, k: int):
    rng = np.random.default_rng([n, k])
    for estimator in taking(n, k):
        if undefined(estimator, n) or estimator.domain == "binary":
            continue
        result = identity_residuals(estimator, draws_for(estimator, n), rng=rng)
        proportional = {"passk_analytic": (n - k) / n, "all_subsets_centered": (n - k) / n, "dr_grpo": (n - 1) / n}
        proportional["ei_mean_centered"] = (n - 1) / n
        one_constant = estimator.is_unbiased_at(n) or (
            estimator.name in proportional and (k == 1 or estimator.name in ("passk_analytic", "all_subsets_centered"))
        )
        constant = 1.0 if estimator.is_unbiased_at(n) else proportional.get(estimator.name, 1.0)
        assert (not result.violations(constant)) is one_constant, estimator.name
        if one_constant:
            assert not identity_violations(estimator, draws_for(estimator, n, 1), constant, rng=rng)


def test_the_other_objective_is_not_this_one():
    """EI + L2O at K - 1 satisfies the identity of K - 1, not that of K."""
    rng = np.random.default_rng(1)
    draws = rng.normal(size=(4, 17))
    other = as_estimator(lambda rewards, k: ei_l2o(rewards, k - 1), 4, name="smaller k")
    assert len(identity_violations(other, draws, 1.0, rng=rng)) == 4
    assert not identity_violations(get_estimator("ei_l2o", 3), draws, 1.0, rng=rng)


def test_a_baseline_alone_is_null():
    rng = np.random.default_rng(2)
    baseline = as_estimator(l2o_baseline, 3, name="baseline")
    assert not identity_violations(baseline, draws_for(baseline, 6), 0.0, rng=rng)
    assert identity_violations(get_estimator("ei", 3), draws_for(baseline, 6), 0.0, rng=rng)


@pytest.mark.parametrize("n", [3, 8, 32])
def test_binary_rewards_read_as_one_equation_per_number_of_ones(n: int):
    """A_1(t) - A_0(t - 1) is the same for every unbiased estimator."""

    def left_sides(name: str) -> list[float]:
        estimator = get_estimator(name, 2)
        rows = torch.tril(torch.ones(n + 1, n, dtype=torch.float64), -1)  # row t has t ones first
        answers = estimator(rows) * estimator.scale_factor(n)
        return [float(answers[t, 0] - answers[t - 1, -1]) for t in range(1, n + 1)]

    for name in ("ei", "pkpo_sloo", "all_subsets"):
        assert left_sides(name) == pytest.approx(left_sides("ei_l2o"), rel=1e-12, abs=1e-15)
    assert left_sides("ei_l1o") != pytest.approx(left_sides("ei_l2o"), rel=1e-3)


def test_a_perturbation_of_one_part_in_ten_million_is_found_and_rounding_is_not():
    rng = np.random.default_rng(3)
    draws = draws_for(get_estimator("ei_l2o", 8), 32)

    def perturbed(rewards: Tensor, k: int) -> Tensor:
        return ei_l2o(rewards, k) + 1e-7 * (rewards - rewards.mean(dim=-1, keepdim=True))

    def rounded(rewards: Tensor, k: int) -> Tensor:
        return (ei_l2o(rewards, k) + 8.0) - 8.0

    assert identity_violations(as_estimator(perturbed, 8, name="perturbed"), draws, 1.0, rng=rng)
    assert not identity_violations(as_estimator(rounded, 8, name="rounded"), draws, 1.0, rng=rng)


def test_violations_come_with_the_simplest_rewards_first():
    rng = np.random.default_rng(4)
    draws = draws_for(get_estimator("ei_l1o", 4), 8)
    found = identity_violations(get_estimator("ei_l1o", 4), draws, 1.0, rng=rng)
    different = [len(set(violation.rewards)) for violation in found]
    assert different == sorted(different)
    assert all(violation.error > 1e-8 for violation in found)
    assert f"for the 9 rewards [{found[0].rewards[0]:.6g}, " in str(found[0])


def test_means_over_all_orders_stand_for_what_is_not_equivariant():
    """The part that positions enter has a mean that the sample's own reward does not enter: a baseline."""

    def by_position(rewards: Tensor, k: int) -> Tensor:
        weights = torch.arange(rewards.shape[-1], dtype=rewards.dtype)
        others = rewards.sum(dim=-1, keepdim=True) - rewards
        return ei(rewards, k) + weights * others**2

    draws = np.random.default_rng(5).normal(size=(3, 5))
    rows = leave_one_out_rows(draws)
    estimator = as_estimator(by_position, 2, name="by position")
    total = np.zeros_like(rows)
    for order in itertools.permutations(range(4)):
        total[:, order] += estimator(torch.from_numpy(rows[:, order].copy())).numpy()
    result = compare_sides(estimator, draws, total / 24)
    assert result.differences == pytest.approx(result.expected, rel=1e-12, abs=1e-12)


def test_draws_from_a_bandit_leave_ordinary_groups():
    """The mean reward of a left-over group is that of the policy: 8 standard errors, P < 1e-14 each."""
    rng = np.random.default_rng(6)
    instance = BanditInstance.of([[0.0, 1.0, 2.0], [5.0, 5.0, 8.0]], [0.0, 1.0, -1.0])
    rows = leave_one_out_rows(draw_from(instance, 4, 6000, rng)).reshape(6000, 5, 4)
    second = rows.min(axis=(1, 2)) > 4
    assert abs(second.mean() - 0.5) < 8 * 0.5 / np.sqrt(6000)
    for question, part in zip(instance.arm_rewards, (rows[~second], rows[second]), strict=True):
        mean = float(question @ instance.policy)
        spread = np.sqrt(float((question - mean) ** 2 @ instance.policy))
        for left_out in range(5):
            assert abs(part[:, left_out].mean() - mean) < 8 * spread / np.sqrt(4 * len(part))


def test_suite_sized_bandits_are_checked_quickly_and_honestly():
    """A cheat on a tenth of the groups is found on T's of the very bandit."""

    def cheat(rewards: Tensor, k: int) -> Tensor:
        return torch.where(rewards.amax(dim=-1, keepdim=True) > 2.0, rewards, ei_l2o(rewards, k))

    rng = np.random.default_rng(7)
    instance = BanditInstance.of(rng.normal(size=100), rng.normal(size=100))
    draws = draw_from(instance, 32, 40, rng)
    assert identity_violations(as_estimator(cheat, 8, name="cheat"), draws, 1.0, rng=rng)
    assert not identity_violations(get_estimator("ei_l2o", 8), draws, 1.0, rng=rng)


def test_bad_input_is_refused_at_the_door():
    rng = np.random.default_rng(8)
    estimator = get_estimator("ei_l2o", 3)
    with pytest.raises(ValueError, match=r"draws must be \[T, n \+ 1\]"):
        identity_residuals(estimator, np.zeros(5), rng=rng)
    with pytest.raises(ValueError, match="finite"):
        identity_residuals(estimator, np.full((1, 6), np.nan), rng=rng)
    with pytest.raises(ValueError, match="ei_l2o"):
        identity_residuals(estimator, np.zeros((1, 4)), rng=rng)
    with pytest.raises(TypeError, match="expected an Estimator"):
        identity_residuals(ei_l2o, np.zeros((1, 6)), rng=rng)  # type: ignore[arg-type]
    with pytest.raises(CertificateError, match="not finite"):
        identity_residuals(as_estimator(lambda r, k: r / 0.0, 2, name="inf"), np.ones((1, 6)), rng=rng)
    with pytest.raises(ValueError, match="count must be at least 1"):
        draw_from(BanditInstance.of([0.0, 1.0], [0.0, 0.0]), 4, 0, rng)
