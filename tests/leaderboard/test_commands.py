"""submit and leaderboard, on a suite made small enough for a test."""

import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from maxpo_bench import cli
from maxpo_bench.estimators import ESTIMATORS
from maxpo_bench.leaderboard import api, score_built_ins, submit, suite, table
from maxpo_bench.leaderboard.suite import SUITES, MazeTrack
from maxpo_bench.sandbox import offered

LEVEL = offered().strongest or "none"
SANDBOX = ("--sandbox", LEVEL) if LEVEL != "none" else ("--trust",)
NAMES = ["ei_l2o", "ei", "grpo"]
COPY = "from maxpo_bench.estimators import ei\n\ndef advantages(rewards, k):\n    return 2 * ei(rewards, k)\n"
RUNNING_MEAN = '''"""Reward minus a running mean.

track: stateful
"""
def make_advantages(k):
    state = {"mean": 0.0}
    def advantages(rewards):
        answer = rewards - state["mean"]
        if len(rewards):
            state["mean"] += 0.1 * (rewards.mean().item() - state["mean"])
        return answer
    return advantages
'''
POOLED = "def advantages(rewards, k):\n    return rewards - rewards.sum() / max(rewards.numel(), 1)\n"


@pytest.fixture(autouse=True)
def small_suite(monkeypatch):
    full = SUITES.get("quick")
    small = replace(full, num_groups=1280, num_arms=10, maze=MazeTrack(15, 0.8, 8, 4, 20, 20, (0.3, 1.0), 2, 3))
    monkeypatch.setitem(suite.SUITES._entries, "quick-1", small)
    monkeypatch.setattr(api, "BUILT_IN", [ESTIMATORS.get(name) for name in NAMES])


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results"
    for name in NAMES:
        api.score_one(name, "quick", folder)
    return folder


