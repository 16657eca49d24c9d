"""Which runs repeat one another, by which metric, on which scale."""

import inspect

import numpy as np
import pytest
from run_records import BANDIT, MAZE, run, runs

from maxpo_bench.agents import GroupPolicyGradient, make_agent
from maxpo_bench.sweep.optimum import optimal_value
from maxpo_bench.sweep.score_reading import DEFAULT_K, read_scores


def test_variants_and_tasks_are_told_apart_by_the_arguments_that_differ():
    records = [
        *runs("ei", [1.0, 2.0], k=4, learning_rate=0.3, group_size=8),
        *runs("ei", [1.0, 2.0], k=4, learning_rate=0.1, group_size=8),
        *runs("ppo", [1.0, 2.0], env_kwargs={"length": 20}, k=4),
    ]
    scores = read_scores(records, normalise="none")
    assert {row.variant for row in scores.rows} == {"ei (learning_rate=0.3)", "ei (learning_rate=0.1)", "ppo"}
    assert scores.tasks == ["maxpo/Maze-v0 (length=10)", "maxpo/Maze-v0 (length=20)"]
    assert scores.seeds == [0, 1]
    assert sorted(scores.cells()) == [
        ("ei (learning_rate=0.1)", scores.tasks[0]),
        ("ei (learning_rate=0.3)", scores.tasks[0]),
        ("ppo", scores.tasks[1]),
    ]
    assert scores.cells()["ppo", scores.tasks[1]][1].value == 2.0


def test_arguments_to_tune_tell_no_variants_apart():
    records = runs("ei", [1.0], learning_rate=0.3) + runs("ei", [2.0], learning_rate=0.1) + runs("ppo", [3.0])
    rows = read_scores(records, tune=["learning_rate"]).rows
    assert {row.variant for row in rows} == {"ei", "ppo"}
    assert [row.tuned["learning_rate"] for row in rows] == [0.3, 0.1, None]
    with pytest.raises(ValueError, match=r"several values of 'learning_rat'\. Did you mean 'learning_rate'\?"):
        read_scores(records, tune=["learning_rat"])


def test_several_tasks_are_divided_by_their_optima_and_one_is_not():
    short = runs("ei", [5.0, 10.0])
    long = runs("ei", [5.0, 10.0], env_kwargs={"length": 20})
    assert [row.value for row in read_scores(short).rows] == [5.0, 10.0]
    both = read_scores([*short, *long])
    assert [row.value for row in both.rows] == [0.5, 1.0, 0.25, 0.5]
    assert both.optima == {"maxpo/Maze-v0 (length=10)": 10.0, "maxpo/Maze-v0 (length=20)": 20.0}
    assert both.unit == "return_mean / optimum"
    assert [row.value for row in read_scores(short, normalise="optimum").rows] == [0.5, 1.0]
    assert [row.value for row in read_scores([*short, *long], normalise="none").rows] == [5.0, 10.0] * 2


def test_what_has_no_positive_optimum_is_not_divided_by_it():
    records = runs("ei", [1.0]) + runs("ei", [1.0], env="CartPole-v1", env_kwargs={"sutton_barto_reward": True})
    with pytest.raises(ValueError, match=r"no positive optimum is known for CartPole-v1.*--normalise none"):
        read_scores(records)
    assert len(read_scores(records, envs=[MAZE]).rows) == 1
    assert optimal_value("nobody/Has-this-v0", {}) is None
    assert optimal_value("CartPole-v1", {}) is None


def test_max_at_k_is_divided_by_the_optimum_of_max_at_k_where_there_is_one():
    name, kwargs = "maxpo/BernoulliBandit-v0", {"arm_probabilities": [0.5, 0.1]}
    assert optimal_value(name, kwargs) == pytest.approx(0.5)
    assert optimal_value(name, kwargs, 2) == pytest.approx(0.75)
    assert optimal_value(MAZE, {"length": 10}, 2) == 10.0
    slippery = {"length": 3, "slip": 0.2}
    reached = 0.9 ** np.arange(1, 4)
    assert optimal_value("maxpo/StochasticMaze-v0", slippery) == pytest.approx(reached.sum())
    assert optimal_value("maxpo/StochasticMaze-v0", slippery, 4) == pytest.approx((1 - (1 - reached) ** 4).sum())
    both = {"exact_max_at_k": 0.6, "return_mean": 0.4}
    records = runs("ei", [both], name, k=2, env_kwargs=kwargs) + runs("ei", [both], k=2)
    assert read_scores(records).optima == {name: pytest.approx(0.75), MAZE: 10.0}
    assert read_scores(records, "return_mean").optima == {name: pytest.approx(0.5), MAZE: 10.0}


