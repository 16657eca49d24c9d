"""Learning on the maze: the stored curve, and whose state a run sees."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import trim_mean

from maxpo_bench.agents.maze_population import train_population
from maxpo_bench.envs.maze import MazeLayout
from maxpo_bench.estimators import as_estimator, get_estimator
from maxpo_bench.leaderboard.learning import MAX_POINTS, learning_curve, measure_learning
from maxpo_bench.leaderboard.submission import built_in
from maxpo_bench.leaderboard.suite import MazeTrack
from maxpo_bench.seeding import derive_seed

TRACK = MazeTrack(30, 0.8, 8, 4, 100, 20, (0.3, 1.0), 2, 8)


def test_curve_is_that_of_the_evaluation_runs():
    found = measure_learning(built_in("ei_l2o"), "quick-1", TRACK).to_dict()
    seeds = [derive_seed(0, "suite", "quick-1", "maze", "evaluation", index) for index in range(8)]
    again = train_population(
        [MazeLayout.generate(30, 0.8, 1, instance=seed) for seed in seeds],
        get_estimator("ei_l2o", 4),
        n=8,
        learning_rates=[found["learning_rate"]] * 8,
        seeds=seeds,
        iterations=100,
        record_every=20,
    )
    curve = found["curve"]
    assert curve["iterations"] == [20, 40, 60, 80, 100]
    np.testing.assert_allclose(curve["mean"], trim_mean(again.return_mean, 0.25, axis=1), rtol=5.1e-4)
    np.testing.assert_array_equal(found["returns"], again.return_mean[-1])
    low, mean, high = (np.array(curve[key]) for key in ("low", "mean", "high"))
    assert (low <= mean).all()
    assert (mean <= high).all()
    assert json.loads(json.dumps(found, allow_nan=False)) == found


@pytest.mark.parametrize(("records", "points"), [(1, 1), (60, 60), (61, 31), (150, 50), (1000, 59)])
def test_long_curves_are_averaged_down(records, points):
    returns = np.repeat(np.arange(1.0, records + 1)[:, None], 4, axis=1)
    curve = learning_curve(20 * np.arange(1, records + 1), returns, np.random.default_rng(0))
    assert len(curve.mean) == points <= MAX_POINTS
    assert curve.iterations[-1] == 20 * records
    together = -(-records // MAX_POINTS)
    assert curve.mean[0] == (1 + together) / 2
    assert curve.low == curve.mean == curve.high  # the seeds agree


def test_limits_cover_the_middle_of_the_seeds_that_differ():
    """Of 40 normal values, limits 1.96 standard errors of an interquartile mean (0.19 each) apart; seeded."""
    returns = 5.0 + np.random.default_rng(1).standard_normal((50, 40))
    curve = learning_curve(np.arange(1, 51), returns, np.random.default_rng(2))
    widths = np.subtract(curve.high, curve.low)
    assert 0.5 < np.median(widths) < 1.0
    assert np.mean((np.array(curve.low) < 5) & (np.array(curve.high) > 5)) > 0.8


def test_an_estimator_with_a_state_starts_afresh_in_every_training():
    base, calls = built_in("ei_l2o"), []

    def build_rows(k):
        seen = []
        calls.append(seen)

        def advantages(rewards, k):
            seen.append(rewards.shape[0])
            return rewards / len(seen)

        return as_estimator(advantages, k, name="decaying")

    candidate = SimpleNamespace(metadata=base.metadata, supports=base.supports, build_rows=build_rows)
    measure_learning(candidate, "quick-1", replace(TRACK, iterations=40))
    assert [set(seen) for seen in calls] == [{4}, {8}]  # two rates x two tuning seeds; eight evaluation seeds
    assert [len(seen) for seen in calls] == [40, 40]
