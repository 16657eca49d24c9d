"""A run that is killed anywhere, and called again, ends with the files of one that was not, byte for byte."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from llm_train_small import SMALL

from maxpo_bench.llm.run_folder import RunFolder, RunFolderError
from maxpo_bench.llm.sampling_record import recorded_sampling
from maxpo_bench.llm.tiny.training import train

EVERY = 3
SCRIPT = """
import json, sys
from maxpo_bench.llm.tiny.run import TinyRun
from maxpo_bench.llm.tiny.training import train

def tell(stage, done, total):
    print(stage, done, flush=True)

train(TinyRun(**json.loads(sys.argv[1])), sys.argv[2], progress=tell, checkpoint_every=int(sys.argv[3]))
"""


class Killed(BaseException):
    """Stands for a kill at one of the moments at which progress is told."""


def files_of(folder):
    """What must be equal, by name: log, models, samples; and the summaries without their times."""
    runs = [folder / "base", folder / "run"]
    found = {
        f"{run.name}/{path.relative_to(run)}": path.read_bytes()
        for run in runs
        for path in sorted(run.rglob("*"))
        if path.is_file() and path.name not in (".lock", "run.json", "summary.json", "state.pt")
    }
    for run in runs:
        summary = RunFolder(run).summary()
        found[f"{run.name}/summary"] = {name: value for name, value in summary.items() if "seconds" not in name}
    return found


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def in_cache(cache, monkeypatch):
    monkeypatch.setenv("MAXPO_BENCH_CACHE", str(cache))


@pytest.fixture(scope="module")
def uninterrupted(cache, tmp_path_factory):
    """The folder of a run that nothing stopped, and its base beside it."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MAXPO_BENCH_CACHE", str(cache))
        train(SMALL, folder / "run", checkpoint_every=EVERY)
    return folder


def test_a_run_writes_what_it_promises(uninterrupted):
    run = RunFolder(uninterrupted / "run")
    log = run.log()
    assert [line["step"] for line in log] == list(range(1, SMALL.steps + 1))
    assert any(line["grad_norm"] > 0 for line in log), "without a gradient nothing below is a test"
    for line in log:
        assert 0 <= line["reward_mean"] <= line["reward_max_at_k"] <= 1
        assert line["entropy"] > 0
        assert 1 <= line["completion_length"]
        assert 0 <= line["dead_groups"] <= 1
        assert line["adam_variance_proxy"] >= 0
    rows = [json.loads(line) for line in run.samples_path("countdown").read_text().splitlines()]
    keys = [(row["problem_id"], row["sample"]) for row in rows]
    assert len(set(keys)) == len(keys) == SMALL.eval_problems * SMALL.eval_samples
    assert list(run.checkpoints()) == [SMALL.steps]
    base = (uninterrupted / "base" / "model" / "model.safetensors").read_bytes()
    assert (run.model_path / "model.safetensors").read_bytes() != base


@pytest.mark.parametrize("seed", range(3))
def test_interrupted_again_and_again_it_ends_the_same(uninterrupted, tmp_path, seed):
    rng = random.Random(seed)
    calls = 0
    while True:
        left = rng.randint(1, 9)

        def tell(stage, done, total):
            nonlocal left
            left -= 1
            if not left:
                raise Killed

        calls += 1
        try:
            train(SMALL, tmp_path / "run", progress=tell, checkpoint_every=rng.choice([1, 2, 3]))
            break
        except Killed:
            pass
    assert calls > 3
    assert files_of(tmp_path) == files_of(uninterrupted)


def run_with_kills(run, folder, cache, rng, lines):
    """Carry a run out in processes of its own, killing one for each number of lines that it has told."""
    arguments = [sys.executable, "-c", SCRIPT, json.dumps(vars(run)), str(folder / "run"), str(EVERY)]
    environment = {**os.environ, "MAXPO_BENCH_CACHE": str(cache)}
    stages = []
    for most in lines:
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, env=environment, text=True) as process:
            assert process.stdout is not None
            told = [line for _, line in zip(range(most), process.stdout, strict=False)]
            time.sleep(rng.uniform(0.0, 0.05))
            process.send_signal(signal.SIGKILL)
        stages.append(told[-1].rsplit(maxsplit=1)[0] if told else "the end")
    subprocess.run([*arguments], stdout=subprocess.DEVNULL, env=environment, check=True)
    return stages


