"""Exact moments by the dynamic programme against enumeration, sampling and closed forms."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maxpo_bench.estimators import as_estimator, ei, get_estimator, list_estimators
from maxpo_bench.moments import (
    BanditMoments,
    CertificateError,
    count_chain,
    enumerate_moments,
    exact_moments,
    gap_table,
    paired_moments,
)
from maxpo_bench.moments.exact import CHUNK
from maxpo_bench.objectives import max_at_k_gradient
from maxpo_bench.seeding import derive_seed

NOT_GAP_SUMS = {"grpo", "bon_mean", "passk_analytic_std"}
GAP_SUMS = [spec.name for spec in list_estimators() if spec.name not in NOT_GAP_SUMS]
SIZES = ((2, 8, 4), (3, 4, 2), (3, 5, 1), (4, 6, 3), (4, 6, 5), (5, 5, 4), (6, 4, 3), (1, 4, 2))


def bandits(num_arms, count=4):
    """Rewards and logits: normal, tied, shifted, and with one likely arm."""
    rng = np.random.default_rng(derive_seed(0, "exact", num_arms))
    rewards = rng.standard_normal((count, num_arms))
    rewards[1] = np.round(rewards[1])
    rewards[2] += 30.0
    logits = 2.0 * rng.standard_normal((count, num_arms))
    logits[3, 0] = 6.0
    return rewards, logits


@pytest.mark.parametrize(("num_arms", "n", "k"), SIZES)
def test_equal_to_enumeration(num_arms, n, k):
    rewards, logits = bandits(num_arms)
    estimators = [get_estimator(name, k) for name in GAP_SUMS]
    estimators = [estimator for estimator in estimators if estimator.min_group_size <= n]
    for estimator, found in zip(estimators, exact_moments(estimators, rewards, logits, n), strict=True):
        for b in range(len(rewards)):
            expected = enumerate_moments(estimator, rewards[b], logits[b], n)
            scale = np.abs(rewards[b]).max()
            np.testing.assert_allclose(found.mean[b], expected.mean, rtol=1e-12, atol=1e-14 * scale)
            assert found.total_variance[b] == pytest.approx(expected.total_variance, rel=1e-12, abs=1e-14 * scale**2)
            np.testing.assert_allclose(found.truth[b], expected.truth, rtol=1e-12, atol=1e-15 * scale)
            assert found.bias[b] == pytest.approx(expected.bias, rel=1e-11, abs=1e-13 * scale)


@pytest.mark.parametrize("num_arms", [30, 1000])
def test_agrees_with_sampling(num_arms):
    """6.5 standard errors of the jackknife with 31 degrees of freedom: false alarm 3e-7 for each of 8 comparisons."""
    rewards, logits = bandits(num_arms, 4)
    estimators = [get_estimator(name, 4) for name in ("ei", "ei_l1o", "ei_l2o", "pkpo_sloo")]
    exact = exact_moments(estimators, rewards[:1], logits[:1], 16)
    sampled = paired_moments(estimators, rewards[0], logits[0], 16, 20_000, seed=3)
    for one, other in zip(exact, sampled, strict=True):
        error = other.standard_error("total_variance")
        assert abs(one.total_variance[0] - other.total_variance) < 6.5 * error
        excess = np.linalg.norm(other.mean - one.mean[0]) / np.sqrt(one.total_variance[0] / other.num_groups)
        assert excess < 2.5


def test_unbiased_estimators_have_no_bias_and_l1o_its_closed_form():
    rng = np.random.default_rng(5)
    rewards, logits = rng.standard_normal((2, 3, 500))
    n, k = 32, 5
    unbiased = ("ei", "ei_l2o", "pkpo_sloo", "pkpo_sloo_minus_one", "all_subsets")
    for found in exact_moments([get_estimator(name, k) for name in unbiased], rewards, logits, n):
        assert (found.bias < 1e-12).all()
    (found,) = exact_moments([get_estimator("ei_l1o", k)], rewards, logits, n)
    gradients = [max_at_k_gradient(torch.tensor(logits), torch.tensor(rewards), each).numpy() for each in (k, k - 1)]
    expected = ((n - k) * gradients[0] + k * gradients[1]) / (n - 1)
    np.testing.assert_allclose(found.mean, expected, rtol=1e-11, atol=1e-15)
    assert (found.bias > 1e-4).all()


def test_mixed_estimators_come_back_in_order():
    rewards, logits = bandits(7)
    names = ("ei", "ei_l2o", "all_subsets", "reinforce_l1o", "pkpo_sloo", "ei_l1o")
    together = exact_moments([get_estimator(name, 3) for name in names], rewards, logits, 9)
    for name, found in zip(names, together, strict=True):
        (alone,) = exact_moments([get_estimator(name, 3)], rewards, logits, 9)
        np.testing.assert_allclose(found.total_variance, alone.total_variance, rtol=1e-13)
        np.testing.assert_allclose(found.mean, alone.mean, rtol=1e-12, atol=1e-14)


def test_bandits_are_independent_of_the_batch():
    rng = np.random.default_rng(8)
    rewards, logits = rng.standard_normal((2, CHUNK + 3, count_chain.BLOCK + 1))
    estimators = [get_estimator(name, 2) for name in ("ei", "ei_l2o")]
    shares = []
    whole = exact_moments(estimators, rewards, logits, 6, progress=shares.append)
    for index in (0, CHUNK - 1, CHUNK, CHUNK + 2):
        alone = exact_moments(estimators, rewards[index], logits[index], 6)
        for one, other in zip(whole, alone, strict=True):
            assert one.total_variance[index] == pytest.approx(other.total_variance[0], rel=1e-13)
            np.testing.assert_allclose(one.mean[index], other.mean[0], rtol=1e-11, atol=1e-16)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.integers(2, 40), st.integers(3, 24), st.data())
def test_order_of_arms_shift_and_scale(seed, num_arms, n, data):
    k = data.draw(st.integers(1, n - 1))
    rng = np.random.default_rng(seed)
    rewards, logits = rng.standard_normal(num_arms).round(1), rng.standard_normal(num_arms)
    order = rng.permutation(num_arms)
    estimators = [get_estimator("ei_l2o", k), get_estimator("ei_l1o", k)]
    plain = exact_moments(estimators, rewards, logits, n)
    moved = exact_moments(estimators, 3.0 * rewards[order] + 7.0, logits[order], n)
    for one, other in zip(plain, moved, strict=True):
        largest = np.abs(one.mean).max()
        np.testing.assert_allclose(3.0 * one.mean[0, order], other.mean[0], rtol=1e-9, atol=1e-11 * (1 + largest))
        assert other.total_variance[0] == pytest.approx(9.0 * one.total_variance[0], rel=1e-9, abs=1e-13)


def test_tied_arms_may_come_in_any_order():
    """Which of two tied arms is called the lower one has no influence."""
    rewards = np.array([1.0, 0.0, 1.0, 0.0, 2.0])
    logits = np.array([0.3, -1.0, 0.7, 1.2, -0.5])
    for name in ("ei", "ei_l2o"):
        estimator = get_estimator(name, 3)
        (one,) = exact_moments([estimator], rewards, logits, 8)
        (other,) = exact_moments([estimator], rewards[::-1].copy(), logits[::-1].copy(), 8)
        assert one.total_variance[0] == pytest.approx(other.total_variance[0], rel=1e-13)
        np.testing.assert_allclose(one.mean[0], other.mean[0, ::-1], rtol=1e-12)


def test_arms_that_are_never_drawn():
    rewards = np.array([0.0, 5.0, 1.0, -3.0, 2.0])
    logits = np.array([0.0, -2000.0, 1.0, -2000.0, 0.5])
    estimators = [get_estimator(name, 2) for name in ("ei", "ei_l2o", "all_subsets")]
    with_them = exact_moments(estimators, rewards, logits, 5)
    without = exact_moments(estimators, rewards[[0, 2, 4]], logits[[0, 2, 4]], 5)
    for one, other in zip(with_them, without, strict=True):
        assert one.total_variance[0] == pytest.approx(other.total_variance[0], rel=1e-12)
        np.testing.assert_allclose(one.mean[0, [0, 2, 4]], other.mean[0], rtol=1e-11, atol=1e-15)
        assert (one.mean[0, [1, 3]] == 0).all()


def test_a_certain_arm_has_no_gradient():
    (found,) = exact_moments([get_estimator("ei_l2o", 2)], [[1.0, 2.0]], [[0.0, 2000.0]], 8)
    assert found.total_variance.tolist() == [0.0]
    assert (found.mean == 0).all()


def test_an_almost_certain_arm_costs_relative_precision_only():
    rewards, logits = np.array([0.5, -1.0, 2.0]), np.array([14.0, 0.0, -1.0])
    for name in ("ei", "ei_l2o", "pkpo_sloo", "all_subsets"):
        estimator = get_estimator(name, 3)
        expected = enumerate_moments(estimator, rewards, logits, 6)
        (found,) = exact_moments([estimator], rewards, logits, 6)
        assert abs(found.total_variance[0] - expected.total_variance) < 1e-14
        np.testing.assert_allclose(found.mean[0], expected.mean, atol=1e-16)


@pytest.mark.parametrize("logit", [-5.0, -25.0, -40.0])
def test_means_keep_their_digits_under_peaked_policies(logit):
    for name in ("ei", "ei_l2o"):
        (found,) = exact_moments([get_estimator(name, 4)], [0.0, 1.0, 3.0], [0.0, logit, logit - 1], 8)
        assert found.bias[0] < 1e-13 * np.linalg.norm(found.truth)


@pytest.mark.parametrize("size", [1e160, 1e200])
def test_moments_that_overflow_are_reported(size):
    for name in ("ei", "ei_l2o", "all_subsets"):
        with pytest.raises(CertificateError, match=rf"moments of {name} \(k=2\) overflow float64: rescale"):
            exact_moments([get_estimator(name, 2)], [[size, 0.0]], [[0.0, 0.0]], 4)
        with pytest.raises(CertificateError, match="overflow"):
            paired_moments([get_estimator(name, 2)], [size, 0.0], [0.0, 0.0], 4, 100)


def test_tensors_of_any_kind_are_taken():
    rewards = torch.tensor([[0.0, 1.0, 2.0]], requires_grad=True)
    logits = torch.zeros(1, 3, dtype=torch.bfloat16)
    (found,) = exact_moments([get_estimator("ei", 2)], rewards, logits, 4)
    (same,) = exact_moments([get_estimator("ei", 2)], [[0.0, 1.0, 2.0]], [[0.0, 0.0, 0.0]], 4)
    assert found.total_variance == same.total_variance
    assert exact_moments([], rewards, logits, 4) == []


def test_cutting_improbable_counts_changes_nothing(monkeypatch):
    rng = np.random.default_rng(11)
    rewards, logits = rng.standard_normal((2, 5, 60))
    estimators = [get_estimator(name, k) for name in ("ei", "ei_l2o") for k in (2, 20)]
    cut = exact_moments(estimators, rewards, logits, 48)
    monkeypatch.setattr(count_chain, "NEGLIGIBLE", 0.0)
    for one, other in zip(cut, exact_moments(estimators, rewards, logits, 48), strict=True):
        np.testing.assert_allclose(one.total_variance, other.total_variance, rtol=1e-13)


def test_large_groups():
    rng = np.random.default_rng(2)
    rewards, logits = rng.standard_normal((2, 40))
    estimators = [get_estimator(name, 100) for name in ("ei", "ei_l2o")]
    found = exact_moments(estimators, rewards, logits, 400)
    for one in found:
        assert one.bias[0] < 1e-10 * np.linalg.norm(one.truth)
        assert np.isfinite(one.total_variance).all()


def test_error_after():
    moments = BanditMoments(np.array([[3.0, 0.0]]), np.array([16.0]), np.array([[0.0, 4.0]]))
    assert moments.bias.tolist() == [5.0]
    np.testing.assert_allclose(moments.error_after([1, 4]), np.sqrt([[41.0], [29.0]]))


def test_what_is_no_gap_sum_is_named():
    for name in NOT_GAP_SUMS:
        with pytest.raises(ValueError, match=rf"{name} \(k=2\) is no sum over reward gaps.*paired_moments"):
            exact_moments([get_estimator("ei", 2), get_estimator(name, 2)], [[0.0, 1.0]], [[0.0, 0.0]], 6)


@pytest.mark.parametrize(
    ("rewards", "logits", "n", "message"),
    [
        ([[0.0, 1.0]], [[0.0]], 6, r"both be \[B, A\].*\[1, 2\] and \[1, 1\]"),
        ([[[0.0]]], [[[0.0]]], 6, r"both be \[B, A\]"),
        ([[0.0, float("nan")]], [[0.0, 0.0]], 6, "finite"),
        ([[0.0, 1.0]], [[0.0, float("inf")]], 6, "finite"),
        ([[0.0, 1.0]], [[0.0, 0.0]], 513, "up to 512, got n=513"),
        ([[0.0, 1.0]], [[0.0, 0.0]], 3, "at least 4 samples"),
        ([[0.0, 1.0]], [[0.0, 0.0]], -3, "n must be an integer >= 1, got -3"),
    ],
)
def test_bad_input(rewards, logits, n, message):
    with pytest.raises(ValueError, match=message):
        exact_moments([get_estimator("ei_l2o", 3)], rewards, logits, n)


class TestGapTable:
    def test_of_expected_improvement(self):
        n, k = 6, 3
        table = gap_table(get_estimator("ei", k), n)
        weights = [count * (count - 1) / ((n - 1) * (n - 2)) for count in range(n)]
        np.testing.assert_allclose(table.above, [*weights, 0.0], atol=1e-15)
        assert not table.below.any()
        assert (table.n, table.offset, table.is_centred) == (6, 0.0, False)

    def test_offset_and_centring(self):
        assert gap_table(get_estimator("all_subsets", 2), 4).offset == pytest.approx(0.5)
        for name in ("ei_l1o", "ei_l2o", "reinforce_l1o", "passk_analytic"):
            assert gap_table(get_estimator(name, 2), 4).is_centred

    @pytest.mark.parametrize("name", sorted(NOT_GAP_SUMS))
    def test_none_for_normalised(self, name):
        assert gap_table(get_estimator(name, 2), 5) is None

    @pytest.mark.parametrize(
        "function",
        [
            lambda rewards, k: ei(rewards, k).clamp(max=3.0),
            lambda rewards, k: ei(rewards, k) * torch.arange(rewards.shape[-1]),
            lambda rewards, k: ei(rewards.tanh(), k),
            lambda rewards, k: ei(rewards, k) * (1 + 1e-7 * rewards.std(-1, keepdim=True)),
            lambda rewards, k: ei(rewards.clamp(min=0), k),
        ],
    )
    def test_none_for_what_only_looks_like_one(self, function):
        assert gap_table(as_estimator(function, 2, name="own"), 5) is None

    def test_probes_find_what_random_groups_do_not(self):
        def own(rewards, k):
            return torch.where(rewards == 7.25, 0.0, ei(rewards, k))

        estimator = as_estimator(own, 2, name="own")
        assert gap_table(estimator, 4) is not None
        assert gap_table(estimator, 4, np.array([[0.0, 1.0, 7.25, 2.0]])) is None
        with pytest.raises(ValueError, match="no sum over reward gaps"):
            exact_moments([estimator], [[0.0, 7.25]], [[0.0, 0.0]], 4)

    def test_predicts_the_estimator(self):
        rewards = np.random.default_rng(1).standard_normal((20, 7))
        estimator = get_estimator("pkpo_sloo", 3)
        predicted = gap_table(estimator, 7).advantages(rewards)
        np.testing.assert_allclose(predicted, estimator(torch.tensor(rewards)).numpy(), atol=1e-14)


def test_a_missing_device_is_named():
    with pytest.raises(ValueError, match=r"device='cuda:99' cannot be used .*device='cpu'"):
        exact_moments([get_estimator("ei", 2)], [[0.0, 1.0]], [[0.0, 0.0]], 4, device="cuda:99")


@pytest.mark.parametrize("given", ["ei", ei])
def test_what_is_no_estimator_is_told_how_to_become_one(given):
    for call in (
        lambda: exact_moments([given], [[0.0, 1.0]], [[0.0, 0.0]], 4),
        lambda: paired_moments([given], [0.0, 1.0], [0.0, 0.0], 4, 100),
        lambda: enumerate_moments(given, [0.0, 1.0], [0.0, 0.0], 4),
        lambda: gap_table(given, 4),
    ):
        with pytest.raises(TypeError, match=r"expected an Estimator, got .*get_estimator\(name, k\).*as_estimator"):
            call()


def test_moments_are_shown_in_a_line():
    (found,) = exact_moments([get_estimator("ei", 2)], [[0.0, 1.0]], [[0.0, 0.0]], 4)
    assert re.fullmatch(r"BanditMoments\(1 bandits of 2 arms, mean bias \S+, mean total variance \S+\)", repr(found))
    small = enumerate_moments(get_estimator("ei", 2), [0.0, 1.0], [0.0, 0.0], 4)
    assert re.fullmatch(r"ExactMoments\(2 arms, bias=\S+, total_variance=\S+, cosine=\S+, nsr=\S+\)", repr(small))
