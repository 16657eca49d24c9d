"""The same as an ordinary user, and what happens where the strict sandbox is not to be had."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import as_ordinary_user
import pytest
import zoo_table
from test_zoo_hostile import TOGETHER, assert_verdict
from zoo_table import Animal

REFERENCE = Path(__file__).resolve().parents[2] / "results" / "full-1" / "ei_l2o"
ANIMALS = {animal.name: animal for animal in zoo_table.read()}


def found_by_an_ordinary_user() -> dict[str, Any]:
    """What an ordinary user's child found, or a reason to skip."""
    if os.geteuid() != 0:
        pytest.skip("the tests run as an ordinary user already: all others of the zoo are this one")
    with tempfile.TemporaryDirectory(prefix="maxpo-zoo-user-", dir="/tmp") as work:
        found = as_ordinary_user.run(Path(work), seconds=300)
    if "impossible" in found:
        pytest.skip(f"root cannot prepare an ordinary user's view here: {found['impossible']}")
    assert (found["user"], found["group"], found["capabilities"]) == ([65534] * 3, [65534] * 3, 0)
    if found["refused"]:
        pytest.skip(f"level strict is not offered to an ordinary user here: {found['refused']}")
    return found


def test_an_ordinary_user_sees_the_same_verdicts_and_no_effect(strict):
    found = found_by_an_ordinary_user()
    assert found["effects"] == []
    assert set(found["together"]) == {animal.name for animal in TOGETHER}
    for animal in TOGETHER:
        assert_verdict(animal, *found["together"][animal.name])
    assert set(found["reports"]) == set(as_ordinary_user.EXAMINED)
    for name, report in found["reports"].items():
        assert_verdict_of_check(ANIMALS[name], report)


def assert_verdict_of_check(animal: Animal, report: dict[str, Any]) -> None:
    failed = {result["name"]: result["message"] for result in report["contract"] if result["status"] == "fail"}
    assert report["level"] == "strict"
    assert (report["kind"] or "") == animal.certificate
    assert report["error_kind"] == animal.error
    assert bool(failed) == bool(animal.fails)
    message = failed.get(animal.fails, report["error"])
    assert [word for word in animal.words if word not in message] == []


WITHOUT_LANDLOCK = """
import sys
from maxpo_bench.sandbox.inside import privileges, seccomp

LANDLOCK_CREATE_RULESET = 444
privileges.no_new_privileges()
seccomp.install([
    (0x20, 0, 0, 0),  # load the call's number
    (0x15, 0, 1, LANDLOCK_CREATE_RULESET),
    (0x06, 0, 0, seccomp.NOT_IMPLEMENTED),
    (0x06, 0, 0, seccomp.ALLOW),
])
from maxpo_bench.cli import main
sys.argv = ["maxpo-bench", *sys.argv[1:]]
main()
"""
"""A kernel without Landlock, as far as the program and its workers can see."""


def call_without_landlock(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT_LANDLOCK, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_where_strict_is_not_offered_submit_refuses_and_names_the_next_level(strict, tmp_path):
    if not REFERENCE.is_dir():
        pytest.skip("results/ is part of a checkout, not of a distribution")
    results = tmp_path / "results"
    shutil.copytree(REFERENCE, results / "full-1" / "ei_l2o")
    before = sorted(results.rglob("*"))
    path = str(ANIMALS["uses_package"].put(tmp_path, {}))
    done = call_without_landlock("submit", path, "--results", str(results))
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Landlock" in done.stderr
    assert "basic" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert sorted(results.rglob("*")) == before


def test_the_next_level_is_taken_only_when_it_is_asked_for_and_is_recorded(strict, tmp_path):
    path = str(ANIMALS["uses_package"].put(tmp_path, {}))
    done = call_without_landlock("check", path, "--sandbox", "basic", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["level"] == "basic"
    assert not any(name.startswith(("Landlock", "seccomp")) for name in report["protections"])