def test_killed_in_pretraining_and_after_it(uninterrupted, tmp_path):
    """Lines of an uninterrupted call: 120 of pretraining, 3 of the base's evaluation, 10 of training, 3 more."""
    rng = random.Random(0)
    cache = tmp_path / "cache"
    stages = run_with_kills(SMALL, tmp_path / "runs", cache, rng, [rng.randint(1, 100), 123 + rng.randint(1, 11)])
    assert stages[0] == "pretraining"
    assert files_of(tmp_path / "runs") == files_of(uninterrupted)


@pytest.mark.paper
def test_killed_often_at_random_moments(cache, tmp_path):
    """A larger run, 25 kills anywhere: pretraining, evaluation of the base, training, evaluation."""
    run = replace(SMALL, steps=120, groups_per_step=16, eval_problems=200, pretraining={"steps": 200})
    rng = random.Random(1)
    train(run, tmp_path / "alone" / "run", checkpoint_every=7)
    lines = [rng.randint(1, 60) for _ in range(25)]
    run_with_kills(run, tmp_path / "killed", tmp_path / "cache", rng, lines)
    assert files_of(tmp_path / "killed") == files_of(tmp_path / "alone")


def test_checkpoints_do_not_change_the_result(uninterrupted, tmp_path):
    train(SMALL, tmp_path / "run", checkpoint_every=1000)
    assert files_of(tmp_path) == files_of(uninterrupted)


def test_a_finished_run_is_left_as_it_is(uninterrupted):
    before = {path: path.stat().st_mtime_ns for path in uninterrupted.rglob("*") if path.is_file()}
    train(SMALL, uninterrupted / "run")
    assert {path: path.stat().st_mtime_ns for path in uninterrupted.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("changes", [{"k": 3}, {"learning_rate": 1e-4}, {"method": "grpo"}, {"eval_samples": 8}])
def test_other_options_in_one_folder_are_refused(uninterrupted, changes):
    (name,) = changes
    with pytest.raises(RunFolderError, match=rf"{name} is .* there, .* here"):
        train(replace(SMALL, **changes), uninterrupted / "run")


def test_a_base_that_was_evaluated_otherwise_is_refused(uninterrupted):
    with pytest.raises(RunFolderError, match=r"base.*eval_samples is 4 there, 8 here"):
        train(replace(SMALL, eval_samples=8), uninterrupted / "other")


def test_runs_beside_each_other_share_the_base(uninterrupted, monkeypatch):
    import maxpo_bench.llm.tiny.training as training

    def refuse(*arguments, **options):
        raise AssertionError("the base model is there")

    monkeypatch.setattr(training, "pretrained", refuse)
    summary = train(replace(SMALL, seed=1, steps=1), uninterrupted / "seed1")
    first = RunFolder(uninterrupted / "run").summary()
    assert first is not None
    assert summary["base_pass@1"] == first["base_pass@1"]


def test_a_file_of_samples_that_is_too_long_is_refused(uninterrupted, tmp_path):
    run = RunFolder(tmp_path / "run")
    run.samples_path("countdown").parent.mkdir(parents=True)
    run.samples_path("countdown").write_text("{}\n" * 161)
    with pytest.raises(ValueError, match="161 samples"):
        train(SMALL, tmp_path / "run", base=uninterrupted / "base")


@pytest.mark.parametrize("change", [{"seed": 3}, {"sample": 9}, {"problem_id": "countdown/test/9"}])
def test_lines_of_other_samples_are_not_taken_for_its_own(uninterrupted, tmp_path, change):
    """As many lines as a block has are no proof that they are the block's."""
    lines = RunFolder(uninterrupted / "run").samples_path("countdown").read_text().splitlines()
    lines[2] = json.dumps(json.loads(lines[2]) | change)
    run = RunFolder(tmp_path / "run")
    run.samples_path("countdown").parent.mkdir(parents=True)
    run.samples_path("countdown").write_text("\n".join([*lines, ""]))
    with pytest.raises(ValueError, match=rf"countdown.jsonl:3: {next(iter(change))} is"):
        train(SMALL, run.path, base=uninterrupted / "base")
    assert len(run.samples_path("countdown").read_text().splitlines()) == len(lines)


def test_how_samples_were_drawn_is_recorded(uninterrupted):
    for name in ("base", "run"):
        assert recorded_sampling(RunFolder(uninterrupted / name).samples_path("countdown")) == {
            "temperature": 1.0,
            "top_p": 1.0,
            "max_new_tokens": None,
            "template": "plain",
            "dtype": "float32",
        }
