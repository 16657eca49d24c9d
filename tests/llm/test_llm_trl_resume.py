import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from peft import LoraConfig
from transformers import TrainerCallback
from trl import GRPOTrainer
from trl_tiny import GROUP, IGNORED, questions, save_tiny_model, trainer

from maxpo_bench.llm.training import GradientStatistics, is_complete, last_complete_checkpoint

pytestmark = pytest.mark.filterwarnings(IGNORED)
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_tiny_model(tmp_path_factory.mktemp("model"))


class Start(TrainerCallback):
    def on_train_begin(self, args, state, control, **kwargs):
        self.step = state.global_step


def result(run, folder):
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    kept = [{name: value for name, value in line.items() if name != "step_time"} for line in log]
    return {name: value.clone() for name, value in run.model.state_dict().items()}, kept


CASES = {
    "in the middle of the rollouts": ({"steps_per_generation": 2, "num_iterations": 2, "max_steps": 6}, 3),
    "accumulating over generations": (
        {"gradient_accumulation_steps": 3, "steps_per_generation": 2, "dataset": 6, "max_steps": 3},
        1,
    ),
    "at the end of an epoch": ({"dataset": 2, "max_steps": 3}, 2),
    "in a later epoch": ({"dataset": 3, "max_steps": 6}, 4),
    "adapters": ({"peft_config": LoraConfig(r=2, target_modules=["q_proj"]), "beta": 0.1, "max_steps": 3}, 2),
}


@pytest.mark.parametrize("case", CASES)
def test_training_that_goes_on_equals_training_that_never_stopped(model, tmp_path, case):
    options, step = CASES[case]
    options = {"per_device_train_batch_size": GROUP, "save_strategy": "steps", "save_steps": step} | options
    options["dataset"] = questions(options.get("dataset", 16))
    folder = tmp_path / "run"
    whole = trainer(model, folder, callbacks=[GradientStatistics(folder)], **options)
    whole.train()
    expected_weights, expected_log = result(whole, folder)
    for path in folder.glob("checkpoint-*"):
        if path.name != f"checkpoint-{step}":
            shutil.rmtree(path)
    torch.manual_seed(99)
    start = Start()
    again = trainer(model, folder, callbacks=[GradientStatistics(folder), start], **options)
    again.train(resume_from_checkpoint=True)
    weights, log = result(again, folder)
    assert len(log) == options["max_steps"]
    assert log == expected_log
    assert start.step == step
    assert weights.keys() == expected_weights.keys()
    assert all(torch.equal(value, expected_weights[name]) for name, value in weights.items())


def test_killed_training_equals_training_that_never_stopped(tmp_path):
    command = [sys.executable, str(HERE / "trl_killed.py"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["signals"] == [9] * 7
    assert found["digests"][0] == found["digests"][1]
    for log in found["logs"]:
        for line in log:
            line.pop("step_time")
    assert len(found["logs"][0]) == 11
    assert found["logs"][0] == found["logs"][1]


@pytest.fixture
def folder(model, tmp_path):
    run = trainer(model, tmp_path, save_strategy="steps", save_steps=1)
    run.train()
    return tmp_path


def test_the_last_complete_checkpoint_is_the_one_that_was_written_whole(folder):
    assert last_complete_checkpoint(folder) == folder / "checkpoint-2"
    state = folder / "checkpoint-2" / "trainer_state.json"
    whole = state.read_text()
    for broken in (whole[: len(whole) // 2], "[]", whole.replace('"global_step": 2', '"global_step": 1')):
        state.write_text(broken)
        assert not is_complete(folder / "checkpoint-2")
        assert last_complete_checkpoint(folder) == folder / "checkpoint-1"
    state.unlink()
    shutil.rmtree(folder / "checkpoint-1")
    assert last_complete_checkpoint(folder) is None
    assert last_complete_checkpoint(folder / "nowhere") is None


def test_resuming_needs_a_complete_checkpoint(model, folder):
    for path in folder.glob("checkpoint-*"):
        (path / "trainer_state.json").unlink()
    with pytest.raises(ValueError, match="has no complete checkpoint"):
        trainer(model, folder).train(resume_from_checkpoint=True)


def test_a_checkpoint_without_the_optimizer_is_not_complete(model, tmp_path):
    trainer(model, tmp_path, save_strategy="steps", save_steps=1, save_only_model=True).train()
    assert (tmp_path / "checkpoint-2").is_dir()
    assert last_complete_checkpoint(tmp_path) is None


def test_a_checkpoint_of_another_number_of_processes_is_refused(model, folder):
    path = folder / "checkpoint-2" / "rollouts_0.pt"
    state = torch.load(path) | {"processes": 2}
    for rank in range(2):
        torch.save(state, path.with_name(f"rollouts_{rank}.pt"))
    with pytest.raises(ValueError, match="was written by 2 processes, this run has 1"):
        trainer(model, folder, max_steps=3).train(resume_from_checkpoint=True)


def test_trls_own_checkpoint_can_be_gone_on_from_by_name(model, tmp_path, caplog):
    trainer(model, tmp_path, cls=GRPOTrainer, save_strategy="steps", save_steps=1).train()
    assert last_complete_checkpoint(tmp_path) is None
    run = trainer(model, tmp_path, max_steps=3)
    run.train(resume_from_checkpoint=str(tmp_path / "checkpoint-2"))
    assert run.state.global_step == 3
    assert "is another trainer's" in caplog.text
