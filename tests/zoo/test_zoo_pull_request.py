"""Submitting by pull request: what a branch may hold, and the workflow that checks it."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from maxpo_bench.commands.new import new_submission
from maxpo_bench.leaderboard.admission import unfinished
from maxpo_bench.leaderboard.source import read_submission

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "check_submissions.py"
WORKFLOW = ROOT / "examples" / "ci" / "submission.yml"
pytestmark = [
    pytest.mark.skipif(not SCRIPT.exists(), reason="scripts/ is part of a checkout, not of a distribution"),
    pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed"),
]

HONEST = """'''EI, twice as long.'''
from maxpo_bench.estimators import ei


def advantages(rewards, k):
    return 2 * ei(rewards, k)
"""
POOLS = (
    '"""Pools."""\n\n\ndef advantages(rewards, k):\n    return rewards - rewards.mean() if len(rewards) else rewards\n'
)


def toml(name: str) -> str:
    return f'schema_version = 1\nname = "{name}"\nauthors = "somebody"\nlicence = "MIT"\n'


@pytest.fixture
def script(monkeypatch):
    spec = importlib.util.spec_from_file_location("check_submissions", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "check_submissions", module)
    spec.loader.exec_module(module)
    return module


class Repository:
    """A repository with one commit on `main`, on whose branch `theirs` files are put."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()
        self.git("init", "-q", "-b", "main")
        self.put("submissions/kept/submission.py", HONEST)
        self.put("submissions/kept/submission.toml", toml("kept"))
        self.commit()
        self.git("checkout", "-q", "-b", "theirs")

    def git(self, *arguments: str) -> None:
        nobody = {f"GIT_{who}_{what}": "tests" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        environment = {**os.environ, **nobody, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        subprocess.run(["git", "-C", str(self.root), *arguments], check=True, env=environment)

    def put(self, path: str, text: str | bytes) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text if isinstance(text, bytes) else text.encode())

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "-q", "-m", "Change")

    def add_entry(self, name: str = "mine", source: str = HONEST) -> None:
        self.put(f"submissions/{name}/submission.py", source)
        self.put(f"submissions/{name}/submission.toml", toml(name))


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path / "repository")


@pytest.fixture
def checked(script, monkeypatch):
    """Replace the call of `maxpo-bench check` by a list of what it would have been given."""
    seen = []

    def check(folder):
        seen.append({path.name: path.read_bytes() for path in folder.iterdir()})
        return {"passed": True, "message": "", "report": None}

    monkeypatch.setattr(script, "check", check)
    return seen


def test_an_added_entry_is_checked_as_git_stores_it(script, checked, repository):
    repository.add_entry()
    repository.commit()
    repository.put("submissions/mine/submission.py", "raise SystemExit\n")  # not committed
    result = script.examine(repository.root, "main", "HEAD")
    assert result["passed"]
    assert [(entry["name"], entry["state"]) for entry in result["entries"]] == [("mine", "added")]
    assert checked == [{"submission.py": HONEST.encode(), "submission.toml": toml("mine").encode()}]


def test_only_what_the_branch_changes_is_looked_at(script, checked, repository):
    repository.add_entry()
    repository.commit()
    repository.git("checkout", "-q", "main")
    repository.put("README.md", "main has gone on")
    repository.commit()
    result = script.examine(repository.root, "main", "theirs")
    assert result["passed"]
    assert len(checked) == 1


def test_changed_and_removed_entries_are_named_as_such(script, checked, repository):
    repository.put("submissions/kept/submission.py", HONEST + "\n")
    repository.commit()
    assert script.examine(repository.root, "main", "HEAD")["entries"][0]["state"] == "changed"
    repository.git("rm", "-q", "-r", "submissions/kept")
    repository.commit()
    result = script.examine(repository.root, "main", "HEAD")
    assert [(entry["state"], entry["passed"]) for entry in result["entries"]] == [("removed", True)]
    assert len(checked) == 1


def test_nothing_submitted_is_nothing_wrong(script, checked, repository):
    result = script.examine(repository.root, "main", "HEAD")
    assert result["passed"]
    assert script.describe(result) == "no submission is added or changed"


