"""`maxpo-bench new`: what it makes passes, and it overwrites nothing."""

import itertools
import os
import shlex
import sys

import pytest
from typer.testing import CliRunner

from maxpo_bench import cli
from maxpo_bench.commands import new
from maxpo_bench.commands.new import new_submission
from maxpo_bench.leaderboard import check_contract, load_submission
from maxpo_bench.leaderboard.admission import check
from maxpo_bench.moments import certify
from maxpo_bench.sandbox import offered

RUNNER = CliRunner()
VARIANTS = list(itertools.product([False, True], repeat=2))


@pytest.mark.parametrize(("factory", "binary"), VARIANTS)
def test_what_is_made_passes_and_is_exact(tmp_path, factory, binary):
    made = new_submission("mine", folder=tmp_path, factory=factory, binary=binary)
    assert sorted(path.name for path in made.iterdir()) == ["README.md", "submission.py", "submission.toml"]
    candidate = load_submission(made)
    assert (candidate.name, candidate.metadata.domain) == ("mine", "binary" if binary else "real")
    assert [result for result in check_contract(candidate) if result.status == "fail"] == []
    kind = certify(candidate.build, domain=candidate.metadata.domain, min_group_size=candidate.smallest_group).kind
    assert kind == "exact"
    assert ("def make_advantages(k" in (made / "submission.py").read_text()) is factory


@pytest.mark.parametrize(("factory", "binary"), [(False, False), (True, True)])
def test_what_is_made_is_admitted_by_the_strict_sandbox(tmp_path, factory, binary):
    reason = offered().levels["strict"]
    if reason is not None:
        pytest.skip(f"level strict is not offered here: {reason}")
    report = check(new_submission("mine", folder=tmp_path, factory=factory, binary=binary))
    assert (report.passed, report.kind, report.level) == (True, "exact", "strict")


@pytest.mark.parametrize("make", ["file", "folder", "dangling link"])
def test_nothing_is_overwritten(tmp_path, make):
    target = tmp_path / "mine"
    if make == "file":
        target.write_text("kept")
    elif make == "folder":
        target.mkdir()
    else:
        target.symlink_to("nowhere")
    with pytest.raises(ValueError, match="is there already and stays as it is: choose another name"):
        new_submission("mine", folder=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    assert make != "file" or target.read_text() == "kept"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ei_l2o", "is a built-in estimator's name"),
        ("maxpo", "is a built-in estimator's name"),
        ("My Entry", "must be lower-case letters"),
        ("../mine", "must be lower-case letters"),
        ("a" * 41, "at most 40"),
    ],
)
def test_names_are_refused_before_anything_is_made(tmp_path, name, words):
    with pytest.raises(ValueError, match=words):
        new_submission(name, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="is no folder: make it first"):
        new_submission("mine", folder=tmp_path / "absent")


def test_an_interruption_leaves_nothing_behind(tmp_path, monkeypatch):
    def interrupted(source, target):
        raise KeyboardInterrupt

    monkeypatch.setattr(new.os, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        new_submission("mine", folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_command_prints_what_to_call_next(tmp_path, monkeypatch):
    (tmp_path / "my entries").mkdir()
    monkeypatch.chdir(tmp_path)
    result = RUNNER.invoke(cli.app, ["new", "mine", "--folder", "my entries", "--factory"])
    assert result.exit_code == 0, result.output
    commands = [shlex.split(line) for line in result.stdout.splitlines() if line.startswith("  maxpo-bench")]
    path = os.path.join("my entries", "mine")
    assert commands == [
        ["maxpo-bench", *rest] for rest in (["check", path], ["submit", path, "--dry-run"], ["submit", path])
    ]
    assert (tmp_path / path / "submission.py").is_file()


def test_a_second_call_ends_with_one_line_and_code_two(tmp_path, monkeypatch, capsys):
    new_submission("mine", folder=tmp_path)
    monkeypatch.setattr(sys, "argv", ["maxpo-bench", "new", "mine", "--folder", str(tmp_path)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
