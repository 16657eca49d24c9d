"""The tiny model's experiment as a sweep: what is tuned, on which seeds, and what is run a second time."""

import json
from dataclasses import replace

import pytest

from maxpo_bench.llm.tiny.experiment import run_of
from maxpo_bench.reproduce.llm import measure as experiment
from maxpo_bench.reproduce.llm.sizes import size_of
from maxpo_bench.sweep.store import RunStore

SIZE = replace(size_of("quick"), methods=("grpo", "pkpo", "maxpo"), seeds=3, tuning=2)


@pytest.fixture
def rows(tmp_path, monkeypatch):
    monkeypatch.setattr(experiment, "EXECUTE", "tiny_lm_fake:execute")
    return experiment.measure(SIZE, tmp_path, workers=2)


def test_learning_rates_are_chosen_on_seeds_that_are_not_judged(rows, tmp_path):
    assert {row.method: row.cell.learning_rate for row in rows} == {"grpo": 1e-4, "pkpo": 3e-4, "maxpo": 1e-4}
    tuning = {seed for row in rows for cell in row.grid for seed in cell.seeds}
    judged = {seed for row in rows for cell in (row.cell, *row.others) for seed in cell.seeds}
    assert (len(tuning), len(judged)) == (2, 3)
    assert not tuning & judged
    assert all([cell.learning_rate for cell in row.grid] == [1e-4, 3e-4] for row in rows)


def test_pkpo_is_trained_at_maxpos_learning_rate_too(rows):
    by_name = {row.method: row for row in rows}
    (other,) = by_name["pkpo"].others
    assert other.learning_rate == by_name["maxpo"].cell.learning_rate
    assert by_name["maxpo"].others == by_name["grpo"].others == ()


def test_a_second_call_runs_nothing(rows, tmp_path, monkeypatch):
    monkeypatch.setattr(experiment, "EXECUTE", "tiny_lm_fake:missing")
    told = []
    again = experiment.measure(SIZE, tmp_path, progress=lambda done, total: told.append((done, total)))
    assert [row.cell.passed.tolist() for row in again] == [row.cell.passed.tolist() for row in rows]
    assert told[-1] == (24, 24)


def test_a_run_of_the_sweep_is_a_run_of_the_tiny_model(rows, tmp_path):
    """Methods of one seed share base and problems; seeds share neither."""
    specs = [record["spec"] for record in RunStore(tmp_path / experiment.RUNS).load_all()]
    config = experiment.configuration(SIZE, dict.fromkeys(SIZE.methods, SIZE.learning_rates), [1, 2])
    runs = [run_of(spec) for spec in config.expand()]
    assert len(specs) == 24
    for seed in (1, 2):
        own = [run for run in runs if run.seed == seed]
        assert len({(run.pretraining_seed, json.dumps(dict(run.task_options))) for run in own}) == 1
        assert {(run.steps, run.eval_problems, run.k) for run in own} == {(20, 64, 4)}
    assert len({run.pretraining_seed for run in runs}) == len({run.task_options["instance"] for run in runs}) == 2
