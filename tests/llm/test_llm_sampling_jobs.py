"""Samples to files: torn at any byte they are mended, other options are refused, nothing is lost or doubled."""

import json
import subprocess
import sys
from pathlib import Path

import llm_sampling_models
import pytest

from maxpo_bench.json_lines import read_json_lines
from maxpo_bench.llm.sampling import (
    Completion,
    SamplingSettings,
    choose_engine,
    engines,
    file_benchmark,
    plan_job,
    prepare_model,
    run_jobs,
    task_benchmark,
)
from maxpo_bench.llm.sampling.model import ModelSetup
from maxpo_bench.llm.sampling.samples_file import OtherSamplesError, SamplesFile

SETTINGS = SamplingSettings(n=3, temperature=1.0, top_p=1.0, max_new_tokens=8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return llm_sampling_models.random_model(tmp_path_factory.mktemp("models") / "random")


@pytest.fixture(scope="module")
def setup(folder):
    return prepare_model(folder, engine="transformers", batch_size=7)


class EchoEngine:
    """Answers with the seed's digits, and remembers what was asked together."""

    def __init__(self):
        self.calls = []

    def generate(self, requests, *, temperature, top_p):
        self.calls.append([request.seed for request in requests])
        answers = [(*map(int, str(request.seed)[: request.max_new_tokens - 1]), 16) for request in requests]
        return [Completion(tokens, (-0.5,) * len(tokens), "stop") for tokens in answers]


@pytest.fixture
def echo(monkeypatch):
    engine = EchoEngine()
    monkeypatch.setattr(ModelSetup, "start", lambda self, max_length: engine)
    return engine


def job_of(setup, path, settings=SETTINGS, limit=8, **options):
    return plan_job(task_benchmark("countdown", limit=limit), settings, setup, path, **options)


def rows_of(path):
    return [row for _, row in read_json_lines(path)]


def test_rows_say_what_was_drawn(setup, echo, tmp_path):
    job = job_of(setup, tmp_path / "samples.jsonl", logprobs="tokens")
    (speed,) = run_jobs([job])
    rows = rows_of(job.file.path)
    assert [(row["problem_id"], row["sample"]) for row in rows] == [
        (f"countdown/test/{problem}", sample) for problem in range(8) for sample in range(3)
    ]
    for row in rows:
        assert row["seed"] == SETTINGS.sample_seed(row["problem_id"], row["sample"])
        assert row["completion"] == str(row["seed"])[:7]
        assert (row["benchmark"], row["finish_reason"], row["tokens"]) == ("countdown", "stop", 8)
        assert row["token_ids"] == [*map(int, row["completion"]), 16]
        assert row["logprob"] == sum(row["token_logprobs"]) == -4.0
        assert "gold" not in row
    assert (speed.samples, speed.tokens, speed.cut, speed.problems_before) == (24, 24 * 8, 0, 0)
    assert speed.tokens_per_second == speed.tokens / speed.seconds


def test_log_probabilities_and_golds_are_there_where_they_are_asked_for(setup, echo, tmp_path):
    run_jobs([job_of(setup, tmp_path / "none.jsonl"), job_of(setup, tmp_path / "sum.jsonl", logprobs="sum")])
    assert not {"logprob", "token_ids", "token_logprobs"} & set(rows_of(tmp_path / "none.jsonl")[0])
    assert set(rows_of(tmp_path / "sum.jsonl")[0]) - set(rows_of(tmp_path / "none.jsonl")[0]) == {"logprob"}
    (tmp_path / "sums.jsonl").write_text(json.dumps({"problem": "1+1=", "answer": "2", "id": "a"}) + "\n")
    benchmark = file_benchmark(tmp_path / "sums.jsonl")
    run_jobs([plan_job(benchmark, SETTINGS, setup, tmp_path / "file.jsonl")])
    assert [(row["benchmark"], row["gold"]) for row in rows_of(tmp_path / "file.jsonl")] == [("sums", "2")] * 3


def test_what_is_drawn_together_depends_on_the_options_only(setup, echo, tmp_path):
    """Two problems of three samples fill a batch of seven; a problem that is there already is drawn along."""
    job = job_of(setup, tmp_path / "samples.jsonl", limit=5)
    run_jobs([job])
    assert [len(call) for call in echo.calls] == [6, 6, 3]
    whole = job.file.path.read_bytes()
    lines = whole.splitlines(keepends=True)
    job.file.path.write_bytes(b"".join(lines[:9]))
    (speed,) = run_jobs([job])
    assert echo.calls[3:] == echo.calls[1:3]
    assert job.file.path.read_bytes() == whole
    assert (speed.problems_before, speed.samples, speed.samples + 9) == (3, 6, len(lines))
    assert (speed.tokens, speed.tokens_again) == (6 * 8, 3 * 8)
    assert speed.tokens_per_second == 9 * 8 / speed.seconds


def test_a_problem_larger_than_a_batch_is_drawn_in_one_call(folder, echo, tmp_path):
    setup = prepare_model(folder, engine="transformers", batch_size=2)
    run_jobs([job_of(setup, tmp_path / "samples.jsonl", limit=2)])
    assert [len(call) for call in echo.calls] == [3, 3]


def test_torn_at_any_byte_the_file_ends_as_if_it_had_not_been(setup, echo, tmp_path):
    job = job_of(setup, tmp_path / "samples.jsonl", limit=3)
    run_jobs([job])
    whole = job.file.path.read_bytes()
    ends = [at for at in range(len(whole)) if b"\n" in whole[max(at - 2, 0) : at + 2]]
    for length in sorted({*ends, *range(0, len(whole), 23)}):
        job.file.path.write_bytes(whole[:length])
        (speed,) = run_jobs([job])
        assert job.file.path.read_bytes() == whole, length
        assert speed.problems_before == whole[:length].count(b"\n") // 3


def test_a_finished_file_needs_no_model(setup, echo, tmp_path, monkeypatch):
    job = job_of(setup, tmp_path / "samples.jsonl")
    run_jobs([job])
    monkeypatch.setattr(ModelSetup, "start", lambda self, max_length: pytest.fail("the model was loaded"))
    (speed,) = run_jobs([job])
    assert (speed.samples, speed.problems_before, speed.tokens_per_second) == (0, 8, None)


def test_options_before_the_first_sample_are_enough_to_go_on(setup, echo, tmp_path):
    """A kill may leave the options alone, or an empty file alone."""
    job = job_of(setup, tmp_path / "samples.jsonl")
    run_jobs([job])
    whole = job.file.path.read_bytes()
    job.file.path.unlink()
    run_jobs([job])
    assert job.file.path.read_bytes() == whole
    job.file.options_path.unlink()
    job.file.path.write_bytes(b"")
    run_jobs([job])
    assert job.file.path.read_bytes() == whole


@pytest.mark.parametrize(
    ("settings", "options", "names"),
    [
        ({"temperature": 0.5}, {}, ["temperature is 1.0, not 0.5"]),
        ({"n": 4, "seed": 1}, {}, ["n is 3, not 4", "seed is 0, not 1"]),
        ({}, {"limit": 7}, ["source", "prompts"]),
        ({}, {"logprobs": "sum"}, ["logprobs"]),
    ],
)
def test_other_options_are_named_and_refused(setup, echo, tmp_path, settings, options, names):
    job = job_of(setup, tmp_path / "samples.jsonl")
    run_jobs([job])
    before = job.file.path.read_bytes()
    with pytest.raises(OtherSamplesError, match="begun with other options") as error:
        job_of(setup, tmp_path / "samples.jsonl", SamplingSettings(**{**SETTINGS.to_dict(), **settings}), **options)
    assert all(name in str(error.value) for name in names)
    assert job.file.path.read_bytes() == before


def test_another_model_at_the_same_path_is_refused(folder, setup, echo, tmp_path):
    model = tmp_path / "model"
    llm_sampling_models.random_model(model)
    first = job_of(prepare_model(model, engine="transformers"), tmp_path / "samples.jsonl")
    run_jobs([first])
    llm_sampling_models.random_model(model, seed=1)
    with pytest.raises(OtherSamplesError, match="fingerprint"):
        job_of(prepare_model(model, engine="transformers"), tmp_path / "samples.jsonl")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda lines: [*lines, lines[0]], "more than was asked for"),
        (lambda lines: [lines[0], *lines[2:]], "sample is 2, expected 1"),
        (lambda lines: [lines[0].replace(b'"seed": ', b'"seed": 1'), *lines[1:]], "seed is"),
        (lambda lines: [*lines[:4], b'{"problem_id": "gsm8k/'], "does not end"),
        (lambda lines: [*lines[:4], b"null\n"], "expected a JSON object"),
    ],
)
def test_foreign_lines_are_left_alone(setup, echo, tmp_path, change, words):
    job = job_of(setup, tmp_path / "samples.jsonl")
    run_jobs([job])
    job.file.path.write_bytes(b"".join(change(job.file.path.read_bytes().splitlines(keepends=True))))
    before = job.file.path.read_bytes()
    with pytest.raises(ValueError, match=words):
        run_jobs([job])
    assert job.file.path.read_bytes() == before


