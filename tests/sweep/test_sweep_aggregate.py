"""Records to tables."""

import math

import pytest

from maxpo_bench.sweep import RunSpec, final_frame, summary_table, to_frame
from maxpo_bench.sweep.aggregate import telling_arguments
from maxpo_bench.sweep.task import make_record


def record(agent, seed, value, **env_kwargs):
    spec = RunSpec("env", agent, seed, iterations=2, env_kwargs=env_kwargs, agent_kwargs={"net": [8, 8]})
    curves = {"iteration": [1, 2], "timesteps": [4, 8], "return_mean": [0.0, value]}
    return {**make_record(spec, "done"), "curves": curves, "summary": {"return_mean": value}, "wall_s": 0.5}


RECORDS = [
    record("a", 0, 1.0, length=3),
    record("a", 1, 3.0, length=3),
    record("a", 2, 8.0, length=3),
    record("b", 0, 5.0, length=3),
    record("b", 0, 7.0),
]


def test_long_form():
    frame = to_frame(RECORDS)
    assert list(frame.columns) == [
        *("id", "env", "agent", "seed", "env.length", "agent.net", "iteration", "timesteps", "return_mean")
    ]
    assert len(frame) == 10
    first = frame[frame["id"] == RECORDS[0]["id"]]
    assert first["return_mean"].tolist() == [0.0, 1.0]
    assert first["iteration"].tolist() == [1, 2]
    assert first["agent.net"].tolist() == [[8, 8]] * 2
    assert frame["env.length"].isna().tolist() == [False] * 8 + [True] * 2


def test_one_row_per_run():
    frame = final_frame(RECORDS)
    assert frame["return_mean"].tolist() == [1.0, 3.0, 8.0, 5.0, 7.0]
    assert frame["wall_s"].tolist() == [0.5] * 5


def test_summary_has_means_and_standard_errors():
    table = summary_table(RECORDS).set_index(["agent", "env.length"])
    assert len(table) == 3
    row = table.loc[("a", 3.0)]
    assert row["runs"] == 3
    assert row["return_mean"] == pytest.approx(4.0)
    assert row["return_mean_se"] == pytest.approx(math.sqrt(13.0 / 3.0))
    alone = table.loc[("b", 3.0)]
    assert (alone["runs"], alone["return_mean"]) == (1, 5.0)
    assert math.isnan(alone["return_mean_se"])
    assert "timesteps" not in table.columns


def test_chosen_metrics_and_empty_stores():
    assert list(summary_table(RECORDS, metrics=[]).columns) == ["env", "agent", "env.length", "runs"]
    assert summary_table([]).empty
    assert to_frame([]).columns.tolist() == final_frame([]).columns.tolist() == ["id", "env", "agent", "seed"]


def test_only_arguments_that_tell_rows_apart_have_columns():
    assert telling_arguments([("a", {"k": 4, "rate": 1}), ("b", {"k": 4}), ("b", {"k": 4})]) == set()
    assert telling_arguments([("a", {"k": 4}), ("b", {"k": 8})]) == {"k"}
    assert telling_arguments([("a", {"k": 4}), ("a", {})]) == {"k"}
    assert telling_arguments([("a", {"net": [8]}), ("a", {"net": [9]}), ("b", {})]) == {"net"}
    same = [record(agent, seed, 1.0, length=3, majority_share=0.8) for agent in ("reinforce", "b") for seed in (0, 1)]
    table = summary_table(same)
    assert list(table.columns) == ["env", "agent", "runs", "return_mean", "return_mean_se"]
    assert table["runs"].tolist() == [2, 2]


def test_interquartile_means_over_seeds_come_on_request():
    runs = [record("a", seed, value) for seed, value in enumerate([-100.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 1000.0])]
    table = summary_table([*runs, record("b", 0, 7.0)], ["return_mean"], with_iqm=True).set_index("agent")
    named = ["return_mean_iqm", "return_mean_iqm_low", "return_mean_iqm_high"]
    estimate, low, high = table.loc["a", named]
    assert estimate == pytest.approx(3.5)
    assert -100.0 <= low < estimate < high <= 1000.0
    again = summary_table([*runs, record("b", 0, 7.0)], ["return_mean"], with_iqm=True).set_index("agent")
    assert again.loc["a", named].tolist() == [estimate, low, high]
    assert table.loc["b", named[0]] == 7.0
    assert table.loc["b", named[1:]].isna().all()
