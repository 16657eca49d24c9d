"""`plot` and `demo`, on sweeps and plans made small enough for a test."""

import json
from dataclasses import replace

import pandas as pd
import pytest
from typer.testing import CliRunner

from maxpo_bench import cli, sweep
from maxpo_bench.commands import demo
from maxpo_bench.commands.progress import counting, staged
from maxpo_bench.leaderboard import api
from maxpo_bench.leaderboard.suite import SUITES, MazeTrack
from maxpo_bench.plots import data, plot

SMALL_SWEEP = {
    "seeds": 2,
    "environments": [
        {"id": "maxpo/Bandit-v0", "kwargs": {"num_arms": 5}, "iterations": 4},
        {"id": "maxpo/Maze-v0", "kwargs": {"length": 5}, "iterations": 4},
    ],
    "agents": [{"names": ["reinforce", "ei_l2o"], "kwargs": {"k": 2, "group_size": 4}}],
}
TINY = replace(
    data.QUICK, instances=2, batches=(10, 30), arms=(2, 5), num_groups=40, objectives=(2,), seeds=2, length=10
)
TINY = replace(TINY, iterations=20, snapshots=2)


def call(*arguments, code=0):
    result = CliRunner().invoke(cli.app, [str(item) for item in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.stdout


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    assert sweep.run(SMALL_SWEEP, folder, 2, progress=False).exit_code == 0
    return folder


@pytest.fixture(autouse=True)
def small_plan(monkeypatch):
    monkeypatch.setitem(data.PLANS, "quick", TINY)


def test_list_names_every_figure():
    printed = call("plot", "list")
    assert "bias_vs_batches" in printed
    assert "learning_curves" in printed


@pytest.mark.parametrize("metric", [[], ["--metric", "exact_max_at_k"]])
def test_curves_are_drawn_from_runs(runs, tmp_path, metric):
    printed = call("plot", "learning_curves", "--from", runs, "--out", tmp_path, "--formats", "png,svg", *metric)
    assert {path.name for path in tmp_path.iterdir()} == {"learning_curves.png", "learning_curves.svg"}
    assert str(tmp_path / "learning_curves.png") in printed


def test_real_runs_are_compared_and_profiled(runs, tmp_path):
    printed = call("compare", runs, "--out", tmp_path, "--formats", "png")
    assert printed.startswith("exact_max_at_k, divided by the optimum of each environment; 2 tasks, 2 runs on each")
    assert {line.split()[0] for line in printed.splitlines()[4:6]} == {"reinforce", "ei_l2o"}
    profile = (tmp_path / "performance_profile.png").read_bytes()
    call("plot", "performance_profile", "--from", runs, "--out", tmp_path / "alone", "--formats", "png")
    assert (tmp_path / "alone" / "performance_profile.png").read_bytes() == profile


def test_captions_of_computed_figures_say_the_seed(tmp_path, monkeypatch):
    captions = {}

    def draw(name, frame, **options):
        captions[name] = options.get("caption")
        return plot(name, frame, **options)

    monkeypatch.setattr("maxpo_bench.commands.plot.plot", draw)
    call("plot", "variance_vs_k", "--out", tmp_path, "--formats", "png", "--seed", 7)
    assert captions == {"variance_vs_k": "Seed 7."}


def test_data_are_computed_or_read(tmp_path):
    call("plot", "bias_vs_batches", "--out", tmp_path, "--formats", "png", "--estimator", "ei", "--estimator", "grpo")
    assert (tmp_path / "bias_vs_batches.png").stat().st_size > 1000
    frame = pd.DataFrame(
        {"estimator": ["ei"] * 4, "num_groups": [10, 100, 10, 100], "instance": [0, 0, 1, 1], "value": [1, 0.3, 2, 0.5]}
    )
    frame.to_csv(tmp_path / "mine.csv", index=False)
    call("plot", "bias_vs_batches", "--from", tmp_path / "mine.csv", "--out", tmp_path / "again", "--formats", "svg")
    assert (tmp_path / "again" / "bias_vs_batches.svg").is_file()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["learning_curves"], "give their folder with --from"),
        (["learning_curves", "--from", "nowhere"], "is no folder"),
        (["learning_curves", "--from", "."], "holds no finished run"),
        (["bias_vs_batches", "--from", "."], "computes its data"),
        (["support", "--from", "."], "it needs support.csv of `maxpo-bench llm report FILE... --out DIR`"),
        (["pass_at_k"], "is drawn from a report"),
        (["bias_vs_batches", "--size", "papr"], "Did you mean 'paper'"),
        (["bias_vs_batches", "--metric", "entropy"], "--metric is for learning_curves and performance_profile"),
    ],
)
def test_wrong_requests_say_what_to_do(arguments, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=words):
        call("plot", *arguments)


def test_demo_leaves_page_table_and_figures(tmp_path, monkeypatch):
    maze = MazeTrack(15, 0.8, 8, 4, 20, 20, (0.3, 1.0), 2, 3)
    small = replace(SUITES.get("quick"), num_groups=320, num_arms=10, maze=maze)
    monkeypatch.setitem(SUITES._entries, "quick-1", small)
    monkeypatch.setattr(demo, "SWEEP", SMALL_SWEEP)

    def score(suite, results, **options):
        for name in ("ei_l2o", "ei"):
            api.score_one(name, suite, results)

    monkeypatch.setattr(demo, "score_with_progress", score)
    monkeypatch.setattr(
        demo, "_computed", lambda workers, quiet: {name: demo.compute_quick(name) for name in demo.COMPUTED}
    )
    printed = call("demo", "--out", tmp_path, "--workers", "1")
    assert f"Open {tmp_path / 'index.html'}" in printed
    assert "`ei_l2o`" in (tmp_path / "leaderboard.md").read_text()
    assert len(list((tmp_path / "figures").glob("*.pdf"))) == len(demo.SHOWS) == 7
    page = (tmp_path / "index.html").read_text()
    assert all(f"{name}.svg" in page for name in demo.SHOWS)


def test_demo_stops_where_the_sweep_fails(tmp_path, monkeypatch):
    wrong = json.loads(json.dumps(SMALL_SWEEP))
    wrong["agents"][0]["kwargs"]["learning_rate"] = -1.0
    monkeypatch.setattr(demo, "SWEEP", wrong)
    result = CliRunner().invoke(cli.app, ["demo", "--out", str(tmp_path), "--quiet"])
    assert result.exit_code != 0
    assert not (tmp_path / "index.html").exists()


def test_progress_is_silent_in_a_pipe_and_shown_on_a_terminal(monkeypatch, capfd):
    for bar in (counting("work"), staged()):
        with bar as progress:
            assert progress is None
    monkeypatch.setenv("FORCE_COLOR", "1")
    with counting("work") as count, staged() as stage:
        assert count is not None
        assert stage is not None
        count(1, 2)
        stage("certificate", 0.5)
    assert "work" in capfd.readouterr().err
    with counting("work", quiet=True) as count:
        assert count is None
