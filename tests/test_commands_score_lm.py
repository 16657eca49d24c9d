"""`maxpo-bench score-lm`: what is trained, what is kept, how it goes on, what is told."""

import json
import math
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from maxpo_bench.cli import app
from maxpo_bench.commands import language_model, language_runs, language_status
from maxpo_bench.commands.language_import import imported
from maxpo_bench.commands.language_runs import Incomplete, Subject, measure, num_finished
from maxpo_bench.estimators import get_estimator
from maxpo_bench.evaluation import pass_at_k
from maxpo_bench.leaderboard import language
from maxpo_bench.leaderboard.language_track import TINY_LM_1, LanguageTrack
from maxpo_bench.leaderboard.submission import built_in
from maxpo_bench.sandbox import offered

RESULTS = Path(__file__).resolve().parents[1] / "results"
BEST = 2e-5
SUBJECT = Subject("ei_l1o", "ab" * 32)
SMALL = LanguageTrack(
    "tiny-lm-test",
    seeds=2,
    learning_rates=(1e-3, 2e-3),
    k=2,
    group_size=8,
    groups_per_step=8,
    steps=4,
    difficulty=3,
    problems=40,
    samples=64,
    pretraining={"steps": 120, "batch_size": 64, "learning_rate": 1e-2, "width": 32, "layers": 1, "heads": 1}
    | {"hidden": 64, "warmup": 5},
)

ONE_RATE = replace(SMALL, learning_rates=(1e-3,))


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MAXPO_BENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    return tmp_path_factory.mktemp("bases")


@pytest.fixture
def shared_bases(bases, monkeypatch):
    """One cache for the tests that train, so that base models are made once; their subjects have names of their own."""
    monkeypatch.setenv("MAXPO_BENCH_CACHE", str(bases))


@pytest.fixture
def trained(monkeypatch):
    """Training that takes no time, with a known best learning rate; returns what was trained."""
    done = []

    def carry_out(spec, folder, estimator, progress):
        rate = spec.agent_kwargs["learning_rate"]
        done.append((spec.seed, rate))
        folder.mkdir(parents=True)
        progress(spec.iterations)
        share = 0.5 - 0.1 * abs(math.log10(rate / BEST)) + (spec.seed % 5) / 100
        figures = {f"pass@{k}": share for k in TINY_LM_1.ks} | {f"base_pass@{k}": 0.1 for k in TINY_LM_1.ks}
        others = dict.fromkeys(("adam_variance_proxy", "entropy", "seconds_per_step"), 1.0)
        others |= {"support_expansion": 0, "support_shrinkage": 0, "correct": [1] * TINY_LM_1.problems}
        return {"curves": {"iteration": [1], "adam_variance_proxy": [1.0]}, "summary": figures | others}

    monkeypatch.setattr(language_runs, "carry_out", carry_out)
    return done


def call(*arguments):
    return CliRunner().invoke(app, ["score-lm", *arguments])


def test_the_learning_rate_is_chosen_on_tuning_seeds_and_scored_on_others(trained):
    record = measure(TINY_LM_1, SUBJECT, {"how": "trained"})
    tuning, evaluation = TINY_LM_1.tuning_seeds(), TINY_LM_1.evaluation_seeds()
    assert trained == [(tuning[0], rate) for rate in TINY_LM_1.learning_rates] + [(seed, BEST) for seed in evaluation]
    assert record.learning_rate == BEST
    assert [run.seed for run in record.runs] == evaluation
    assert record.at(64).tolist() == pytest.approx([0.5 + (seed % 5) / 100 for seed in evaluation])
    assert record.tuning[BEST] == pytest.approx([0.5 + (tuning[0] % 5) / 100])
    assert (record.sandbox, record.digest) == ("none", SUBJECT.digest)


def test_what_is_finished_is_never_trained_again(trained):
    told = []
    first = measure(TINY_LM_1, SUBJECT, {}, progress=lambda done, total: told.append((done, total)))
    again = measure(TINY_LM_1, SUBJECT, {})
    assert again.to_dict() == first.to_dict()
    assert len(trained) == TINY_LM_1.num_runs
    assert told == sorted(told)
    assert told[-1] == (3200, 3200)


