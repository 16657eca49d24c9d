"""`maxpo-bench reproduce` for the maze figures, end to end at a size of seconds."""

import json
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pandas as pd
import pytest
import reproduce_samples
from maze_samples import TINY
from typer.testing import CliRunner

from maxpo_bench import cli
from maxpo_bench.commands import reproduce as command
from maxpo_bench.reproduce import report
from maxpo_bench.reproduce.bandit import sizes as bandit_sizes
from maxpo_bench.reproduce.finding import Verdict
from maxpo_bench.reproduce.maze import measure as measuring
from maxpo_bench.reproduce.maze import sizes as maze_sizes
from maxpo_bench.reproduce.maze.cells import compute

TEMPLATE = Path(__file__).parents[2] / "examples" / "submission.py"
SMALL = replace(
    TINY,
    shares=(0.8,),
    group_sizes=(4,),
    searched_shares=(0.8,),
    searched_objectives=(2,),
    length=20,
    iterations=20,
    record_every=10,
    last=10,
    mlp_sgd_rates=(0.1,),
    mlp_adam_rates=(0.01,),
)
MAZE = ("fig6", "fig7", "fig7-adam", "fig7-settings", "fig7-search", "fig7-mlp")
FIVE = {"reinforce", "reinforce_entropy", "ei", "ei_l1o", "ei_l2o"}


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setitem(maze_sizes.SIZES._entries, "quick", SMALL)
    monkeypatch.setitem(bandit_sizes.SIZES._entries, "quick", reproduce_samples.TINY)
    monkeypatch.setattr(report, "save", reproduce_samples.save_stub)