def test_only_returns_are_divided_by_an_optimal_return():
    records = runs("ei", [1.0], metric="entropy") + runs("ei", [1.0], BANDIT, metric="entropy", env_kwargs={})
    with pytest.raises(ValueError, match="entropy cannot be divided by an optimal return"):
        read_scores(records, "entropy")
    assert len(read_scores(records, "entropy", normalise="none").rows) == 2
    with pytest.raises(ValueError, match="normalise must be auto, optimum or none"):
        read_scores(records, "entropy", normalise="optimal")  # pyright: ignore[reportArgumentType]


def test_the_metric_is_the_first_that_all_runs_share():
    exact = {"exact_max_at_k": 3.0, "exact_return": 2.0, "return_mean": 1.0}
    records = runs("ei", [exact])
    assert read_scores(records).metric == "exact_max_at_k"
    assert read_scores([*records, *runs("ppo", [{"exact_max_at_k": None, "return_mean": 1.0}])]).metric == "return_mean"
    assert read_scores([*records, *runs("ei", [exact], k=8)]).metric == "exact_return"
    assert read_scores([*records, *runs("ei", [exact], k=DEFAULT_K, group_size=8)]).metric == "exact_max_at_k"
    with pytest.raises(ValueError, match="the runs share no return: choose a metric of entropy, timesteps"):
        read_scores(runs("ei", [{"entropy": 1.0}]))


def test_max_at_k_of_different_k_is_not_compared():
    records = runs("ei", [1.0], metric="exact_max_at_k", k=2) + runs("ei", [1.0], metric="exact_max_at_k")
    with pytest.raises(ValueError, match="exact_max_at_k is of another K in some runs"):
        read_scores(records, "exact_max_at_k")


def test_the_default_k_is_the_agents():
    assert inspect.signature(GroupPolicyGradient).parameters["k"].default == DEFAULT_K
    assert make_agent("ppo", BANDIT).k == DEFAULT_K


def test_runs_without_the_metric_are_named():
    records = runs("ei", [1.0, 2.0]) + runs("ppo", [{"exact_return": 1.0}])
    with pytest.raises(ValueError, match=rf"1 of 3 runs have no return_mean: {records[2]['id']} \(ppo on {MAZE}\)"):
        read_scores(records, "return_mean")
    assert len(read_scores(records, "return_mean", agents=["pkpo"]).rows) == 2
    with pytest.raises(ValueError, match=r"no run has the metric 'return_meen'\. Did you mean 'return_mean'"):
        read_scores(records[:2], "return_meen")
    many = runs("ppo", [{"exact_return": 1.0}] * 7)
    with pytest.raises(ValueError, match=r"7 of 8 runs have no return_mean: .* and others"):
        read_scores([*many, run("ei", 0, 1.0)], "return_mean")


def test_two_runs_of_one_seed_are_named():
    scores = read_scores([run("ei", 0, 1.0), run("ei", 0, 2.0, iterations=3)])
    with pytest.raises(ValueError, match=r"ei on maxpo/Maze-v0 has two runs with seed 0, .* give each sweep a folder"):
        scores.cells()


def test_filters_name_the_nearest():
    records = runs("ei", [1.0])
    with pytest.raises(ValueError, match=r"no run of agent 'ei_l2o' is there\. Did you mean 'ei'"):
        read_scores(records, agents=["ei_l2o"])
    with pytest.raises(ValueError, match=r"no run on environment 'maxpo/Mase-v0' is there\. Did you mean"):
        read_scores(records, envs=["maxpo/Mase-v0"])
    with pytest.raises(ValueError, match="no finished runs"):
        read_scores([])


def test_scores_as_a_frame():
    frame = read_scores(runs("ei", [1.0, 2.0], k=2) + runs("ei", [3.0], k=4)).to_frame()
    assert list(frame.columns) == ["id", "env", "task", "agent", "variant", "seed", "score", "unit", "agent.k"]
    assert frame["score"].tolist() == [1.0, 2.0, 3.0]
    assert frame["variant"].tolist() == ["ei (k=2)", "ei (k=2)", "ei (k=4)"]
    assert set(frame["unit"]) == {"return_mean"}