@pytest.mark.parametrize(
    "path",
    [
        "maxpo_bench/leaderboard/score.py",
        "results/full-1/mine/0/full-1.json",
        ".github/workflows/submission.yml",
        "submissions.py",
        "submissions/README.md",
        "submissions/mine.py",
        "submissions/Mine/submission.py",
        "submissions/mine/pieces.py",
        "submissions/mine/deep/submission.py",
        "submissions/mine/submission.pyc",
        "submissions/mine/.gitattributes",
        "submissions/$(touch planted)/submission.py",
        "submissions/mine\n::set-output/submission.py",
        "submissions/\x1b[2J/submission.py",
        "submissions/--json/submission.py",
    ],
)
def test_paths_that_are_no_entrys_are_refused_and_nothing_is_checked(script, checked, repository, path):
    repository.add_entry()
    repository.put(path, "x")
    repository.commit()
    result = script.examine(repository.root, "main", "HEAD")
    assert not result["passed"]
    assert checked == []
    (reason,) = result["refused"]
    assert ascii(path) in reason
    assert script.describe(result) == script.readable(f"refused: {reason}")
    assert len(script.describe(result).splitlines()) == 1


def test_links_are_refused(script, checked, repository, tmp_path):
    (tmp_path / "secret").write_text("secret")
    repository.add_entry()
    link = repository.root / "submissions/mine/submission.py"
    link.unlink()
    link.symlink_to(tmp_path / "secret")
    repository.commit()
    result = script.examine(repository.root, "main", "HEAD")
    assert result["entries"][0]["refused"] == [
        "submissions/mine/submission.py is a link or a submodule: put the file itself there"
    ]
    assert not result["passed"]
    assert checked == []


def test_a_folder_that_is_a_link_is_refused(script, checked, repository):
    (repository.root / "submissions/mine").symlink_to("../../elsewhere")
    repository.commit()
    result = script.examine(repository.root, "main", "HEAD")
    assert "'submissions/mine' is none of submissions/NAME/" in result["refused"][0]


def test_large_and_missing_files_are_refused(script, checked, repository):
    repository.put("submissions/mine/submission.py", b"#" * 1_000_001)
    repository.commit()
    (entry,) = script.examine(repository.root, "main", "HEAD")["entries"]
    assert entry["refused"] == [
        "submissions/mine/submission.py has 1000001 bytes; at most 1000000 are taken",
        "submission.toml is missing",
    ]
    assert checked == []


def test_too_many_entries_at_once_are_refused(script, checked, repository):
    for index in range(6):
        repository.add_entry(f"mine{index}")
    repository.commit()
    result = script.examine(repository.root, "main", "HEAD")
    assert result["refused"] == ["6 entries at once; at most 5 are taken: open several pull requests"]
    assert checked == []


@pytest.mark.parametrize("base", ["absent", "--output=planted", ""])
def test_a_base_that_is_no_commit_is_a_wrong_call(script, repository, base):
    with pytest.raises(script.CallError, match="git rev-parse failed"):
        script.examine(repository.root, base, "HEAD")
    assert not (repository.root / "planted").exists()


def reported(script, monkeypatch, **changes):
    """Let `maxpo-bench check` report this."""
    report = {"name": "mine", "contract": [], "unfinished": [], **changes}
    done = subprocess.CompletedProcess([], 0, json.dumps(report).encode(), b"")
    monkeypatch.setattr(script.subprocess, "run", lambda *_, **__: done)


def test_the_declared_name_is_the_folders(script, tmp_path, monkeypatch):
    reported(script, monkeypatch, name="somebody_elses")
    verdict = script.check(tmp_path / "mine")
    assert not verdict["passed"]
    assert verdict["message"] == "it declares the name somebody_elses: name its folder so"
    assert script.check(tmp_path / "somebody_elses")["passed"]


def test_an_untouched_template_is_refused(script, tmp_path, monkeypatch):
    made = new_submission("mine", folder=tmp_path)
    left = unfinished(read_submission(made).metadata)
    assert len(left) == 2
    reported(script, monkeypatch, unfinished=left)
    verdict = script.check(made)
    assert not verdict["passed"]
    assert verdict["message"].splitlines() == [f"fill in: {line}" for line in left]
    reported(script, monkeypatch)
    assert script.check(made)["passed"]


def test_what_is_printed_cannot_forge_a_log(script):
    entry = {"name": "mine", "state": "added", "refused": [], "passed": False}
    message = script.readable("::error::x\x1b[2J\r\u202e\n##[add-mask]y")
    report = {
        "error": "e\r::x",
        "error_kind": "LoadError",
        "contract": [{"name": "finite", "status": "fail", "message": "a\n::warning::b\x07"}],
    }
    text = script.describe({"refused": [], "entries": [{**entry, "message": message, "report": report}]})
    assert text.isascii()
    assert all(line.startswith(("mine", "  | ")) for line in text.splitlines())
    assert not set(text) & {"\x1b", "\x07", "\r"}


