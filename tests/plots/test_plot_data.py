"""The computed data of the figures, at toy sizes, against direct calls and known facts."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from maxpo_bench import plots
from maxpo_bench.estimators import get_estimator
from maxpo_bench.moments import bias_curve, enumerate_moments, monte_carlo_moments
from maxpo_bench.plots.bandit_moments import Bandits, Spread, kind_of, spreads
from maxpo_bench.plots.data import PLANS, Plan, compute, with_optimum
from maxpo_bench.registry import UnknownNameError

TINY = Plan(
    group_sizes=(4, 6),
    k=2,
    num_arms=20,
    instances=2,
    batches=(10, 40),
    arms=(3, 8),
    num_groups=60,
    objectives=(2, 5),
    seeds=2,
    iterations=20,
    snapshots=3,
    length=30,
)
NAMES = ("bias_vs_batches", "variance_vs_arms", "variance_vs_k", "variance_ratio")


@pytest.mark.parametrize("name", NAMES)
def test_computed_data_can_be_drawn_and_progress_adds_up(name):
    calls = []
    frame = compute(name, TINY, lambda done, total: calls.append((done, total)))
    total = {"bias_vs_batches": 2, "variance_vs_arms": 4, "variance_vs_k": 8, "variance_ratio": 4}[name]
    assert calls == [(done, total) for done in range(1, total + 1)]
    assert len(plots.plot(name, frame).axes) == (2 if name in ("bias_vs_batches", "variance_ratio") else 4)
    pd.testing.assert_frame_equal(frame, compute(name, TINY))


def test_sampled_errors_are_those_of_bias_curve():
    frame = compute("bias_vs_batches", replace(TINY, estimators=("grpo",)))
    rows = frame.query("group_size == 6 and instance == 1")
    bandits = Bandits.generate(0, range(2), 20)
    expected = bias_curve(
        get_estimator("grpo", 2), bandits.arm_rewards[1], bandits.logits[1], 6, (10, 40), bandits.streams[1]
    )
    np.testing.assert_allclose(rows.value, expected.bias)
    assert rows.num_groups.tolist() == [10, 40]
    assert set(frame.k) == {2}
    assert set(frame.kind) == {"sampled"}


def test_sampled_variances_are_those_of_the_moments():
    arms = compute("variance_vs_arms", replace(TINY, estimators=("ei", "grpo")))
    rows = arms.query("estimator == 'grpo' and group_size == 4 and instance == 0")
    for num_arms, value in zip(rows.num_arms, rows.value, strict=True):
        bandits = Bandits.generate(0, range(2), num_arms)
        expected = monte_carlo_moments(
            get_estimator("grpo", 2), bandits.arm_rewards[0], bandits.logits[0], 4, 60, bandits.streams[0]
        )
        assert value == pytest.approx(expected.total_variance)
    assert arms.groupby("estimator").kind.unique().map(list).to_dict() == {"ei": ["exact"], "grpo": ["sampled"]}


def test_exact_variances_and_errors_are_those_of_enumeration():
    small = replace(TINY, num_arms=3, arms=(3,), group_sizes=(4,))
    bandits = Bandits.generate(0, range(2), 3)
    arms, errors = compute("variance_vs_arms", small), compute("bias_vs_batches", small)
    assert set(arms.kind) | set(errors.kind) == {"exact"}
    for name, instance in itertools.product(small.estimators, range(2)):
        found = enumerate_moments(get_estimator(name, 2), bandits.arm_rewards[instance], bandits.logits[instance], 4)
        where = f"estimator == '{name}' and instance == {instance}"
        assert arms.query(where).value.tolist() == pytest.approx([found.total_variance], rel=1e-9)
        expected = [np.sqrt(found.bias**2 + found.total_variance / count) for count in (10, 40)]
        assert errors.query(where).value.tolist() == pytest.approx(expected, rel=1e-9)


def test_k_goes_over_the_whole_range_at_a_fixed_number_of_arms():
    frame = compute("variance_vs_k", TINY)
    assert sorted(frame.query("group_size == 6").k.unique()) == [1, 2, 3, 4, 5]
    assert set(frame.num_arms) == {20}


def test_the_arms_frame_holds_one_minus_the_policys_square():
    frame = compute("variance_vs_arms", TINY)
    logits = Bandits.generate(0, [1], 8).logits[0]
    policy = np.exp(logits) / np.exp(logits).sum()
    values = frame.query("instance == 1 and num_arms == 8").score_square
    np.testing.assert_allclose(values, 1 - (policy**2).sum())


def test_exact_and_sampled_estimators_keep_their_places():
    bandits = Bandits.generate(0, range(3), 5)
    names = ("grpo", "ei", "bon_mean", "ei_l2o")
    together = spreads([get_estimator(name, 2) for name in names], bandits, 4, num_groups=50)
    for name, spread in zip(names, together, strict=True):
        (alone,) = spreads([get_estimator(name, 2)], bandits, 4, num_groups=50)
        np.testing.assert_allclose(spread.total_variance, alone.total_variance, rtol=1e-12)
        assert spread.kind == alone.kind == kind_of(get_estimator(name, 2), 4)
        assert (spread.bias is None) == (spread.kind == "sampled")


def test_a_sampled_variance_tells_nothing_of_the_error():
    with pytest.raises(ValueError, match="needs an exact bias: sample it"):
        Spread("sampled", np.ones(2)).error_after([10])


def test_bandits_of_fewer_arms_are_the_first_arms_of_larger_ones():
    small, large = (Bandits.generate(3, [0, 7], arms) for arms in (4, 9))
    np.testing.assert_array_equal(small.arm_rewards, large.arm_rewards[:, :4])
    np.testing.assert_array_equal(small.logits, large.logits[:, :4])
    assert small.streams == large.streams
    assert len({*small.streams, *Bandits.generate(4, [0, 7], 4).streams}) == 4


def test_variance_ratio_leaves_out_what_has_no_l2o_baseline():
    frame = compute("variance_ratio", TINY)
    assert set(zip(frame.group_size, frame.k, strict=True)) == {(4, 2), (6, 2), (6, 5)}
    assert sorted(frame.iteration.unique()) == [0, 10, 20]
    assert sorted(frame.seed.unique()) == [0, 1]
    assert (frame.value > 0).all()


def test_unbiased_estimators_fall_as_the_square_root_and_the_biased_one_levels_off():
    plan = replace(TINY, group_sizes=(8,), k=4, batches=(100, 10**6, 10**8))
    table = compute("bias_vs_batches", plan).pivot(
        index=["estimator", "instance"], columns="num_groups", values="value"
    )
    for name in ("ei", "ei_l2o"):
        np.testing.assert_allclose(table.loc[name][10**6] / table.loc[name][100], 0.01, rtol=1e-9)
    np.testing.assert_allclose(table.loc["ei_l1o"][10**8] / table.loc["ei_l1o"][10**6], 1.0, rtol=0.05)


def test_named_plans_and_their_sizes():
    assert PLANS["paper"].instances == 100
    assert PLANS["paper"].batches[-1] == 100_000
    with pytest.raises(UnknownNameError, match="quick"):
        compute("bias_vs_batches", "quik")
    with pytest.raises(UnknownNameError, match="variance_vs_k"):
        compute("variance_vs_kk", TINY)


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_estimator_is_named_with_the_nearest(name):
    with pytest.raises(UnknownNameError, match=r"unknown estimator 'ei_l20'\. Did you mean 'ei_l2o'"):
        compute(name, replace(TINY, estimators=("ei", "ei_l20")))


def test_the_variance_ratio_is_of_two_fixed_estimators():
    with pytest.raises(ValueError, match=r"by definition .* got estimators grpo: leave them out"):
        compute("variance_ratio", replace(TINY, estimators=("grpo",)))


def test_nothing_to_compute_says_why():
    with pytest.raises(ValueError, match="takes K=4 with group sizes"):
        compute("bias_vs_batches", replace(TINY, estimators=("ei_l2o",), k=4, group_sizes=(4,)))
    with pytest.raises(ValueError, match="lower k or raise group_sizes"):
        compute("variance_vs_arms", replace(TINY, k=9))


def test_with_optimum_asks_each_environment():
    frame = pd.DataFrame(
        {
            "env": ["maxpo/Maze-v0", "maxpo/Maze-v0", "maxpo/Bandit-v0", "CartPole-v1", "Missing-v0"],
            "env.length": [30, 50, np.nan, np.nan, np.nan],
            "env.num_arms": [np.nan, np.nan, 7, np.nan, np.nan],
            "iteration": 1,
        }
    )
    best = plots.data.with_optimum(frame).optimum
    assert best[:2].tolist() == [30.0, 50.0]
    from maxpo_bench.envs import BanditInstance

    assert best[2] == BanditInstance.generate(7, 0).arm_rewards.max()
    assert best[3:].isna().all()
    assert with_optimum(frame).drop(columns="optimum").equals(frame)