def run(*arguments, code=0):
    result = CliRunner().invoke(cli.app, ["reproduce", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def test_every_maze_figure_in_one_call_with_a_submission(tmp_path):
    flags = ("--size", "quick", "--out", tmp_path, "--estimator", TEMPLATE, "--workers", "2")
    result = run("fig7", "fig6", "fig7-search", "fig7-mlp", "fig7", *flags)
    assert "runs the file's code with your rights" in result.stderr
    shown = " ".join(result.stdout.split())
    for name in MAZE:
        stored = json.loads((tmp_path / f"{name}.json").read_text())
        assert (stored["figure"], stored["title"]) == (name, report.TITLES[name])
        assert shown.count(f"{report.TITLES[name]} ") >= 1
        assert {finding["verdict"] for finding in stored["findings"]} <= set(get_args(Verdict))
    files = {f"{name}.{end}" for name in MAZE for end in ("csv", "json", "md", "pdf", "png", "svg")}
    assert {path.name for path in tmp_path.iterdir()} == files | {"cells", "README.md"}
    for name in ("fig7", "fig7-adam", "fig7-settings", "fig7-search", "fig7-mlp"):
        assert set(pd.read_csv(tmp_path / f"{name}.csv").agent) == FIVE | {"half_l2o"}
    (finding,) = [
        each
        for each in json.loads((tmp_path / "fig7-settings.json").read_text())["findings"]
        if each["source"] == "added"
    ]
    assert finding["statement"] == "Return of half_l2o over that of EI+L2O."
    assert len(finding["numbers"]) == 2 * 2
    for name in ("fig7", "fig7-adam", "fig7-settings", "fig7-mlp"):
        (table,) = json.loads((tmp_path / f"{name}.json").read_text())["tables"]
        assert len(table["rows"]) == 6
        assert table["rows"][-1][0] == "half_l2o"
        assert all(" at " in text for row in table["rows"] for text in row[1:])
    page = (tmp_path / "README.md").read_text()
    places = [page.index(f"]({name}.png)") for name in MAZE]
    assert places == sorted(places)
    again = run("fig7-search", *flags)
    assert "0 cells computed" in again.stderr
    assert "12 were stored already" in again.stderr
    without = run("fig7-search", *flags[:4])
    assert "0 cells computed" in without.stderr
    assert "10 were stored already" in without.stderr
    assert set(pd.read_csv(tmp_path / "fig7-search.csv").agent) == FIVE


def test_json_of_one_figure_and_of_its_variants(tmp_path):
    flags = ("--size", "quick", "--out", tmp_path, "--json", "--quiet")
    one = json.loads(run("fig6", *flags).stdout)
    assert one["figure"] == "fig6"
    assert one["setting"]["length"] == 20
    several = json.loads(run("fig7", "fig6", *flags).stdout)
    assert set(several) == {"fig6", "fig7", "fig7-adam", "fig7-settings"}
    assert several.pop("fig6") == one
    for name, each in several.items():
        assert each == json.loads((tmp_path / f"{name}.json").read_text())
        assert each["tables"][0]["header"][0] == "agent"


def test_all_stands_for_every_figure_and_the_table(tmp_path, monkeypatch):
    assert command._wanted(["fig6", "all"]) == ["fig6", *(name for name in command.KNOWN if name != "fig6")]
    assert set(command.KNOWN) == {"table1", *command.BANDIT, *command.MAZE, command.TINY_LM}
    assert set(command.MAZE) >= {"fig6", "fig7", "fig7-search", "fig7-mlp"}
    monkeypatch.setattr(command, "KNOWN", ("table1", "fig6", "fig5", "fig7-search"))
    run("all", "--size", "quick", "--out", tmp_path, "--quiet", "--device", "cpu")
    stored = {path.stem for path in tmp_path.glob("*.json")}
    assert stored == {"table1", "fig5", "fig6", "fig7-search"}


def test_mazes_and_seed_reach_the_data(tmp_path):
    flags = ("--size", "quick", "--instances", "2", "--quiet")
    run("fig7-search", *flags, "--out", tmp_path / "a")
    run("fig7-search", *flags, "--out", tmp_path / "b", "--seed", "1")
    one, other = (json.loads((tmp_path / name / "fig7-search.json").read_text()) for name in "ab")
    assert "2 mazes with a run each (seed 0)" in one["caption"]
    assert "2 mazes with a run each (seed 1)" in other["caption"]
    assert one["series"] != other["series"]
    data = pd.read_csv(tmp_path / "a" / "fig7-search.csv")
    assert set(data.seed) == {0, 1}


def test_ctrl_c_keeps_what_is_done_and_the_same_command_goes_on(tmp_path, monkeypatch):
    flags = ("--size", "quick", "--workers", "1")
    run("fig7-search", *flags, "--out", tmp_path / "plain", "--quiet")
    arguments = ["reproduce", "fig7-search", *flags, "--out", str(tmp_path / "cut")]
    monkeypatch.setattr("sys.argv", ["maxpo-bench", *arguments])
    done = []

    def stopping(cell, check):
        if len(done) == 7:
            raise KeyboardInterrupt
        done.append(cell)
        return compute(cell, check)

    monkeypatch.setattr(measuring, "compute", stopping)
    stopped = run(*arguments[1:], code=130)
    assert f"interrupted; to go on: maxpo-bench {' '.join(arguments)}" in stopped.stderr
    assert len(list((tmp_path / "cut" / "cells").iterdir())) == 7
    assert not list((tmp_path / "cut").glob("fig*"))
    monkeypatch.setattr(measuring, "compute", compute)
    assert "3 cells computed" in run(*arguments[1:]).stderr
    for path in (tmp_path / "plain").rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (tmp_path / "cut" / path.relative_to(tmp_path / "plain")).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["fig7x"], "cannot reproduce 'fig7x'. Did you mean 'fig7'"),
        (["fig7-serch"], "Did you mean 'fig7-search'"),
        (["fig7-mpl", "fig6"], "Did you mean 'fig7-mlp'"),
        (["fig7", "--size", "quik"], "Did you mean 'quick'"),
        (["fig7", "--size", "quick", "--instances", "1"], "instances must be at least 2"),
        (["fig7", "--size", "quick", "--estimator", "ei_l20"], "Did you mean 'ei_l2o'"),
        (["fig7", "--size", "quick", "--estimator", "absent.py"], "no such Python file"),
        (["fig7", "--device", "cpu"], "--device is that of fig1, fig4 and fig5: leave it out"),
        (["fig6", "fig7-mlp", "table1", "--device", "cuda"], "--device is that of fig1, fig4 and fig5: leave it out"),
        (["table1", "--workers", "2"], "table1 takes no --workers: .* add a figure"),
    ],
)
def test_wrong_requests_are_refused_before_anything_is_written(tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=words):
        run(*arguments)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("workers", ["0", "-1", "two"])
def test_workers_are_counted_from_one(tmp_path, monkeypatch, workers):
    monkeypatch.chdir(tmp_path)
    assert "--workers" in run("fig7", "--size", "quick", "--workers", workers, code=2).stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["reinforce", "reinforce_entropy", "ppo"])
def test_a_submission_of_an_agents_name_is_refused(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "own.py"
    own.write_text(TEMPLATE.read_text().replace("name: half_l2o", f"name: {name}"))
    with pytest.raises(ValueError, match=f"'{name}' is the name of an agent of the maze figures: rename"):
        run("fig7", "--size", "quick", "--estimator", own, "--quiet")
    assert [path.name for path in tmp_path.iterdir()] == ["own.py"]


def test_a_damaged_figure_is_named_before_anything_is_computed(tmp_path, monkeypatch):
    def never(*arguments):
        raise RuntimeError("began to compute")

    (tmp_path / "fig7-adam.json").write_text("{")
    monkeypatch.setattr(measuring, "compute", never)
    with pytest.raises(ValueError, match=r"fig7-adam\.json is no stored figure .*reproduce it again"):
        run("fig7-search", "--size", "quick", "--out", tmp_path, "--quiet")
    with pytest.raises(RuntimeError, match="began to compute"):  # of fig7, fig7-adam is written anew
        run("fig7", "--size", "quick", "--out", tmp_path, "--quiet")


def test_help_names_every_maze_figure():
    text = " ".join(run("--help").stdout.split())
    for words in ("fig6", "fig7", "fig7-search", "fig7-mlp", "--workers"):
        assert words in text