def call(repository: Repository, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", str(SCRIPT), *arguments, "--root", str(repository.root)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_entries_are_checked_in_the_strict_sandbox_by_our_scorer(strict, script, repository):
    repository.add_entry("honest")
    repository.add_entry("pooling", POOLS)
    repository.put("submissions/pooling/submission.toml", 'schema_version = 1\nname = "pooling"\n')
    repository.commit()
    repository.put("maxpo_bench/__init__.py", "raise SystemExit('the branch shadows the scorer')\n")
    done = call(repository, "main", "--json")
    assert done.returncode == 1, done.stderr
    result = json.loads(done.stdout)
    honest, pooling = result["entries"]
    assert (honest["name"], honest["passed"], honest["report"]["level"]) == ("honest", True, "strict"), honest
    assert (pooling["name"], pooling["passed"]) == ("pooling", False)
    text = script.describe(result)
    assert "honest (added): passes\npooling (added): does not pass\n" in text
    assert "  | fill in: authors is empty\n  | fill in: licence is empty\n" in text
    assert "groups independent: a group's answer depends on the other groups" in text
    assert "rewards=[[" in text


def test_a_wrong_call_ends_with_code_two(repository):
    done = call(repository, "absent")
    assert done.returncode == 2
    assert done.stderr.startswith("check_submissions: git rev-parse failed")


@pytest.fixture(scope="module")
def workflow():
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    return yaml.load(WORKFLOW.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)


def steps(workflow):
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def test_the_workflow_runs_on_pull_requests_without_rights_or_secrets(workflow):
    assert set(workflow["on"]) == {"pull_request"}
    assert workflow["permissions"] == {"contents": "read"}
    assert all("permissions" not in job for job in workflow["jobs"].values())
    text = WORKFLOW.read_text(encoding="utf-8")
    assert "secrets." not in re.sub(r"import secrets; print\(secrets\.", "", text)
    assert "pull_request_target" not in text
    assert all(job["timeout-minutes"] for job in workflow["jobs"].values())


def test_the_workflow_pins_what_it_uses_and_leaves_no_credentials(workflow):
    used = [step for step in steps(workflow) if "uses" in step]
    assert len(used) == 3
    for step in used:
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"])
        if step["uses"].startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] == "false"


def test_the_workflow_puts_no_expression_into_a_shell(workflow):
    shells = [step for step in steps(workflow) if "run" in step]
    assert shells
    for step in shells:
        assert "${{" not in step["run"]
        for value in step.get("env", {}).values():
            assert re.fullmatch(r"\$\{\{ github\.event\.pull_request\.(base|head)\.sha \}\}", value)
        for name in step.get("env", {}):
            assert len(re.findall(rf'"\${name}"', step["run"])) == step["run"].count(f"${name}") > 0
    expressions = set(re.findall(r"\$\{\{ (.*?) \}\}", WORKFLOW.read_text(encoding="utf-8")))
    allowed = {"base.sha", "head.sha", "number"}
    assert expressions == {f"github.event.pull_request.{name}" for name in allowed}


def test_the_workflow_installs_and_runs_the_base_branch_only(workflow):
    for step in steps(workflow):
        if "run" in step:
            assert step["working-directory"] == "trusted"
    checkouts = {step["with"]["path"]: step["with"]["ref"] for step in steps(workflow) if "ref" in step.get("with", {})}
    assert "base.sha" in checkouts["trusted"]
    assert "head.sha" in checkouts["proposed"]
    commands = "\n".join(step["run"] for step in steps(workflow) if "run" in step)
    assert '"$BASE_SHA" --head "$HEAD_SHA" --root ../proposed' in commands
    assert "maxpo-bench leaderboard --check" in commands
    assert commands.index("::stop-commands::") < commands.index("check_submissions.py")


def test_the_example_entry_is_one(script):
    for folder in (path for path in (ROOT / "submissions").iterdir() if path.is_dir()):
        files = [
            script.File("100644", "", file.stat().st_size, f"submissions/{folder.name}/{file.name}")
            for file in folder.iterdir()
            if file.is_file()
        ]
        assert script.refusals(files) == []