def test_another_version_of_the_code_and_another_level_are_trained_anew(trained):
    measure(TINY_LM_1, SUBJECT, {})
    measure(TINY_LM_1, replace(SUBJECT, digest="cd" * 32), {})
    measure(TINY_LM_1, replace(SUBJECT, level="basic", estimator=lambda k: nullcontext(get_estimator("ei", k))), {})
    assert len(trained) == 3 * TINY_LM_1.num_runs


@pytest.mark.parametrize("stop", range(1, 9))
def test_an_interrupted_call_goes_on_with_the_next_run(trained, monkeypatch, stop):
    carry_out = language_runs.carry_out

    def interrupted(*arguments):
        if len(trained) == stop - 1:
            raise KeyboardInterrupt
        return carry_out(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(language_runs, "carry_out", interrupted)
        with pytest.raises(KeyboardInterrupt):
            measure(TINY_LM_1, SUBJECT, {})
    assert num_finished(TINY_LM_1, SUBJECT.name, SUBJECT.digest, None) == stop - 1
    measure(TINY_LM_1, SUBJECT, {})
    assert len(trained) == len(set(trained)) == TINY_LM_1.num_runs


def test_fewer_seeds_leave_no_record(trained):
    with pytest.raises(Incomplete, match="5 of 8 runs"):
        measure(TINY_LM_1, SUBJECT, {}, seeds=1)
    assert len(measure(TINY_LM_1, SUBJECT, {}).runs) == 4
    assert len(trained) == TINY_LM_1.num_runs


def test_a_submission_and_the_built_in_it_copies_come_to_the_same(shared_bases):
    """The whole path with a model of a few thousand parameters: nothing depends on how the estimator was named."""
    known = measure(SMALL, Subject("ei_l2o", "ab" * 32), {})
    copy = Subject("mine", "cd" * 32, "basic", lambda k: nullcontext(get_estimator("ei_l2o", k)))
    mine = measure(SMALL, copy, {})
    assert [run.to_dict() for run in mine.runs] == [run.to_dict() for run in known.runs]
    assert (mine.tuning, mine.learning_rate, mine.sandbox) == (known.tuning, known.learning_rate, "basic")
    other = measure(
        SMALL, replace(copy, digest="ef" * 32, estimator=lambda k: nullcontext(get_estimator("grpo", k))), {}
    )
    assert [run.correct for run in other.runs] != [run.correct for run in known.runs]
    for run in known.runs:
        assert len(run.correct) == SMALL.problems
        shares = pass_at_k(SMALL.samples, np.array(run.correct), np.array(SMALL.ks)).mean(axis=0)
        assert dict(zip(SMALL.ks, shares.tolist(), strict=True)) == pytest.approx(run.passed)
        assert run.passed != run.base


@pytest.mark.parametrize("has_state", [False, True])
def test_an_interrupted_run_goes_on_where_that_changes_nothing(shared_bases, has_state, monkeypatch):
    """One with a state begins anew: no checkpoint holds what the estimator remembers."""
    subject = Subject(
        f"state_{has_state}", "cd" * 32, "none", lambda k: nullcontext(get_estimator("ei_l2o", k)), has_state
    )
    whole = measure(ONE_RATE, subject, {})
    seen = []

    def stop(done, total):
        if done % ONE_RATE.steps == 3:
            raise KeyboardInterrupt

    again = replace(subject, digest="ef" * 32)
    with pytest.raises(KeyboardInterrupt):
        measure(ONE_RATE, again, {}, progress=stop)
    carry_out = language_runs.carry_out

    def looking(spec, folder, *rest):
        seen.append((folder / "run.json").exists())
        return carry_out(spec, folder, *rest)

    monkeypatch.setattr(language_runs, "carry_out", looking)
    resumed = measure(ONE_RATE, again, {})
    assert seen[0] is not has_state
    assert [run.to_dict() for run in resumed.runs] == [run.to_dict() for run in whole.runs]
    folder = language_runs.runs_folder(ONE_RATE, subject.name, "ef" * 32, "none")
    assert not list((folder / "unfinished").iterdir())


def test_the_experiment_s_runs_are_taken_over_with_their_origin():
    if not (RESULTS / "tiny-lm.csv").is_file():
        pytest.skip(f"{RESULTS}/tiny-lm.csv is not part of this copy")
    record = imported(RESULTS, TINY_LM_1, "ei_l2o", "ab" * 32, {"how": "imported"})
    frozen = language.frozen_reference()
    assert [run.to_dict() for run in record.runs] == [run.to_dict() for run in frozen.runs]
    assert (record.learning_rate, record.tuning) == (frozen.learning_rate, frozen.tuning)
    assert (record.provenance["how"], record.provenance["table"]) == ("imported", "tiny-lm.csv")
    assert len(record.provenance["table_sha256"]) == 64
    with pytest.raises(ValueError, match=r"did not train pkpo_sloo.*'pkpo'"):
        imported(RESULTS, TINY_LM_1, "pkpo_sloo", "ab" * 32, {})


def test_runs_by_other_rules_or_on_other_seeds_are_not_taken_over(tmp_path):
    setting = {"setting": TINY_LM_1.to_dict() | {"steps": 10}}
    (tmp_path / "tiny-lm.json").write_text(json.dumps(setting))
    with pytest.raises(ValueError, match="steps is 10 instead of 400"):
        imported(tmp_path, TINY_LM_1, "ei", "ab" * 32, {})
    (tmp_path / "tiny-lm.json").write_text(json.dumps({"setting": TINY_LM_1.to_dict()}))
    head = "seeds,method,learning_rate,seed,k,pass_at_k,base_pass_at_k"
    (tmp_path / "tiny-lm.csv").write_text(f"{head}\ntuning,pkpo,1e-05,17,4,0.5,0.1\n")
    with pytest.raises(ValueError, match="holds 0 lines for learning rate 1e-05"):
        imported(tmp_path, TINY_LM_1, "ei", "ab" * 32, {})


def test_the_command_stores_beside_the_score_and_says_what_it_found(trained, tmp_path):
    done = call("ei_l1o", "--suite", "quick", "--results", str(tmp_path))
    assert done.exit_code == 0, done.output
    path = tmp_path / "quick-1" / "ei_l1o" / built_in("ei_l1o").digest[:16] / "tiny-lm.json"
    assert f"Stored: {path}" in done.stdout
    assert "learning rate 2e-05, trained here, tiny-lm-1" in done.stdout
    assert "are not the reference's" in done.stdout, "the pretended base is another"
    again = call("ei_l1o", "--suite", "quick", "--results", str(tmp_path), "--json")
    told = json.loads(again.stdout)
    assert (told["name"], told["path"], told["seeds"]) == ("ei_l1o", str(path), 4)
    assert told["gain_at_64"]["low"] < told["gain_at_64"]["value"] < told["gain_at_64"]["high"]
    assert len(trained) == TINY_LM_1.num_runs
    stored = json.loads(path.read_text())
    assert stored["provenance"]["how"] == "trained"
    assert {"date", "torch", "transformers", "commit"} <= set(stored["provenance"])


def test_status_says_complete_partly_done_and_missing(trained, tmp_path, monkeypatch):
    results = str(tmp_path)
    entries = [type("Scored", (), {"entry": _entry(name)}) for name in ("ei", "ei_l1o", "grpo")]
    monkeypatch.setattr(language_status, "load_all", lambda folder, suite: entries)
    assert call("ei", "--suite", "quick", "--results", results).exit_code == 0
    assert call("grpo", "--suite", "quick", "--results", results, "--seeds", "2").exit_code == 3
    assert call("ei_l2o", "--suite", "quick", "--results", results).exit_code == 0
    rows = json.loads(call("--status", "--suite", "quick", "--results", results, "--json").stdout)
    found = {row["name"]: (row["state"], row["runs"], row["of"], row["is_scored"]) for row in rows}
    assert found == {
        "ei": ("complete", 8, 8, True),
        "ei_l1o": ("missing", 0, 8, True),
        "grpo": ("partly done", 6, 8, True),
        "ei_l2o": ("complete", 8, 8, False),
    }
    text = call("--status", "--suite", "quick", "--results", results).stdout
    assert "2 complete, 1 partly done, 1 missing" in text
    assert "partly done: 6 of 8 runs on this machine" in text
    assert "maxpo-bench score-lm ei_l1o --suite quick" in text


def _entry(name):
    from maxpo_bench.leaderboard.entry import Entry

    kind = {"name": name, "title": name, "suite": "quick-1", "origin": "built-in", "kind": "exact"}
    return Entry(**kind, submission_hash=built_in(name).digest)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ei_l3o"], "neither a built-in estimator nor a file. Did you mean 'ei_l2o'"),
        ([], "name an estimator or a submission's file"),
        (["ei", "--status"], "--status is of all entries"),
        (["ei", "--seeds", "5"], "--seeds must be 1 to 4"),
        (["ei", "--name", "mine"], "--name is for submissions"),
        (["ei", "--suite", "fulll"], "unknown suite 'fulll'"),
        (["SUBMISSION", "--sandbox", "none"], "say so with --trust"),
        (["SUBMISSION", "--sandbox", "some"], "--sandbox must be strict or basic"),
        (["SUBMISSION", "--from", "results"], "--from is for built-in estimators"),
        (["TOO_LARGE", "--sandbox", "basic"], "it needs at least k=1 and 17 samples per group"),
    ],
)
def test_errors_say_how_to_mend(tmp_path, arguments, said):
    body = "def advantages(rewards, k):\n    return rewards\n"
    (tmp_path / "plain.py").write_text(f'"""Plain."""\n{body}')
    (tmp_path / "large.py").write_text(f'"""Large.\n\nmin_group_size: 17\n"""\n{body}')
    paths = {"SUBMISSION": tmp_path / "plain.py", "TOO_LARGE": tmp_path / "large.py"}
    done = call(*(str(paths.get(each, each)) for each in arguments), "--results", str(tmp_path))
    assert done.exit_code != 0
    assert said in f"{done.output} {done.exception}"