def call(*arguments, code=0):
    result = CliRunner().invoke(cli.app, [str(item) for item in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.stdout


def test_stored_scores_are_kept_and_missing_ones_made(results, monkeypatch):
    scored = []
    monkeypatch.setattr(api, "score_one", lambda name, suite, folder: scored.append(name))
    paths = score_built_ins("quick", results)
    assert scored == []
    assert [path.parts[-3] for path in paths] == NAMES
    assert all(path.is_file() for path in paths)


def test_submission_is_scored_stored_and_ranked(results, tmp_path):
    path = tmp_path / "twice_ei.py"
    path.write_text(COPY)
    printed = call("submit", path, *SANDBOX, "--suite", "quick", "--results", results)
    assert "Certificate: proportional" in printed
    assert "twice_ei is a rescaled copy of ei" in printed
    assert {entry.name for entry in table("quick", results).entries} == {*NAMES, "twice_ei"}
    entry = json.loads(call("submit", path, *SANDBOX, "--suite", "quick", "--results", results, "--json", "--quiet"))
    assert (entry["name"], entry["status"], entry["sandbox"]) == ("twice_ei", "self-run", LEVEL)
    assert entry["scorer"]["protections"]


def test_estimator_with_a_state_has_a_table_of_its_own(results, tmp_path):
    path = tmp_path / "running_mean.py"
    path.write_text(RUNNING_MEAN)
    entry = json.loads(call("submit", path, *SANDBOX, "--suite", "quick", "--results", results, "--json", "--quiet"))
    assert (entry["kind"], entry["track"], entry["bias"]) == ("uncertified", "stateful", None)
    assert entry["learning"]["value"] > 0
    board = table("quick", results)
    assert dict(board.sections())["stateful"][0].name == "running_mean"
    assert {name for name, rank in board.ranks.items() if rank} >= {"running_mean", "ei_l2o"}


def test_function_is_submitted_from_python(results):
    from maxpo_bench.estimators import ei, l2o_baseline

    def advantages(rewards, k):
        return ei(rewards, k) - 0.5 * l2o_baseline(rewards, k)

    done = submit(advantages, suite="quick", results=results, name="half")
    assert done.scored.entry.kind == "exact"
    assert done.board.ranks["half"] is not None
    assert submit(advantages, suite="quick", results=results).scored.entry.name == "advantages"
    with pytest.raises(ValueError, match="built-in estimator's name"):
        submit(advantages, suite="quick", results=results, name="ei")


def test_contract_failure_ends_with_code_1_and_stores_nothing(results, tmp_path):
    path = tmp_path / "pooled.py"
    path.write_text(POOLED)
    call("submit", path, *SANDBOX, "--suite", "quick", "--results", results, code=1)
    assert not (results / "quick-1" / "pooled").exists()
    assert "fail  groups independent" in call("check", path, *SANDBOX, code=1)


def test_check_prints_the_certificate(tmp_path):
    path = tmp_path / "twice_ei.py"
    path.write_text(COPY)
    printed = call("check", path, *SANDBOX)
    assert "pass  permutation equivariant" in printed
    assert "pass  same answer when asked again" in printed
    assert "twice_ei: admitted, proportional" in printed
    report = json.loads(call("check", path, *SANDBOX, "--json"))
    assert (report["passed"], report["kind"], report["level"]) == (True, "proportional", LEVEL)


def test_dry_run_says_where_a_score_would_go_and_writes_nothing(results, tmp_path):
    path = tmp_path / "twice_ei.py"
    path.write_text(COPY)
    before = sorted(results.rglob("*"))
    printed = call("submit", path, *SANDBOX, "--suite", "quick", "--results", results, "--dry-run")
    assert "Entry:       twice_ei, new" in printed
    assert str(results / "quick-1" / "twice_ei") in printed
    assert sorted(results.rglob("*")) == before


@pytest.mark.parametrize(
    ("flags", "words"),
    [(["--sandbox", "none"], "say so with --trust"), (["--sandbox", "firm"], "must be strict or basic")],
)
def test_sandbox_is_never_lowered_silently(tmp_path, flags, words):
    with pytest.raises(ValueError, match=words):
        call("check", tmp_path / "twice_ei.py", *flags)


def test_reference_must_be_scored_first(tmp_path):
    path = tmp_path / "twice_ei.py"
    path.write_text(COPY)
    with pytest.raises(ValueError, match="--score --suite quick"):
        submit(path, suite="quick", results=tmp_path / "empty")


def test_leaderboard_prints_writes_and_checks(results, tmp_path):
    flags = ("--suite", "quick", "--results", results)
    assert "ei_l2o" in call("leaderboard", *flags)
    markdown = call("leaderboard", *flags, "--markdown")
    board = json.loads(call("leaderboard", *flags, "--json"))
    assert {entry["name"] for entry in board["entries"]} == set(NAMES)
    page = tmp_path / "page"
    call("leaderboard", *flags, "--html", page)
    assert "ei_l2o" in (page / "index.html").read_text()
    (results / "leaderboard.md").write_text(markdown)
    call("leaderboard", *flags, "--check")
    (results / "leaderboard.md").write_text(markdown.replace("grpo", "gpro"))
    call("leaderboard", *flags, "--check", code=1)


def test_options_that_exclude_each_other_are_refused(results):
    for flags, words in ((["--json", "--markdown"], "exclude each other"), (["--force"], "--force goes with --score")):
        with pytest.raises(ValueError, match=words):
            call("leaderboard", "--suite", "quick", "--results", results, *flags)


def test_scoring_another_suite_leaves_the_committed_table_alone(results):
    (results / "leaderboard.md").write_text("the full table")
    call("leaderboard", "--score", "--suite", "quick", "--results", results, "--quiet")
    assert (results / "leaderboard.md").read_text() == "the full table"


def test_scores_of_other_code_are_made_again(results, monkeypatch):
    monkeypatch.setattr(api, "scorer_hash", lambda: "another version")
    scored = []
    monkeypatch.setattr(api, "score_one", lambda name, suite, folder: scored.append(name))
    monkeypatch.setattr(api.concurrent.futures, "ProcessPoolExecutor", InProcess)
    score_built_ins("quick", results)
    assert scored == NAMES


class InProcess:
    """A pool that works at once, in this process."""

    def __init__(self, *arguments, **options):
        self.futures = []

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        return False

    def submit(self, function, *arguments):
        future = api.concurrent.futures.Future()
        future.set_result(function(*arguments))
        return future


def test_a_killed_scoring_process_ends_with_code_3(results, monkeypatch):
    (next((results / "quick-1" / "grpo").glob("*/*.json"))).unlink()
    monkeypatch.setattr(InProcess, "submit", _broken)
    monkeypatch.setattr(api.concurrent.futures, "ProcessPoolExecutor", InProcess)
    call("leaderboard", "--score", "--suite", "quick", "--results", results, "--quiet", code=3)


def _broken(self, function, *arguments):
    future = api.concurrent.futures.Future()
    future.set_exception(api.concurrent.futures.BrokenExecutor())
    return future


def test_interruption_prints_how_to_go_on(results, monkeypatch, capsys):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(api, "score_built_ins", interrupted)
    result = CliRunner().invoke(cli.app, ["leaderboard", "--score", "--suite", "quick", "--results", str(results)])
    assert result.exit_code == 130
    assert "interrupted; to go on:" in result.output


def test_missing_scores_are_made_in_processes_of_their_own(results):
    """The suite is patched in this process only: a worker scores the real quick suite."""
    path = next((results / "quick-1" / "grpo").glob("*/*.json"))
    path.unlink()
    [found] = score_built_ins("quick", results, names=["grpo"])
    assert found == path
    assert found.is_file()


def test_submission_that_exits_is_refused(tmp_path):
    path = tmp_path / "leaver.py"
    path.write_text("import sys\nadvantages = None\nsys.exit(0)\n")
    printed = call("check", path, *SANDBOX, code=1)
    assert "LoadError: leaver.py, line 3 cannot be imported: SystemExit" in printed


def test_unknown_suite_is_refused(tmp_path):
    path = tmp_path / "twice_ei.py"
    path.write_text(COPY)
    with pytest.raises(ValueError, match="unknown suite"):
        call("check", path, *SANDBOX, "--suite", "nonsense")
