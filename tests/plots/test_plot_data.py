"""The computed data of the figures, at toy sizes, against direct calls and known facts.

False alarms: the slope test allows a factor of 2.3 around 30^(-1/2) for the geometric mean over 20 instances of a ratio
of two error norms, whose logarithm has a standard deviation of 0.63 (EI), 0.49 (EI+L2O) and 0.37 (EI+L1O, expected at
0.73), measured on 200 instances: 5.9 standard errors or more, below 1e-8.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from maxpo_bench import plots
from maxpo_bench.estimators import get_estimator
from maxpo_bench.moments import bias_curve, monte_carlo_moments
from maxpo_bench.plots.data import PLANS, Plan, _bandit, _stream, compute, with_optimum
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
    total = {"bias_vs_batches": 4, "variance_vs_arms": 8, "variance_vs_k": 16, "variance_ratio": 4}[name]
    assert calls == [(done, total) for done in range(1, total + 1)]
    assert len(plots.plot(name, frame).axes) == (2 if name in ("bias_vs_batches", "variance_ratio") else 4)
    pd.testing.assert_frame_equal(frame, compute(name, TINY))


def test_bias_is_that_of_bias_curve():
    frame = compute("bias_vs_batches", TINY).query("estimator == 'ei' and group_size == 6 and instance == 1")
    expected = bias_curve(get_estimator("ei", 2), *_bandit(TINY, 1, 20), 6, (10, 40), _stream(TINY, 1))
    np.testing.assert_allclose(frame.value, expected.bias)
    assert frame.num_groups.tolist() == [10, 40]
    assert set(frame.k) == {2}


def test_variances_are_those_of_the_moments():
    arms = compute("variance_vs_arms", TINY).query("estimator == 'ei_l2o' and group_size == 4 and instance == 0")
    for num_arms, value in zip(arms.num_arms, arms.value, strict=True):
        rewards, logits = _bandit(TINY, 0, num_arms)
        expected = monte_carlo_moments(get_estimator("ei_l2o", 2), rewards, logits, 4, 60, _stream(TINY, 0))
        assert value == pytest.approx(expected.total_variance)
    frame = compute("variance_vs_k", TINY)
    assert sorted(frame.query("group_size == 6").k.unique()) == [1, 2, 3, 4, 5]
    assert set(frame.num_arms) == {20}


def test_variance_ratio_leaves_out_what_has_no_l2o_baseline():
    frame = compute("variance_ratio", TINY)
    assert set(zip(frame.group_size, frame.k, strict=True)) == {(4, 2), (6, 2), (6, 5)}
    assert sorted(frame.iteration.unique()) == [0, 10, 20]
    assert sorted(frame.seed.unique()) == [0, 1]
    assert (frame.value > 0).all()


def test_unbiased_estimators_fall_as_the_square_root_and_the_biased_one_levels_off():
    plan = replace(TINY, group_sizes=(8,), k=4, batches=(100, 3000), instances=20)
    table = compute("bias_vs_batches", plan).pivot(
        index=["estimator", "instance"], columns="num_groups", values="value"
    )
    falls = np.log(table[3000] / table[100]).unstack("instance")
    fall = np.exp(falls.mean(axis=1))
    for name in ("ei", "ei_l2o"):
        assert 30**-0.5 / 2.3 < fall[name] < 30**-0.5 * 2.3
    assert fall["ei_l1o"] > 30**-0.5 * 2.3


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
