"""submit and leaderboard, on a suite made small enough for a test."""

import contextlib
import json
import os
import re
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from maxpo_bench import cli
from maxpo_bench.estimators import ESTIMATORS
from maxpo_bench.leaderboard import SubmissionError, api, load_all, score_built_ins, store, submit, suite, table
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


def small():
    maze = MazeTrack(15, 0.8, 8, 4, 20, 20, (0.3, 1.0), 2, 3)
    return replace(SUITES.get("quick"), num_groups=1280, num_arms=10, maze=maze)


@pytest.fixture(autouse=True)
def small_suite(monkeypatch):
    monkeypatch.setitem(suite.SUITES._entries, "quick-1", small())
    monkeypatch.setattr(api, "BUILT_IN", [ESTIMATORS.get(name) for name in NAMES])


@pytest.fixture(scope="module")
def scores(tmp_path_factory):
    """The stored scores, made once."""
    folder = tmp_path_factory.mktemp("scores")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(suite.SUITES._entries, "quick-1", small())
        for name in NAMES:
            api.score_one(name, "quick", folder)
    return folder


@pytest.fixture
def results(scores, tmp_path):
    return shutil.copytree(scores, tmp_path / "results")


def call(*arguments, code=0):
    result = CliRunner().invoke(cli.app, [str(item) for item in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.stdout


def test_stored_scores_are_kept_and_missing_ones_made(results, monkeypatch):
    scored = []
    monkeypatch.setattr(api, "in_processes", lambda job, names, *arguments, **options: scored.extend(names))
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
    path, folder = tmp_path / "twice_ei.py", tmp_path / "an empty one"
    path.write_text(COPY)
    command = re.escape(f"`maxpo-bench leaderboard --score --suite quick-1 --results '{folder}'` first")
    for ask in (
        lambda: submit(path, suite="quick", results=folder),
        lambda: call("leaderboard", "--suite", "quick", "--results", folder),
        lambda: call("verify", "ei", "--suite", "quick", "--results", folder),
    ):
        with pytest.raises(ValueError, match=f"holds no score of ei_l2o.*{command}"):
            ask()
    with pytest.raises(ValueError, match=f"holds no score of a built-in estimator: call {command}"):
        call("verify", "--all-built-in", "--suite", "quick", "--results", folder)
    assert not folder.exists()


@pytest.mark.parametrize("place", ["/proc/nope", "a file"])
def test_a_results_folder_that_cannot_be_is_named_as_such_at_once(tmp_path, monkeypatch, place):
    path, folder = tmp_path / "twice_ei.py", tmp_path / place
    path.write_text(COPY)
    if place == "a file":
        folder.write_text("")
    elif not Path("/proc").is_dir():
        pytest.skip("there is no folder here that refuses even root")
    monkeypatch.setattr(
        api, "in_processes", lambda *arguments, **options: pytest.fail("scored before it was known where to store")
    )
    flags = ("--suite", "quick", "--results", folder)
    for command in (
        ("submit", path, *SANDBOX),
        ("leaderboard",),
        ("leaderboard", "--score", "--quiet"),
        ("verify", "ei"),
        ("verify", "--all-built-in"),
    ):
        with pytest.raises(OSError, match=f"cannot write {re.escape(str(folder))}.*give another"):
            call(*command, *flags)


def test_a_folder_that_cannot_be_written_to_is_known_before_anything_is_scored(results, tmp_path, monkeypatch):
    def read_only(folder):
        raise PermissionError(13, f"cannot write {folder}")

    path = tmp_path / "twice_ei.py"
    path.write_text(COPY)
    monkeypatch.setattr(api.files, "check_writable", read_only)
    monkeypatch.setattr(api, "score", lambda *arguments: pytest.fail("scored"))
    assert table("quick", results).entries
    with pytest.raises(PermissionError, match="cannot write"):
        submit(path, suite="quick", results=results, level=LEVEL)


def fabricated(monkeypatch, results, **changes):
    """Let scoring return a copy of ei's score under another name, with these changes."""
    [known] = [item for item in store.load_all(results, "quick-1") if item.entry.name == "ei"]

    def score(candidate, chosen, reference, progress):
        row = {"name": candidate.name, "origin": "submission", "submission_hash": candidate.digest}
        scorer = {**known.entry.scorer, "date": changes.get("date", known.entry.scorer["date"])}
        entry = replace(known.entry, **row, scorer=scorer, suite=changes.get("suite", known.entry.suite))
        return replace(known, entry=entry, noise=changes.get("noise", known.noise))

    monkeypatch.setattr(api, "score", score)
    return known


def test_a_score_with_which_there_would_be_no_table_is_not_stored(results, monkeypatch):
    before = sorted(results.rglob("*"))
    fabricated(monkeypatch, results, suite="full-1")
    monkeypatch.setattr(api.store, "load_all", lambda folder, suite: load_all(folder, "quick-1"))
    with pytest.raises(ValueError, match="quick-1, this table of full-1"):
        submit(lambda rewards, k: rewards, suite="quick", results=results, name="strange")
    assert sorted(results.rglob("*")) == before


def test_block_sums_of_no_variance_break_nobodys_table(results, monkeypatch):
    known = fabricated(monkeypatch, results)
    still = [replace(sums, sum_sq=[0.0] * len(sums.sum_sq)) for sums in known.noise]
    fabricated(monkeypatch, results, noise=still)
    with contextlib.suppress(ValueError):
        submit(lambda rewards, k: rewards, suite="quick", results=results, name="strange")
    assert {entry.name for entry in table("quick", results).entries} >= set(NAMES)


def first(rewards, k):
    return rewards


def second(rewards, k):
    return 2 * rewards


def test_a_name_is_taken_over_only_if_that_is_said(results, monkeypatch):
    options = {"suite": "quick", "results": results, "name": "mine"}
    fabricated(monkeypatch, results, date="2031-01-01")
    older = submit(first, **options)
    with pytest.raises(SubmissionError, match=r"'mine' is taken: quick-1 shows another.*hash.*--replace.*replace=True"):
        submit(second, **options)
    assert [item.entry.submission_hash for item in load_all(results, "quick-1") if item.entry.name == "mine"] == [
        older.scored.entry.submission_hash
    ]
    fabricated(monkeypatch, results, date="2032-01-01")
    newer = submit(second, replace=True, **options)
    assert newer.scored.entry.scorer["first"] == "2032-01-01"
    assert {entry.submission_hash for entry in table("quick", results).entries if entry.name == "mine"} == {
        newer.scored.entry.submission_hash
    }
    fabricated(monkeypatch, results, date="2033-01-01")
    with pytest.raises(SubmissionError, match="is taken"):
        submit(first, **options)
    assert submit(second, **options).scored.entry.scorer["first"] == "2032-01-01"
    assert submit(first, replace=True, **options).scored.entry.scorer["first"] == "2031-01-01"


def test_a_name_that_is_taken_while_its_score_is_made_is_kept(results, monkeypatch):
    fabricated(monkeypatch, results)
    slow, made = api.score, []

    def overtaken(*arguments):
        if not made:
            made.append("the other")
            submit(second, suite="quick", results=results, name="mine")
        return slow(*arguments)

    monkeypatch.setattr(api, "score", overtaken)
    with pytest.raises(SubmissionError, match="is taken"):
        submit(first, suite="quick", results=results, name="mine")


def test_a_new_version_keeps_the_withdrawal_until_it_is_verified(results, monkeypatch):
    options = {"suite": "quick", "results": results, "name": "mine"}
    fabricated(monkeypatch, results, date="2031-01-01")
    submit(first, **options)
    call("withdraw", "mine", "--reason", "a mistake", "--suite", "quick", "--results", results)
    fabricated(monkeypatch, results, date="2032-01-01")
    done = submit(second, replace=True, **options)
    for board in (done.board, table("quick", results)):
        [entry] = [entry for entry in board.entries if entry.name == "mine"]
        assert (entry.status, board.ranks["mine"]) == ("withdrawn", None)
    assert done.scored.entry.status == "withdrawn"


def test_the_command_takes_a_name_over_with_a_flag(results, tmp_path, monkeypatch):
    fabricated(monkeypatch, results)
    path = tmp_path / "mine.py"
    flags = (path, *SANDBOX, "--suite", "quick", "--results", results, "--quiet")
    path.write_text(COPY)
    call("submit", *flags)
    path.write_text(COPY + "# changed\n")
    with pytest.raises(ValueError, match="--replace"):
        call("submit", *flags)
    call("submit", *flags, "--dry-run", "--replace")
    call("submit", *flags, "--replace")
    assert len(list((results / "quick-1" / "mine").iterdir())) == 2


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
    monkeypatch.setattr(api, "in_processes", lambda job, names, *arguments, **options: scored.append(names))
    score_built_ins("quick", results)
    assert scored == [NAMES[:1], NAMES[1:]]


def test_a_killed_scoring_process_ends_with_code_3(results, monkeypatch):
    (next((results / "quick-1" / "grpo").glob("*/*.json"))).unlink()
    monkeypatch.setattr(api, "score_one", killed)
    call("leaderboard", "--score", "--suite", "quick", "--results", results, "--quiet", code=3)


def killed(name, *arguments):
    os.kill(os.getpid(), signal.SIGKILL)


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
