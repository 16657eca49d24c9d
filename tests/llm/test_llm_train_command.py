"""`maxpo-bench llm train` in process."""

import json
import sys

import pytest
from llm_train_small import SMALL
from typer.testing import CliRunner

from maxpo_bench import cli
from maxpo_bench.commands import llm_recipe
from maxpo_bench.llm.run_folder import RunFolder

SUBMISSION = '''"""Reward minus the mean.

min_group_size: 2
"""


def advantages(rewards, k):
    return rewards - rewards.mean(-1, keepdim=True)
'''
SETTINGS = [
    "--k=2",
    "--group-size=8",
    "--steps=2",
    "--learning-rate=1e-3",
    "--eval-problems=40",
    "--eval-samples=4",
    "--set=groups_per_step=8",
    "--set=task_options.difficulty=3",
    *(f"--set=pretraining.{name}={value}" for name, value in SMALL.pretraining.items()),
]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def in_cache(cache, monkeypatch):
    monkeypatch.setenv("MAXPO_BENCH_CACHE", str(cache))


def call(*arguments, code=0):
    result = CliRunner().invoke(cli.app, ["llm", "train", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def fail(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["maxpo-bench", "llm", "train", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 2
    return capsys.readouterr().err


def test_it_trains_draws_and_tabulates(tmp_path):
    out = tmp_path / "maxpo"
    text = call("--out", out, *SETTINGS).stdout
    for word in ("pass@1", "pass@4", "before", "after", "gain, paired", "variance proxy", "entropy", "only after"):
        assert word in text
    assert (out / "training.png").read_bytes()[:4] == b"\x89PNG"
    names = {"run.json", "log.jsonl", "model", "evaluation", "summary.json", "training.svg"}
    assert names <= {path.name for path in out.iterdir()}
    call("--out", tmp_path / "grpo", "--method", "grpo", *SETTINGS)
    rows = json.loads((tmp_path / "leaderboard.json").read_text())["rows"]
    assert {row["method"] for row in rows} == {"base", "maxpo", "grpo"}
    assert call("--out", out, *SETTINGS, "--quiet").stdout.strip() == str(out)
    found = json.loads(call("--out", out, *SETTINGS, "--json").stdout)
    assert found["summary"] == RunFolder(out).summary()
    assert found["leaderboard"] == rows


def test_a_submission_is_a_method(tmp_path):
    file = tmp_path / "own.py"
    file.write_text(SUBMISSION)
    result = call("--out", tmp_path / "own", "--method", file, *SETTINGS)
    assert "this runs the file's code" in result.stderr
    info = RunFolder(tmp_path / "own").info()
    assert info.method == "own"
    assert len(info.config["submission"]) == 64
    assert call("--out", tmp_path / "own", "--method", file, *SETTINGS, "--quiet").stderr == ""


def test_a_changed_submission_is_another_run(tmp_path, monkeypatch, capsys):
    file = tmp_path / "own.py"
    file.write_text(SUBMISSION)
    call("--out", tmp_path / "own", "--method", file, *SETTINGS)
    file.write_text(SUBMISSION + "\n")
    assert "submission is" in fail(monkeypatch, capsys, "--out", tmp_path / "own", "--method", file, *SETTINGS)


def test_a_dry_run_writes_nothing(tmp_path):
    out = tmp_path / "runs" / "maxpo"
    text = call("--out", out, *SETTINGS, "--dry-run").stdout
    assert "fine-tuning: 2 steps of 8 questions x 8 answers" in text
    assert "in all about" in text
    assert not out.parent.exists()
    found = json.loads(call("--out", out, *SETTINGS, "--dry-run", "--json").stdout)
    assert [stage["name"] for stage in found["stages"]] == [
        "pretraining",
        "base evaluation",
        "fine-tuning",
        "evaluation",
    ]
    assert all(stage["left"] == 1.0 and stage["seconds"] > 0 for stage in found["stages"])
    assert found["config"]["task_options"] == {"difficulty": 3}
    assert found["seconds"] == pytest.approx(sum(stage["seconds"] for stage in found["stages"]))


def test_a_dry_run_of_a_finished_run_has_nothing_left(tmp_path):
    call("--out", tmp_path / "maxpo", *SETTINGS)
    found = json.loads(call("--out", tmp_path / "maxpo", *SETTINGS, "--dry-run", "--json").stdout)
    assert [stage["left"] for stage in found["stages"]] == [0.0] * 4
    assert found["seconds"] == 0.0


def test_without_options_it_is_the_paper_s_method(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = json.loads(call("--dry-run", "--json").stdout)
    assert found["out"] == "runs/llm/tiny-countdown/maxpo-k4-seed0"
    wanted = {"method": "maxpo", "k": 4, "group_size": 16, "groups_per_step": 32, "steps": 400, "learning_rate": 5e-5}
    assert wanted.items() <= found["config"].items()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--method", "maxpoo"], "Did you mean 'maxpo'"),
        (["--k", "16"], "k=16"),
        (["--set", "stepz=3"], "Did you mean 'steps'"),
        (["--set", "pretraining.stepz=3"], "Did you mean 'steps'"),
        (["--task", "countdwn"], "Did you mean 'countdown'"),
        (["--eval-problems", "100000"], "ask for fewer"),
        (["--method", "nothing.py"], "no such Python file"),
        (["--recipe", "tiny", "--task", "countdown"], "--task: for the tiny model only"),
    ],
)
def test_mistakes_are_named(monkeypatch, capsys, arguments, message):
    assert message in fail(monkeypatch, capsys, *arguments)


def test_a_recipe_gets_the_flags_as_its_settings(monkeypatch):
    asked = []
    monkeypatch.setattr(llm_recipe, "train_recipe", lambda *given, **options: asked.append((given, options)) or 0)
    call("--recipe", "NAME", "--k", "2", "--seed", "3", "--set", "batch.prompts=8", "--dry-run")
    ((name, out, settings), options) = asked[0]
    assert (name, out) == ("NAME", None)
    assert settings == ["method.k=2", "training.seed=3", "batch.prompts=8"]
    assert options == {"dry_run": True, "as_json": False, "quiet": False}


def test_ctrl_c_says_how_to_go_on(tmp_path, monkeypatch, capsys):
    import maxpo_bench.llm.tiny.training as training

    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training, "fine_tune", interrupt)
        patch.setattr(sys, "argv", ["maxpo-bench", "llm", "train", "--out", str(tmp_path / "run")])
        result = call("--out", tmp_path / "run", *SETTINGS, code=130)
    assert "to go on: maxpo-bench llm train" in result.stderr
    assert not RunFolder(tmp_path / "run").summary_path.exists()
    call("--out", tmp_path / "run", *SETTINGS)
    assert RunFolder(tmp_path / "run").summary_path.exists()


def test_without_transformers_it_says_what_to_install(monkeypatch, capsys):
    import importlib.util

    find = importlib.util.find_spec
    with monkeypatch.context() as patch:
        patch.setattr(importlib.util, "find_spec", lambda name: None if name == "transformers" else find(name))
        message = fail(patch, capsys)
    assert "pip install 'maxpo-bench[llm]'" in message