def _pretended(track):
    shares = dict.fromkeys(track.ks, 0.5)
    runs = [language.LanguageRun(seed, shares, shares) for seed in track.evaluation_seeds()]
    tuning = {rate: [0.5] for rate in track.learning_rates}
    return language.LanguageRecord("ei_l2o", "ab" * 32, track, track.learning_rates[0], tuning, runs)


HALF = '''"""Half."""

import torch
from maxpo_bench.estimators import ei_l2o


def advantages(rewards: torch.Tensor, k: int) -> torch.Tensor:
    return ei_l2o(rewards, k) / 2
'''
CALLED = '''"""Answers that grow from call to call."""

import torch
from maxpo_bench.estimators import ei_l2o

CALLS = []


def advantages(rewards: torch.Tensor, k: int) -> torch.Tensor:
    CALLS.append(1)
    return ei_l2o(rewards, k) * len(CALLS)
'''


@pytest.fixture
def small(shared_bases, monkeypatch):
    monkeypatch.setattr(language_model, "track_of", lambda suite: ONE_RATE)
    monkeypatch.setattr(language_model, "frozen_reference", _pretended)


def test_a_submission_is_trained_in_its_worker_and_stored_under_its_name(small, tmp_path):
    if reason := offered().levels["strict"]:
        pytest.skip(f"level strict: {reason}")
    code = tmp_path / "halved.py"
    code.write_text(HALF)
    before = set(sys.modules)
    done = call(str(code), "--name", "half", "--results", str(tmp_path), "--suite", "quick", "--json")
    assert done.exit_code == 0, done.output
    (path,) = (tmp_path / "quick-1").glob("half/*/tiny-lm.json")
    stored = json.loads(path.read_text())
    assert (stored["name"], stored["sandbox"]) == ("half", "strict")
    assert json.loads(done.stdout)["path"] == str(path)
    assert "maxpo_submission" not in str(set(sys.modules) - before), "its code runs in the worker only"


def test_a_submission_that_hides_a_state_is_refused_after_its_first_run(small, tmp_path):
    code = tmp_path / "growing.py"
    code.write_text(CALLED)
    done = call(str(code), "--trust", "--results", str(tmp_path), "--suite", "quick")
    assert done.exit_code != 0
    assert "with your rights" in done.stderr
    assert "growing does not answer the same when it is asked again" in str(done.exception)
    assert not list(tmp_path.glob("quick-1/*/*/tiny-lm.json"))