def test_a_file_of_something_else_is_left_alone(setup, tmp_path):
    path = tmp_path / "samples.jsonl"
    path.write_text('{"mine": 1}\n')
    with pytest.raises(OtherSamplesError, match="not begun by this command"):
        job_of(setup, path)
    with pytest.raises(ValueError, match="must end in"):
        SamplesFile(tmp_path / "samples.json")


def test_two_calls_do_not_write_one_file(setup, echo, tmp_path):
    job = job_of(setup, tmp_path / "samples.jsonl")
    with (
        job.file.open(job.options(), job.ids, 3, SETTINGS.sample_seed),
        pytest.raises(ValueError, match="written by another call"),
    ):
        run_jobs([job])


def test_the_context_ends_completions_and_refuses_longer_prompts(folder, setup, tmp_path):
    long = SamplingSettings(n=1, temperature=1.0, max_new_tokens=3072)
    job = job_of(setup, tmp_path / "samples.jsonl", long, limit=1)
    assert len(job.prompts[0]) == 9
    assert job.limit(job.prompts[0]) == 17 - 9
    assert job.max_length == 17
    small = prepare_model(llm_sampling_models.random_model(tmp_path / "small", context=11), engine="transformers")
    benchmark = task_benchmark("countdown", limit=1, options={"difficulty": 6})
    with pytest.raises(ValueError, match=r"prompt of countdown\[difficulty=6\]/test/0 has 11 tokens.*reads 11"):
        plan_job(benchmark, long, small, tmp_path / "other.jsonl")


