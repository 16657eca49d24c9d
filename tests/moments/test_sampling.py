"""Both engines of the Monte-Carlo moments: the actions they draw, and their sums against a loop and enumeration.

Statistical bounds are 6.5 standard errors from 400 segments (a t statistic with 399 degrees of freedom is beyond them
with chance 2.4e-10; there are fewer than 200 of them), or a chi-square statistic with a tail of 1e-9.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from plain_loop import plain_moments
from sampling_paths import PATHS, draw_by, moments_by, spy, sums_by
from scipy import stats

from maxpo_bench.estimators import Estimator, as_estimator, get_estimator
from maxpo_bench.moments import (
    CertificateError,
    bias_curve,
    enumerate_moments,
    monte_carlo_moments,
    paired_moments,
    sampling,
    sampling_device,
)
from maxpo_bench.moments.blackbox import evaluate
from maxpo_bench.seeding import derive_seed

ERRORS = 6.5
SEGMENTS = [100] * 400
TAIL = 1e-9


def first_sample_only(rewards: torch.Tensor, k: int) -> torch.Tensor:
    answer = torch.zeros_like(rewards)
    answer[..., 0] = rewards[..., 0] - rewards[..., 1:].mean(dim=-1)
    return answer


def position_weighted(rewards: torch.Tensor, k: int) -> torch.Tensor:
    """Advantages that fall with the number of earlier samples that pay less: the order of drawing matters."""
    return torch.stack([rewards[..., i] - rewards[..., :i].sum(dim=-1) for i in range(rewards.shape[-1])], dim=-1)


ESTIMATORS = {
    "ei": get_estimator("ei", 3),
    "ei_l1o": get_estimator("ei_l1o", 3),
    "ei_l2o": get_estimator("ei_l2o", 3),
    "grpo": get_estimator("grpo", 3),
    "pkpo_sloo": get_estimator("pkpo_sloo", 3),
    "first sample only": as_estimator(first_sample_only, 3),
    "position weighted": as_estimator(position_weighted, 3),
}


def bandit(arms: int, *path: str | int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(derive_seed(9, "sampling tests", arms, *path))
    return rng.normal(size=arms), rng.normal(size=arms)


def assert_exact_moments(path: str, estimator: Estimator, rewards: np.ndarray, logits: np.ndarray, n: int) -> None:
    exact = enumerate_moments(estimator, rewards, logits, n)
    found = moments_by(path, [estimator], rewards, logits, n, SEGMENTS, seed=3)[0]
    rounding = 1e-12 * (1.0 + exact.total_variance)
    assert (np.abs(found.mean - exact.mean) <= ERRORS * found.mean_standard_error + rounding).all()
    for metric in ("total_variance", "advantage_rms", "group_mean_rms"):
        bound = ERRORS * found.standard_error(metric) + rounding
        assert abs(getattr(found, metric) - getattr(exact, metric)) <= bound, metric


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_moments_agree_with_enumeration(path: str, name: str):
    """Estimators that look at positions are enumerated over ordered tuples, so these groups must not be sorted."""
    rewards, logits = bandit(4, "enumeration")
    estimator = ESTIMATORS[name]
    assert enumerate_moments(estimator, rewards, logits, 5).is_equivariant == (name not in list(ESTIMATORS)[-2:])
    assert_exact_moments(path, estimator, rewards, logits, 5)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "logits", [[0.0, 0.5, -1.0, 0.2, 0.1], [5.0, 0.0, 0.0, 1.0, 0.0], [0.0, -800.0, 0.0, 1.0, 0.0]]
)
def test_tied_rewards_and_lopsided_policies_agree_with_enumeration(path: str, logits: list[float]):
    assert_exact_moments(path, ESTIMATORS["ei_l2o"], np.array([1.0, 0.0, 1.0, 0.0, 2.0]), np.array(logits), 5)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("arms", [1, 3, 500])
def test_sums_equal_a_plain_loop(path: str, arms: int, monkeypatch: pytest.MonkeyPatch):
    """Chunks of 7 groups and segments of other sizes: nothing is lost, doubled or put elsewhere at their edges."""
    monkeypatch.setattr(sampling, "CHUNK_SAMPLES", 44)
    monkeypatch.setattr(sampling_device, "DEVICE_CHUNK_SAMPLES", 44)
    rewards, logits = bandit(arms, "loop")
    seen: list[np.ndarray] = []
    estimators = [spy(seen), *ESTIMATORS.values()]
    sizes = [1, 30, 7, 7, 1, 54]
    found = moments_by(path, estimators, rewards, logits, 6, sizes)
    assert max(len(chunk) for chunk in seen) == 7
    order = np.argsort(rewards)
    actions = order[np.searchsorted(rewards[order], np.concatenate(seen))]
    assert actions.shape == (100, 6)
    for estimator, moments in zip(estimators, found, strict=True):
        mean, variance = plain_moments(estimator, rewards, logits, actions)
        np.testing.assert_allclose(moments.mean, mean, rtol=0, atol=1e-13 * (1 + np.abs(mean).max()))
        assert moments.total_variance == pytest.approx(variance, rel=1e-11, abs=1e-13)
        edges = np.cumsum([0, *sizes])
        for index, rows in enumerate(itertools.pairwise(edges)):
            part = actions[slice(*rows)]
            alone = plain_moments(estimator, rewards, logits, np.concatenate([part, part]))[0]
            np.testing.assert_allclose(moments.segments.mean[index], alone, rtol=0, atol=1e-12)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("lead", [5.0, 12.0, 40.0])
def test_a_policy_with_almost_all_mass_on_one_arm_equals_a_plain_loop(path: str, lead: float):
    """Total advantages are about 10 and gradients down to 1e-16: what cancels leaves rounding errors only."""
    rewards, logits = np.array([1.0, 2.0, 3.0]), np.array([0.0, lead, 0.0])
    seen: list[np.ndarray] = []
    found = moments_by(path, [spy(seen)], rewards, logits, 4, [1000, 1000])[0]
    mean, variance = plain_moments(spy([]), rewards, logits, np.concatenate(seen).astype(np.int64) - 1)
    np.testing.assert_allclose(found.mean, mean, rtol=0, atol=1e-13)
    assert found.total_variance == pytest.approx(variance, rel=1e-11, abs=1e-12)


@pytest.mark.parametrize("path", PATHS)
def test_a_group_larger_than_a_chunk_is_one_chunk(path: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sampling, "CHUNK_SAMPLES", 4)
    monkeypatch.setattr(sampling_device, "DEVICE_CHUNK_SAMPLES", 4)
    assert draw_by(path, np.zeros(3), 9, 5).shape == (5, 9)


def test_both_paths_agree():
    rewards, logits = bandit(200, "paths")
    estimators = list(ESTIMATORS.values())[:3]
    compiled, other = (moments_by(path, estimators, rewards, logits, 8, SEGMENTS) for path in ("compiled", "torch"))
    for first, second in zip(compiled, other, strict=True):
        error = np.hypot(first.mean_standard_error, second.mean_standard_error)
        assert (np.abs(first.mean - second.mean) < ERRORS * error + 1e-12).mean() > 0.99  # arms hardly drawn have none
        bound = ERRORS * np.hypot(*(each.standard_error("total_variance") for each in (first, second)))
        assert 0 < bound < 0.05 * first.total_variance
        assert abs(first.total_variance - second.total_variance) < bound
        assert not np.array_equal(first.mean, second.mean)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("arms", [2, 100, 10_000])
def test_actions_follow_the_policy(path: str, arms: int):
    logits = bandit(arms, "policy")[1]
    actions = draw_by(path, logits, 16, 40_000)
    policy = np.exp(logits) / np.exp(logits).sum()
    common = policy * actions.size >= 10
    expected = np.append(policy[common], policy[~common].sum()) * actions.size
    counts = np.bincount(actions.ravel(), minlength=arms)
    observed = np.append(counts[common], counts[~common].sum())
    kept = expected > 0
    assert stats.chisquare(observed[kept], expected[kept]).pvalue > TAIL


@pytest.mark.parametrize("path", PATHS)
def test_samples_are_independent_and_in_random_order(path: str):
    actions = draw_by(path, np.array([0.0, 0.3, -0.5, 1.0]), 5, 40_000)
    by_position = np.stack([np.bincount(column, minlength=4) for column in actions.T])
    assert stats.chi2_contingency(by_position).pvalue > TAIL
    pairs = ((actions[:, :-1], actions[:, 1:]), (actions[:-1], actions[1:]), (actions[:-1, -1], actions[1:, 0]))
    for before, after in pairs:
        table = np.bincount((4 * before + after).ravel(), minlength=16).reshape(4, 4)
        assert stats.chi2_contingency(table).pvalue > TAIL


@pytest.mark.parametrize("path", PATHS)
def test_arms_without_probability_are_never_drawn(path: str):
    logits = np.full(1000, -800.0)
    logits[[3, 700]] = 0.0, -1.0
    assert set(np.unique(draw_by(path, logits, 16, 20_000))) == {3, 700}
    logits[700] = -800.0
    assert (draw_by(path, logits, 16, 20_000) == 3).all()


@pytest.mark.parametrize("path", PATHS)
def test_one_arm_has_no_gradient(path: str):
    found = moments_by(path, [ESTIMATORS["ei"], as_estimator(lambda r, k: r, 2)], np.array([2.0]), np.zeros(1), 4, [50])
    for moments in found:
        assert moments.mean == pytest.approx([0.0], abs=1e-14)
        assert moments.total_variance == pytest.approx(0.0, abs=1e-13)


@pytest.mark.parametrize("path", PATHS)
def test_a_seed_gives_the_same_bits_however_it_is_cut_and_whoever_else_is_there(path: str):
    rewards, logits = bandit(50, "bits")
    estimator = ESTIMATORS["ei_l2o"]
    [first] = sums_by(path, [estimator], rewards, logits, 8, [4000, 1000], seed=7)
    *_, again = sums_by(path, [*ESTIMATORS.values(), estimator], rewards, logits, 8, [4000, 1000], seed=7)
    np.testing.assert_array_equal(first.by_arm, again.by_arm)
    np.testing.assert_array_equal(first.sums, again.sums)
    [cut] = sums_by(path, [estimator], rewards, logits, 8, [1, 3999, 500, 500, 1], seed=7)
    np.testing.assert_allclose(cut.by_arm[:2].sum(axis=0), first.by_arm[0], rtol=0, atol=1e-10)
    np.testing.assert_allclose(cut.sums[2:4].sum(axis=0), first.sums[1], rtol=1e-12, atol=1e-10)
    [other] = sums_by(path, [estimator], rewards, logits, 8, [4000, 1000], seed=8)
    assert not np.array_equal(first.sums, other.sums)


@pytest.mark.parametrize("path", PATHS)
def test_estimators_see_the_same_groups_and_fewer_groups_are_a_prefix(path: str):
    logits = bandit(30, "paired")[1]
    first, second, fewer = [], [], []
    sums_by(path, [spy(first, "a"), spy(second, "b")], np.arange(30.0), logits, 5, [9000], seed=3)
    sums_by(path, [spy(fewer, "c")], np.arange(30.0), logits, 5, [50, 20], seed=3)
    np.testing.assert_array_equal(np.concatenate(first), np.concatenate(second))
    np.testing.assert_array_equal(np.concatenate(first)[:70], np.concatenate(fewer))


def test_chunks_do_not_change_the_compiled_stream(monkeypatch: pytest.MonkeyPatch):
    logits = bandit(30, "chunks")[1]
    whole = draw_by("compiled", logits, 6, 500)
    monkeypatch.setattr(sampling, "CHUNK_SAMPLES", 44)
    np.testing.assert_array_equal(draw_by("compiled", logits, 6, 500), whole)


@pytest.mark.parametrize("path", PATHS)
def test_an_interrupt_gets_through_between_chunks(path: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sampling_device, "DEVICE_CHUNK_SAMPLES", sampling.CHUNK_SAMPLES)
    calls = []

    def interrupted(rewards: torch.Tensor, k: int) -> torch.Tensor:
        calls.append(rewards.numel())
        if len(calls) == 3:
            raise KeyboardInterrupt
        return rewards

    with pytest.raises(KeyboardInterrupt):
        sums_by(path, [as_estimator(interrupted, 2)], np.arange(5.0), np.zeros(5), 8, [10**6])
    assert calls == [sampling.CHUNK_SAMPLES] * 3


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda r, k: r.mul_(2), "changes its input"),
        (lambda r, k: torch.where(r == r.min(), torch.inf, r), "not finite"),
        (lambda r, k: (r - 1.5) / 0, "not finite"),
        (lambda r, k: r.float(), "keep the dtype"),
        (lambda r, k: r[..., :1], "shape"),
        (lambda r, k: 1 / (r - 3), r"not finite for rewards=\[.*3.*\]"),
    ],
)
def test_a_faulty_estimator_is_reported(path: str, broken, message: str):
    with pytest.raises(CertificateError, match=message):
        sums_by(path, [as_estimator(broken, 2, name="broken")], np.arange(5.0), np.zeros(5), 4, [200])


def test_large_finite_advantages_are_finite():
    """Their sum overflows, and no warning is given."""
    rewards = np.array([[1.0, 2.0], [3.0, 4.0]])
    rewards.setflags(write=False)
    huge = evaluate(as_estimator(lambda r, k: torch.full_like(r, 1.7e308), 1, name="huge"), rewards)
    assert (huge == 1.7e308).all()
    borrowed = evaluate(as_estimator(lambda r, k: r[:, :1].expand(r.shape).requires_grad_(), 1, name="view"), rewards)
    np.testing.assert_array_equal(borrowed, [[1.0, 1.0], [3.0, 3.0]])
    borrowed += 1.0


@pytest.mark.parametrize("device", ["cuda:99", "meta", "abacus"])
def test_a_device_that_is_not_there_is_named(device: str):
    rewards, logits = bandit(5, "device")
    with pytest.raises(ValueError, match=f"device='{device}' cannot be used .*: use device='cpu'"):
        paired_moments([ESTIMATORS["ei"]], rewards, logits, 4, 100, device=device)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is here")
def test_cuda_is_asked_for_and_missing():
    rewards, logits = bandit(5, "device")
    with pytest.raises(ValueError, match="torch sees no CUDA device"):
        paired_moments([ESTIMATORS["ei"]], rewards, logits, 4, 100, device="cuda")


def test_another_device_draws_evaluates_and_adds_up_by_itself(monkeypatch: pytest.MonkeyPatch):
    """Torch's CPU in the place of a GPU: every entry point hands the device on, and estimates share their groups."""
    used: list[torch.device] = []

    def on_the_cpu(*arguments):
        used.append(arguments[-1])
        return sampling_device.sum_question(*arguments[:-1], torch.device("cpu"))

    monkeypatch.setattr(sampling, "find_device", torch.device)
    monkeypatch.setattr(sampling, "sum_question_on_device", on_the_cpu)
    rewards, logits = bandit(20, "device")
    estimators = [ESTIMATORS["ei"], ESTIMATORS["ei_l2o"]]
    pair = paired_moments(estimators, rewards, logits, 6, 3000, seed=2, device="cuda:1")
    alone = monte_carlo_moments(estimators[1], rewards, logits, 6, 3000, seed=2, device="cuda:1")
    curve = bias_curve(estimators[1], rewards, logits, 6, [40, 3000], seed=2, device="cuda:1")
    assert used == [torch.device("cuda:1")] * 3
    np.testing.assert_array_equal(pair[1].mean, alone.mean)
    assert curve.bias[1] == pytest.approx(alone.bias, rel=1e-10)
    compiled = monte_carlo_moments(estimators[1], rewards, logits, 6, 3000, seed=2)
    assert not np.array_equal(compiled.mean, alone.mean)
    by_stream = moments_by("torch", estimators, rewards, logits, 6, [3000], seed=derive_seed(2, "groups", 0))
    np.testing.assert_allclose(by_stream[0].mean, pair[0].mean, rtol=0, atol=1e-12)


def test_the_cpu_is_a_device_too():
    rewards, logits = bandit(5, "device")
    first, second = (
        paired_moments([ESTIMATORS["ei"]], rewards, logits, 4, 100, device=device)[0]
        for device in ("cpu", torch.device("cpu"))
    )
    np.testing.assert_array_equal(first.mean, second.mean)
