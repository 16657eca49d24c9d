"""What `check` and `submit` say: short, with what follows from it, and never nothing for minutes."""

import json
import shlex
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from synthetic_scores import scored
from typer.testing import CliRunner

from maxpo_bench import cli
from maxpo_bench.commands import check as check_command
from maxpo_bench.commands import submit as submit_command
from maxpo_bench.commands.check import cut_rows, next_step, print_report, time_needed
from maxpo_bench.commands.new import new_submission
from maxpo_bench.leaderboard import admission, api, store, suite
from maxpo_bench.leaderboard.admission import STAGES, CheckReport, unfinished
from maxpo_bench.leaderboard.board import build_board
from maxpo_bench.leaderboard.contract import CheckResult
from maxpo_bench.leaderboard.duration import CallTime, measure_calls, planned_calls
from maxpo_bench.leaderboard.learning import measure_learning
from maxpo_bench.leaderboard.score import measure_noise, scorer_hash
from maxpo_bench.leaderboard.source import Metadata, read_submission
from maxpo_bench.leaderboard.submission import from_function
from maxpo_bench.leaderboard.suite import SUITES, MazeTrack

ROOT = Path(__file__).resolve().parents[2]
SOURCE = "from maxpo_bench.estimators import ei\n\ndef advantages(rewards, k):\n    return 2 * ei(rewards, k)\n"
NUMBERS = [float(value) for value in range(32)]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "my estimator.py"
    path.write_text('"""Twice EI.\n\nname: twice_ei\n"""\n' + SOURCE)
    return path


@pytest.fixture
def small_suite(monkeypatch):
    full = SUITES.get("quick")
    small = replace(full, num_groups=640, num_arms=6, maze=MazeTrack(15, 0.8, 8, 4, 20, 20, (0.3, 1.0), 2, 3))
    monkeypatch.setitem(suite.SUITES._entries, "quick-1", small)
    return small


@pytest.fixture
def admitted(monkeypatch):
    """`check` of the commands, replaced by one that admits everything at once."""
    report = CheckReport("twice_ei", True, "strict")
    for module in (admission, check_command, submit_command):
        monkeypatch.setattr(module, "check", lambda path, **options: report, raising=False)
    monkeypatch.setattr(check_command, "prepare", lambda path, level: None, raising=False)
    return report


