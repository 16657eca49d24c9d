import json

import pytest
import torch
from datasets import Dataset
from transformers import Trainer, TrainingArguments
from trl import GRPOTrainer
from trl_tiny import GROUP, IGNORED, save_tiny_model, scorable_reward, trainer

from maxpo_bench.llm.run_folder import LOG_FIELDS, RunFolder, RunFolderError
from maxpo_bench.llm.training import GradientStatistics
from maxpo_bench.llm.training.statistics_callback import innermost

pytestmark = pytest.mark.filterwarnings(IGNORED)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_tiny_model(tmp_path_factory.mktemp("model"))


class Probe(GradientStatistics):
    """Computes the proxy anew from the state that the optimizer would save, with sums of Python floats."""

    def __init__(self, *args):
        super().__init__(*args)
        self.found = []

    def on_log(self, args, state, control, logs=None, model=None, optimizer=None, **kwargs):
        super().on_log(args, state, control, logs, model, optimizer, **kwargs)
        if "loss" not in logs:
            return
        saved = optimizer.state_dict()
        beta1, beta2 = saved["param_groups"][0]["betas"]
        total = 0.0
        for entry in saved["state"].values():
            t = float(entry["step"])
            first, second = entry["exp_avg"].flatten().tolist(), entry["exp_avg_sq"].flatten().tolist()
            total += sum(v / (1 - beta2**t) - (m / (1 - beta1**t)) ** 2 for m, v in zip(first, second, strict=True))
        self.found.append((logs["adam_variance_proxy"], total))


def lines(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("cls", [None, GRPOTrainer])
def test_every_step_is_in_the_runs_log_once(model, tmp_path, cls):
    probe = Probe(tmp_path / "run")
    given = {"callbacks": [probe], "rewards": scorable_reward, "logging_steps": 3, "max_steps": 4}
    run = trainer(model, tmp_path, **given, **({} if cls is None else {"cls": cls}))
    run.train()
    log = lines(tmp_path / "run")
    assert [line["step"] for line in log] == [1, 2, 3, 4]
    history = [entry for entry in run.state.log_history if "loss" in entry]
    for line, entry, (logged, expected) in zip(log, history, probe.found, strict=True):
        assert set(LOG_FIELDS) <= set(line)
        assert line["adam_variance_proxy"] == entry["adam_variance_proxy"] == logged
        assert logged == pytest.approx(expected, rel=1e-6, abs=1e-7)
        names = {"reward_mean": "reward", "grad_norm": "grad_norm", "entropy": "entropy", "loss": "loss"}
        assert {name: line[name] for name in names} == {name: entry[theirs] for name, theirs in names.items()}
        assert (line["reward_max_at_k"] is None) == (line["centring"] is None) == (cls is GRPOTrainer)
    assert probe.found[0][0] == pytest.approx(0, abs=1e-6)
    assert probe.found[-1][0] > 0


def test_steps_on_the_same_rollouts_have_their_figures(model, tmp_path):
    options = {"per_device_train_batch_size": GROUP, "steps_per_generation": 2, "max_steps": 4}
    run = trainer(model, tmp_path, callbacks=[GradientStatistics(tmp_path / "run")], **options)
    run.train()
    log = lines(tmp_path / "run")
    for name in ("reward_mean", "reward_max_at_k", "dead_groups", "centring", "completion_length"):
        first, second, third, fourth = (line[name] for line in log)
        assert (first, third) == (second, fourth)
        assert first is not None
    assert log[0]["reward_mean"] != log[2]["reward_mean"]
    assert len({line["grad_norm"] for line in log}) == 4


def test_without_a_run_the_trainers_own_logging_gets_the_proxy(model, tmp_path, capsys):
    run = trainer(model, tmp_path, callbacks=[GradientStatistics()], logging_steps=2, max_steps=4)
    capsys.readouterr()
    run.train()
    history = [entry for entry in run.state.log_history if "loss" in entry]
    assert [entry["step"] for entry in history] == [2, 4]
    assert all(entry["adam_variance_proxy"] > 0 for entry in history)
    assert capsys.readouterr().out.count("adam_variance_proxy") == 2, "what reports logs comes after the callback"


class Regression(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(3))

    def forward(self, x, y):
        return {"loss": (x @ self.weight - y).square().mean()}


@pytest.mark.parametrize("optimizer", ["adamw_torch", "sgd"])
def test_any_trainer_will_do(tmp_path, optimizer):
    draw = torch.Generator().manual_seed(0)
    rows = torch.randn(16, 3, generator=draw)
    data = Dataset.from_dict({"x": rows.tolist(), "y": rows.sum(1).tolist()})
    options = {"max_steps": 3, "use_cpu": True, "report_to": "none", "disable_tqdm": True, "save_strategy": "no"}
    args = TrainingArguments(str(tmp_path), optim=optimizer, per_device_train_batch_size=4, **options)
    probe = (Probe if optimizer == "adamw_torch" else GradientStatistics)(tmp_path / "run")
    Trainer(Regression(), args, train_dataset=data, callbacks=[probe]).train()
    log = lines(tmp_path / "run")
    assert [line["step"] for line in log] == [1, 2, 3]
    assert all(line["grad_norm"] > 0 and line["reward_mean"] is None for line in log)
    if optimizer == "sgd":
        assert [line["adam_variance_proxy"] for line in log] == [None] * 3
        return
    assert [line["adam_variance_proxy"] for line in log] == [found for found, _ in probe.found]
    assert [found for found, _ in probe.found] == pytest.approx([expected for _, expected in probe.found], abs=1e-5)


def test_wrappers_of_the_optimizer_are_looked_through():
    adam = torch.optim.Adam([torch.zeros(1, requires_grad=True)])

    class Wrapper:
        def __init__(self, inner):
            self.optimizer = inner

    assert innermost(Wrapper(Wrapper(adam))) is adam
    assert innermost(adam) is adam


def test_a_log_that_lacks_the_checkpoints_steps_is_refused(model, tmp_path):
    run = trainer(model, tmp_path, save_strategy="steps", save_steps=1, callbacks=[GradientStatistics(tmp_path / "a")])
    run.train()
    RunFolder(tmp_path / "a").cut_log(1)
    again = trainer(model, tmp_path, max_steps=3, callbacks=[GradientStatistics(tmp_path / "a")])
    with pytest.raises(RunFolderError, match="does not hold the steps 1 to 2"):
        again.train(resume_from_checkpoint=True)
