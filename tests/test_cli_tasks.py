"""`maxpo-bench tasks`: the list by kind, and one task's card."""

from __future__ import annotations

import json
import sys

import gymnasium as gym
import pytest
from typer.testing import CliRunner

from maxpo_bench import cli
from maxpo_bench.commands.task_card import card_text, task_card
from maxpo_bench.envs.tasks import Problem, make_task, register_task, task_names, unregister_task
from maxpo_bench.envs.tasks.countdown import Countdown
from maxpo_bench.envs.tasks.dataset_table import DATASETS
from maxpo_bench.envs.tasks.reasoning_gym import _library
from maxpo_bench.envs.tasks.reasoning_gym_admission import ADMITTED, EXCLUDED
from maxpo_bench.registry import UnknownNameError

PROCEDURAL = ["countdown", "chain_sum", "counting", "comparison", "modular"]


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("MAXPO_BENCH_DATA", raising=False)


def call(*arguments):
    result = CliRunner().invoke(cli.app, ["tasks", *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_the_list_is_by_kind_and_folds_reasoning_gym():
    printed = call()
    titles = ["Procedural tasks", "Data sets of mathematical problems", "Tasks of reasoning-gym"]
    assert [line.strip() for line in printed.splitlines() if line.strip() in titles] == titles
    assert all(f"\n {name} " in printed for name in [*PROCEDURAL, *DATASETS])
    assert "reasoning_gym/sudoku" not in printed
    assert f"{len(ADMITTED)} data sets of reasoning-gym" in printed
    assert f"{len(EXCLUDED)} others are excluded" in printed
    assert "maxpo-bench tasks NAME" in printed


def test_all_has_every_name_and_every_reason():
    printed = call("--all")
    assert all(f" {name} " in printed for name in task_names())
    assert all(f" reasoning_gym/{name} " in printed for name in EXCLUDED)
    assert EXCLUDED["sokoban"] in printed


def test_json_has_every_task():
    rows = json.loads(call("--json"))
    assert [row["name"] for row in rows] == task_names()
    assert all(row["answer"] and row["splits"] and row["summary"] for row in rows)
    assert {"difficulty": 4, "instance": 0, "style": "compact"}.items() <= rows[0]["options"].items()


@pytest.mark.parametrize("name", PROCEDURAL)
def test_a_procedural_card_has_the_first_problem(name):
    card = json.loads(call(name, "--json"))
    problem = make_task(name).problem(0)
    assert card["example"] == {
        "split": "train",
        "id": problem.id,
        "question": problem.question,
        "answer": problem.answer,
    }
    assert card["problems"] == {split: len(make_task(name, split)) for split in ("train", "test")}
    assert eval(card["use"], {"gymnasium": gym}).reset(options={"index": 0})[0] == problem.question
    printed = call(name)
    assert printed.startswith(f"{name}: {card['summary']}\n")
    for text in (
        problem.question,
        problem.answer,
        card["answer"],
        card["use"],
        "train (10,000 problems)",
    ):
        assert text in printed


def test_countdowns_card_shows_both_styles():
    printed = call("countdown")
    assert "style='compact'" in printed
    assert Countdown(style="text").problem(0).question in printed


def test_a_data_sets_card_has_an_example_where_the_data_is(tmp_path, monkeypatch):
    monkeypatch.setenv("MAXPO_BENCH_DATA", str(tmp_path))
    (tmp_path / "amc23").mkdir()
    rows = [{"problem": f"What is {i} + 1?", "answer": str(i + 1)} for i in range(40)]
    (tmp_path / "amc23" / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    card = task_card("amc23")
    assert eval(card["use"], {"gymnasium": gym}).reset(options={"index": 0})[0] == "What is 0 + 1?"
    assert card["example"] == {"split": "test", "id": "amc23/0", "question": "What is 0 + 1?", "answer": "1"}


def test_a_data_sets_card_downloads_nothing(tmp_path, monkeypatch):
    card = task_card("gsm8k")
    assert card["problems"] == {"train": 7473, "test": 1319}
    assert card["example"] is None
    assert "MAXPO_BENCH_DATA names no folder" in card["note"]
    assert "no example: MAXPO_BENCH_DATA" in card_text(card)
    monkeypatch.setenv("MAXPO_BENCH_DATA", str(tmp_path))
    assert task_card("gsm8k")["note"].startswith("no example: ")


def test_an_excluded_data_set_says_why():
    assert call("reasoning_gym/countdown").startswith("reasoning_gym/countdown is excluded from the tasks: its scorer ")
    assert json.loads(call("reasoning_gym/boxnet", "--json"))["excluded"] == EXCLUDED["boxnet"]
    with pytest.raises(UnknownNameError, match="reasoning_gym/boxnet is excluded: it has no reference"):
        task_card("boxnet")


def test_unknown_names_suggest_the_nearest(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["maxpo-bench", "tasks", "sudoku"])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 2
    assert "unknown task 'sudoku'. Did you mean 'reasoning_gym/sudoku'" in capsys.readouterr().err


def test_a_card_of_reasoning_gym_has_the_data_sets_own_options():
    pytest.importorskip("reasoning_gym", reason="reasoning-gym is not installed")
    card = task_card("reasoning_gym/mini_sudoku")
    assert card["example"]["answer"] == make_task("reasoning_gym/mini_sudoku").problem(0).answer
    assert "size" in card["options"]
    assert card["options"]["min_empty"] <= card["options"]["max_empty"]
    lines = card_text(card).splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("  question"))
    count = card["example"]["question"].count("\n")
    assert all(line.startswith(" " * 13) for line in lines[first + 1 : first + 1 + count])
    json.dumps(card, allow_nan=False)


def test_a_card_of_reasoning_gym_without_the_package_says_how_to_install_it(monkeypatch):
    _library.cache_clear()
    monkeypatch.setitem(sys.modules, "reasoning_gym", None)
    try:
        card = task_card("reasoning_gym/gcd")
        assert card["example"] is None
        assert "pip install 'maxpo-bench[text]'" in card["note"]
        assert "train (? problems)" in card_text(card)
    finally:
        _library.cache_clear()


def test_a_task_of_ones_own_that_cannot_be_made_says_why():
    register_task("gone", "nomod:X", summary="Nothing.", splits=("only",))
    try:
        card = task_card("gone")
        assert card["options"] is None
        assert "factory 'nomod:X' of task 'gone' cannot be imported" in card["note"]
        assert 'task="gone", split="only"' in card_text(card)
    finally:
        unregister_task("gone")


def test_options_are_plain_enough_for_json():
    which = Problem("a", "b", "c")

    class Odd(Countdown):
        def __init__(self, split="train", *, limit=float("inf"), pair=(1, 2), which=which) -> None:
            super().__init__(split, size=1)

    register_task("odd", Odd, summary="x")
    try:
        card = task_card("odd")
        assert card["options"] == {"limit": "inf", "pair": [1, 2], "which": str(which)}
        assert card["problems"] == {"train": 1, "test": 1}
        json.loads(call("odd", "--json"))
    finally:
        unregister_task("odd")
