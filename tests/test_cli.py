"""The commands, called in process; `main` maps errors to exit codes."""

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from maxpo_bench import cli
from maxpo_bench.estimators import ESTIMATORS

RUNNER = CliRunner()


def call(*arguments: str, code: int = 0) -> str:
    result = RUNNER.invoke(cli.app, list(arguments))
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.stdout


def fail(monkeypatch, capsys, *arguments: str) -> str:
    monkeypatch.setattr(sys, "argv", ["maxpo-bench", *arguments])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize("command", [name for name in cli.app.registered_commands if name.callback])
def test_every_command_has_help(command):
    name = command.callback.__name__.replace("_", "-")
    assert command.callback.__doc__.splitlines()[0][:20] in " ".join(call(name, "--help").split())


def test_lists_hold_every_name():
    rows = json.loads(call("estimators", "--json"))
    assert [row["name"] for row in rows] == list(ESTIMATORS)
    assert {"maxpo", "pkpo"} <= {alias for row in rows for alias in row["aliases"].split(", ")}
    assert {"maxpo/Bandit-v0", "maxpo/Maze-v0"} <= {row["name"] for row in json.loads(call("envs", "--json"))}
    agents = {row["name"] for row in json.loads(call("agents", "--json"))}
    assert {"reinforce", "reinforce_entropy", "ei", "ei_l1o", "ei_l2o", "ppo", "a2c"} <= agents
    for command in ("estimators", "agents", "envs"):
        assert "name" in call(command)


def test_version_and_doctor():
    assert call("--version").startswith("maxpo-bench ")
    assert json.loads(call("doctor", "--json"))["tracks"]["figures"] == "ready"
    assert "sandbox:" in call("doctor")


def test_certify_a_name_and_a_file(tmp_path):
    assert json.loads(call("certify", "ei_l2o", "--k", "2", "--n", "4", "--json"))["kind"] == "exact"
    assert "biased" in call("certify", "ei_l1o", "--k", "2")
    path = tmp_path / "mean.py"
    path.write_text("def advantages(rewards, k):\n    return rewards - rewards.mean(-1, keepdim=True)\n")
    assert "biased" in call("certify", str(path), "--k", "2")


def test_table1_is_measured_and_written(tmp_path):
    printed = call("reproduce", "table1", "--out", str(tmp_path))
    assert "canonical" in printed
    rows = {row["estimator"]: row for row in json.loads((tmp_path / "table1.json").read_text())["rows"]}
    assert all(row["signal_error"] < 1e-12 for row in rows.values())
    relations = {name: row["relation"] for name, row in rows.items()}
    assert relations == {
        "ei": "uncentered",
        "ei_l2o": "canonical",
        "passk_analytic_std": "normalized",
        "passk_analytic": "proportional",
        "all_subsets": "uncentered",
        "all_subsets_centered": "proportional",
        "bon_mean": "normalized",
    }
    for name in ("passk_analytic", "all_subsets_centered"):
        assert rows[name]["constant"] == pytest.approx([rows[name]["expected_constant"]], rel=1e-12)
    assert "| ✓ | MaxPO | `ei_l2o` |" in (tmp_path / "table1.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["certify", "ei_l20"], "Did you mean 'ei_l2o'"),
        (["reproduce", "table2"], "Did you mean 'table1'"),
        (["leaderboard", "--suite", "quik"], "Did you mean"),
        (["plot", "learning_curve"], "Did you mean 'learning_curves'"),
        (["submit", "absent.py"], "no such Python file"),
        (["certify", "ei", "--scale", "1"], "--scale and --domain are for files"),
        (["leaderboard", "--suite", "quick", "--results", "nowhere"], "holds no score of ei_l2o"),
    ],
)
def test_usage_errors_are_one_line_with_a_remedy(monkeypatch, capsys, tmp_path, arguments, words):
    monkeypatch.chdir(tmp_path)
    message = fail(monkeypatch, capsys, *arguments)
    assert words in message
    assert "Traceback" not in message


def test_debug_shows_the_traceback(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["maxpo-bench", "certify", "nothing"])
    monkeypatch.setenv("MAXPO_BENCH_DEBUG", "1")
    with pytest.raises(ValueError, match="unknown estimator"):
        cli.main()


def test_sweep_dry_run_lists_and_starts_nothing(tmp_path):
    flags = ["--env", "maxpo/Bandit-v0", "--agent", "ei", "--seeds", "2", "--iterations", "3", "--out", str(tmp_path)]
    assert "maxpo/Bandit-v0" in call("sweep", *flags, "--dry-run")
    assert not list(tmp_path.rglob("*.json"))


def test_module_runs_as_a_script():
    found = subprocess.run(
        [sys.executable, "-m", "maxpo_bench.cli", "--version"], capture_output=True, text=True, check=True
    )
    assert found.stdout.startswith("maxpo-bench ")