def test_progress_counts_problems(setup, echo, tmp_path):
    told = []
    run_jobs([job_of(setup, tmp_path / "samples.jsonl", limit=5)], lambda job, done, total: told.append((done, total)))
    assert told == [(0, 5), (2, 5), (4, 5), (5, 5)]


class TestBenchmarks:
    def test_are_called_as_reports_call_them(self):
        assert task_benchmark("countdown", limit=2).name == "countdown"
        assert task_benchmark("countdown", limit=2, options={"difficulty": 5}).name == "countdown[difficulty=5]"
        rg = task_benchmark("reasoning_gym/gcd", limit=1)
        assert (rg.name, rg.file_name) == ("reasoning_gym/gcd", "reasoning_gym-gcd")

    def test_limits_must_be_positive(self):
        with pytest.raises(ValueError, match="at least 1 problem"):
            task_benchmark("countdown", limit=0)


class TestEngines:
    def test_vllm_comes_first_where_it_is(self, monkeypatch):
        monkeypatch.setattr(engines, "_is_installed", lambda name: True)
        assert choose_engine() == "vllm"
        assert choose_engine(is_adapter=True) == "transformers"
        with pytest.raises(ValueError, match="merge it"):
            choose_engine("vllm", is_adapter=True)

    def test_without_it_transformers_is_taken(self, monkeypatch):
        monkeypatch.setattr(engines, "_is_installed", lambda name: name == "transformers")
        assert choose_engine() == "transformers"
        with pytest.raises(engines.MissingEngineError, match=r"pip install 'maxpo-bench\[vllm\]'"):
            choose_engine("vllm")

    def test_without_both_it_says_what_to_install(self, monkeypatch):
        monkeypatch.setattr(engines, "_is_installed", lambda name: False)
        with pytest.raises(engines.MissingEngineError, match=r"pip install 'maxpo-bench\[llm\]'"):
            choose_engine()

    def test_the_package_loads_no_library(self):
        code = (
            "import sys, maxpo_bench.llm.sampling, maxpo_bench.cli.llm_sampling\n"
            "print(sorted({'torch', 'transformers', 'vllm'} & set(sys.modules)))"
        )
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert found.stdout.strip() == "[]"


KILLER = Path(__file__).with_name("llm_sampling_killer.py")


def test_killed_at_random_moments_nothing_is_lost_doubled_or_changed(folder, tmp_path):
    """A process that samples is killed by SIGKILL again and again; the result equals an uninterrupted one's."""
    done = subprocess.run(
        [sys.executable, str(KILLER), str(folder), str(tmp_path), "0"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["killed"] >= 3
    assert told["moments"] >= 3, "at different lengths of the file"
    assert (tmp_path / "killed.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert len(rows_of(tmp_path / "killed.jsonl")) == 12 * 64