def call(*arguments, code=0):
    result = CliRunner().invoke(cli.app, [str(item) for item in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def test_a_path_that_leads_nowhere_is_a_wrong_call(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(sys, "argv", ["maxpo-bench", "check", str(tmp_path / "nothere")])
    with pytest.raises(SystemExit) as left:
        cli.main()
    told = capsys.readouterr()
    assert left.value.code == 2
    assert told.err == f"maxpo-bench: {tmp_path / 'nothere'}: no such file or folder\n"
    assert told.out == ""


@pytest.mark.parametrize(
    ("flags", "words"),
    [(["--sandbox", "basic"], "note: basic sandbox"), (["--trust"], "note: --trust"), (["--trust", "--quiet"], "")],
)
def test_check_says_what_a_lower_level_gives_up(admitted, file, flags, words):
    assert (words in call("check", file, *flags).stderr) is True
    if not words:
        assert call("check", file, *flags).stderr == ""
    assert "note" not in call("check", file, *flags, "--json").stdout


def test_check_tells_its_stages(file, monkeypatch):
    told = []

    @contextmanager
    def staged(*, quiet):
        yield None if quiet else lambda stage, done: told.append((stage, done))

    monkeypatch.setattr(check_command, "staged", staged)
    report = json.loads(call("check", file, "--suite", "quick", "--trust", "--json").stdout)
    assert report["unfinished"] == ["authors is empty", "licence is empty"]
    assert report["calls"]["score_seconds"] > 0
    assert [stage for stage, _ in told] == list(STAGES)
    assert [done for _, done in told] == sorted({done for _, done in told})
    assert all(0 <= done < 1 for _, done in told)


def test_a_score_asks_as_many_groups_as_are_planned(small_suite):
    asked = []

    def advantages(rewards, k):
        asked.append(rewards.shape)
        return rewards - rewards.mean(-1, keepdim=True)

    candidate = from_function(advantages, Metadata(name="mean"))
    planned = planned_calls(candidate, small_suite)
    assert planned is not None
    measure_noise(candidate, {}, small_suite)
    noise = sum(rows * n for rows, n in asked)
    asked.clear()
    measure_learning(candidate, small_suite.name, small_suite.maze)
    learning = sum(rows * n for rows, n in asked)
    assert planned.groups * planned.n == pytest.approx(2 * noise + learning, rel=0.01)
    assert planned_calls(from_function(advantages, Metadata(name="late", min_k=40)), small_suite) is None


def test_time_of_calls_follows_the_groups(small_suite, monkeypatch):
    """A clock that advances by the groups asked: 2 s a call and 0.5 s a group."""
    now = [0.0]
    monkeypatch.setattr("maxpo_bench.leaderboard.duration.time.perf_counter", lambda: now[0])

    def advantages(rewards, k):
        now[0] += 2.0 + 0.5 * len(rewards)
        return rewards.clone()

    candidate = from_function(advantages, Metadata(name="slow"))
    planned, found = planned_calls(candidate, small_suite), measure_calls(candidate, small_suite)
    assert planned is not None
    assert found is not None
    assert found.seconds == pytest.approx(2.0 + 0.5 * found.groups)
    assert found.score_seconds == pytest.approx(2.0 * planned.calls + 0.5 * planned.groups)


def test_only_long_scores_are_announced(capsys):
    assert time_needed(None) == []
    assert time_needed(CallTime(48, 16, 4, 0.002, 20.0)) == []
    [line] = time_needed(CallTime(48, 16, 4, 0.25, 1200.0))
    assert "0.25 s for a call on 48 groups of 16 (K = 4)" in line
    assert "about 20 minutes." in line
    [line] = time_needed(CallTime(48, 16, 4, 0.002, 20.0), always=True)
    assert "will take about 20 seconds." in line
    [line] = time_needed(CallTime(48, 16, 4, 9.0, 36000.0))
    assert "about 10 hours, and 30 minutes are allowed: make it faster" in line
    print_report(CheckReport("slow", True, "none", calls=CallTime(48, 16, 4, 0.25, 1200.0)))
    assert "about 20 minutes" in capsys.readouterr().out
    print_report(CheckReport("slow", False, "none", calls=CallTime(48, 16, 4, 0.1, 100.0), error_kind="TimeLimit"))
    assert "0.1 s for a call" in capsys.readouterr().out
    calls = CheckReport("slow", True, "none", calls=CallTime(48, 16, 4, 0.25, 1200.0)).to_dict()["calls"]
    assert (calls["seconds"], calls["score_seconds"]) == (0.25, 1200.0)


def test_long_rows_are_cut_in_print_and_whole_in_json(capsys):
    message = f"k=4, rewards={NUMBERS}: first {NUMBERS}, asked again {NUMBERS}; [[1.0, 2.0], [3.0, 4.0]] stays"
    short = cut_rows(message)
    assert len(short) < 250 < len(message)
    assert short.count("[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, ...]") == 3
    assert short.endswith("[[1.0, 2.0], [3.0, 4.0]] stays")
    assert cut_rows(str(NUMBERS[:8])) == str(NUMBERS[:8])
    report = CheckReport("x", False, "none", results=[CheckResult("asked again", "fail", message)], error=message)
    print_report(report)
    assert "31.0" not in capsys.readouterr().out
    assert report.to_dict()["contract"][0]["message"] == report.to_dict()["error"] == message


def test_what_a_template_leaves_open_is_told(tmp_path, file, admitted, capsys):
    template = read_submission(new_submission("mine", folder=tmp_path)).metadata
    assert [line.split()[0] for line in unfinished(template)] == ["authors", "summary"]
    assert unfinished(read_submission(ROOT / "submissions" / "half_l2o").metadata) == ()
    assert unfinished(Metadata(name="bare")) == ("authors is empty", "licence is empty", "summary is empty")
    report = CheckReport("mine", True, "strict", unfinished=unfinished(template))
    print_report(report)
    assert "To fill in: authors is empty; summary" in capsys.readouterr().out
    assert report.to_dict()["unfinished"] == list(unfinished(template))


def test_printed_commands_can_be_pasted(file):
    command = next_step(CheckReport("x", True, "strict"), file, "quick").split("Next: ")[1]
    assert shlex.split(command) == ["maxpo-bench", "submit", str(file), "--suite", "quick"]


@pytest.mark.parametrize("source", ["other", None])
def test_dry_run_says_what_follows_from_a_stale_reference(admitted, file, tmp_path, source):
    results = tmp_path / "my results"
    if source:
        store.save(results, scored(suite="quick-1"))
    printed = call("submit", file, "--suite", "quick", "--results", results, "--dry-run").stdout
    [line] = [line for line in printed.splitlines() if line.startswith("Reference:")]
    assert ("ranked only beside scores of the same code" in line) == bool(source)
    command = line.split("First: ")[1].removesuffix(" (two minutes)")
    expected = ["maxpo-bench", "leaderboard", "--score", "--suite", "quick-1", "--results", str(results)]
    assert shlex.split(command) == expected


def test_dry_run_beside_a_current_reference(admitted, file, tmp_path):
    fresh = scored(suite="quick-1")
    fresh = replace(fresh, entry=replace(fresh.entry, scorer={**fresh.entry.scorer, "source": scorer_hash()}))
    store.save(tmp_path, fresh)
    plan = json.loads(call("submit", file, "--suite", "quick", "--results", tmp_path, "--dry-run", "--json").stdout)
    assert plan["plan"]["Reference"] == "ei_l2o, current"
    assert plan["plan"]["Entry"] == "twice_ei, new"
    store.save(tmp_path, scored("twice_ei", suite="quick-1"))
    for flags, words in (([], ", which needs --replace"), (["--replace"], "")):
        options = ["--suite", "quick", "--results", tmp_path, "--dry-run", "--json", *flags]
        plan = json.loads(call("submit", file, *options).stdout)
        assert plan["plan"]["Entry"] == f"twice_ei, a new version of the entry of this name{words}"


def test_submit_answers_in_a_screenful(monkeypatch, file, tmp_path):
    names = ("ei_l2o", "ei", "all_subsets", "grpo", "pkpo_sloo_minus_one")
    stored = [scored(name, seed=seed, kind="exact") for seed, name in enumerate(names)]
    new = scored("twice_ei", seed=len(names), origin="submission")
    note = {"name": "behaviour", "status": "note", "message": f"centred, {NUMBERS}"}
    new = replace(new, contract=[*new.contract, note])
    done = api.Submitted(new, tmp_path / "quick-1.json", build_board("quick-1", [*stored, new]))
    monkeypatch.setattr(submit_command.api, "submit", lambda *given, **options: done)
    result = call("submit", file, "--trust", "--suite", "quick", "--results", tmp_path)
    lines = result.stdout.splitlines()
    assert len(lines) < 20
    assert lines[0].startswith("Main table  rows ")
    assert lines[0].endswith(" of 6, quick-1")
    assert any("twice_ei" in line for line in lines[1:8])
    assert "The headline" not in result.stdout
    for start in (
        "note: behaviour: centred, [0.0,",
        "Contract tests: 1 passed.",
        "twice_ei ranks ",
        "Stored: ",
        "Board: ",
    ):
        assert any(line.startswith(start) for line in lines), start
    assert "31.0" not in result.stdout
    assert "note: To fill in: authors is empty; licence is empty." in result.stderr
    assert call("submit", file, "--trust", "--suite", "quick", "--quiet").stderr == ""
