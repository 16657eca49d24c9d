"""`maxpo-bench compare` and the profile of `maxpo-bench plot`, on the records of made-up runs."""

import itertools
import json
import re

import numpy as np
import pytest
from typer.testing import CliRunner

from maxpo_bench import cli
from maxpo_bench.sweep import RunSpec, RunStore
from maxpo_bench.sweep.task import make_record

MEANS = {"reinforce": 3.0, "ei": 4.0, "ei_l2o": 6.0}


def call(*arguments, code=0):
    result = CliRunner().invoke(cli.app, [str(item) for item in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.stdout


def publish(folder, summary, *call, **options):
    spec = RunSpec(*call, iterations=1, **options)
    RunStore(folder).publish(spec.run_id, {**make_record(spec, "done"), "summary": summary})


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Three agents, two learning rates of which 1.0 gives half the score, two mazes, ten seeds."""
    folder = tmp_path_factory.mktemp("compared")
    rng = np.random.default_rng(11)
    cells = itertools.product((10, 20), MEANS.items(), (0.3, 1.0), range(10))
    for length, (agent, mean), rate, seed in cells:
        value = (mean + 0.3 * rng.normal()) * length / 10 / (2 if rate == 1 else 1)
        options = {"env_kwargs": {"length": length}, "agent_kwargs": {"learning_rate": rate}}
        publish(folder, {"return_mean": value, "timesteps": 50}, "maxpo/Maze-v0", agent, seed, **options)
    return folder


TUNE = ("--tune", "learning_rate", "--tuning-seeds", "0:4")


def test_the_table_says_what_was_compared_with_what(store):
    lines = call("compare", store, *TUNE).splitlines()
    assert lines[0] == "return_mean, divided by the optimum of each environment; 2 tasks, 6 runs on each (seeds 4-9)"
    assert lines[3].split()[:2] == ["variant", "tasks"]
    assert "P(better than reinforce)" in lines[3]
    assert [line.split()[:3] for line in lines[4:7]] == [[name, "2", "12"] for name in ("ei_l2o", "ei", "reinforce")]
    assert "1.000 [1.000, 1.000]" in lines[4]
    assert "  ei: learning_rate=0.3" in lines
    assert "chosen by the best mean on the seeds 0-3:" in lines
    assert any(line.startswith("note: 6 runs per task") for line in lines)


def test_json_holds_the_same_numbers(store):
    table = json.loads(call("compare", store, *TUNE, "--json"))
    assert [variant["name"] for variant in table["variants"]] == ["ei_l2o", "ei", "reinforce"]
    assert table["variants"][0]["mean"]["estimate"] == pytest.approx(0.6, abs=0.05)
    assert table["variants"][0]["improvement"]["estimate"] == 1.0
    assert table["optima"] == {"maxpo/Maze-v0 (length=10)": 10.0, "maxpo/Maze-v0 (length=20)": 20.0}
    assert {choice["values"]["learning_rate"] for choice in table["choices"]} == {0.3}
    again = json.loads(call("compare", store, *TUNE, "--json", "--seed", 1))
    assert again["variants"][1]["iqm"]["low"] != table["variants"][1]["iqm"]["low"]
    assert again["variants"][1]["iqm"]["estimate"] == table["variants"][1]["iqm"]["estimate"]


def test_without_tuning_values_are_variants_and_seeds_can_be_chosen(store):
    lines = call(
        "compare", store, "--seeds", "8:10", "--against", "pkpo", "--agent", "maxpo", "--agent", "ei"
    ).splitlines()
    assert "2 runs on each (seeds 8, 9)" in lines[0]
    assert "P(better): against the ei with the same arguments, of which there are 2" in lines
    names = [line.split("  ")[0] for line in lines[5:9]]
    assert names[0] == "ei_l2o (learning_rate=0.3)"
    assert sorted(names)[:2] == ["ei (learning_rate=0.3)", "ei (learning_rate=1)"]
    assert any("several values of learning_rate" in line for line in lines)


def test_results_are_written_with_the_profile(store, tmp_path):
    printed = call("compare", store, *TUNE, "--out", tmp_path / "new", "--formats", "png,svg")
    names = ["comparison.json", "comparison.md", "performance_profile.png", "performance_profile.svg"]
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == names
    assert printed.splitlines()[-1] == "Written: " + ", ".join(str(tmp_path / "new" / name) for name in names)
    table = json.loads((tmp_path / "new" / "comparison.json").read_text())
    assert table == json.loads(call("compare", store, *TUNE, "--json"))
    page = (tmp_path / "new" / "comparison.md").read_text()
    assert page.startswith("# return_mean on 2 tasks\n")
    assert "| variant | tasks | runs | IQM | mean | optimality gap | P(better than reinforce) | steps |" in page
    assert "- ei_l2o: learning_rate=0.3" in page
    assert re.search(r"^\| ei_l2o \| 0\.\d+ / 1\.00 \| 0\.\d+ / 1\.00 \|$", page, re.MULTILINE)
    call("compare", store, *TUNE, "--out", tmp_path / "again", "--formats", "png,svg")
    for name in names:
        assert (tmp_path / "new" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_one_environment_keeps_its_unit(tmp_path):
    for agent, seed in itertools.product(("reinforce", "ei_l2o"), range(3)):
        publish(tmp_path, {"exact_max_at_k": 1.0 + seed}, "maxpo/Bandit-v0", agent, seed, env_kwargs={"num_arms": 4})
    printed = call("compare", tmp_path)
    assert printed.startswith("exact_max_at_k; 1 task, 3 runs on each (seeds 0-2)\n")
    assert "by task" not in printed
    call("plot", "performance_profile", "--from", tmp_path, "--out", tmp_path / "f", "--formats", "svg")
    assert (tmp_path / "f" / "performance_profile.svg").stat().st_size > 5000


def test_the_profile_of_a_sweep_takes_a_metric(store, tmp_path):
    call(
        "plot", "performance_profile", "--from", store, "--out", tmp_path, "--formats", "png", "--metric", "return_mean"
    )
    assert (tmp_path / "performance_profile.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--normalise", "optimal"], "unknown way to normalise 'optimal'. Did you mean 'optimum'"),
        (["--metric", "return_max"], "no run has the metric 'return_max'"),
        (["--against", "grpo"], "no variant or agent 'grpo' is there"),
        (["--tune", "learning_rate"], "--tune NAME and --tuning-seeds go together"),
        (["--tune", "k", "--tuning-seeds", "2"], "no agent was run with several values of 'k'"),
        ([*TUNE, "--seeds", "3,4,5"], "seeds 3 cannot be both"),
        (["--seeds", "7,8,20:22"], "seeds must be a number"),
        (["--seeds", "8,20,21,22"], "no run has the seeds 20-22: there are 0-9"),
        (["--seeds", "9,"], "one run only of each variant"),
        (["--out", "x", "--formats", "jpg"], "'jpg' is not one of"),
    ],
)
def test_wrong_requests_are_refused(store, arguments, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=words.replace("(", r"\(")):
        call("compare", store, *arguments)


@pytest.mark.parametrize(("folder", "words"), [("nowhere", "is no folder"), (".", "holds no finished run")])
def test_folders_without_runs_are_refused(folder, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for command in (["compare", folder], ["plot", "performance_profile", "--from", folder]):
        with pytest.raises(ValueError, match=words):
            call(*command)
