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


def test_a_batch_without_advantages_is_left_out_of_an_intervals_centring(model, tmp_path):
    calls = []

    def dead_at_first(prompts, completions, wanted, **kwargs):
        calls.append(None)
        return [float(len(calls) > 1 and place % 3 == 0) for place in range(len(completions))]

    run = trainer(model, tmp_path, rewards=dead_at_first, method="pkpo", logging_steps=2, max_steps=2)
    run.train()
    [entry] = [entry for entry in run.state.log_history if "loss" in entry]
    assert len(calls) == 2
    assert entry["dead_groups"] == 0.5
    assert 0 < entry["centring"] <= 1


class Regression(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(3))

    def forward(self, x, y):
        return {"loss": (x @ self.weight - y).square().mean()}


def regress(folder, callback, *, optim="adamw_torch", optimizer=None):
    """Take three steps with an optimizer of transformers by its name, or with one that is made of the parameters."""
    draw = torch.Generator().manual_seed(0)
    rows = torch.randn(16, 3, generator=draw)
    data = Dataset.from_dict({"x": rows.tolist(), "y": rows.sum(1).tolist()})
    options = {"max_steps": 3, "use_cpu": True, "report_to": "none", "disable_tqdm": True, "save_strategy": "no"}
    options["logging_steps"] = 1
    args = TrainingArguments(str(folder), optim=optim, per_device_train_batch_size=4, **options)
    model = Regression()
    made = (None if optimizer is None else optimizer(model.parameters()), None)
    Trainer(model, args, train_dataset=data, callbacks=[callback], optimizers=made).train()


@pytest.mark.parametrize("optimizer", ["adamw_torch", "sgd"])
def test_any_trainer_will_do(tmp_path, optimizer, caplog):
    probe = (Probe if optimizer == "adamw_torch" else GradientStatistics)(tmp_path / "run")
    regress(tmp_path, probe, optim=optimizer)
    assert ("adam_variance_proxy" in caplog.text) == (optimizer == "sgd")
    log = lines(tmp_path / "run")
    assert [line["step"] for line in log] == [1, 2, 3]
    assert all(line["grad_norm"] > 0 and line["reward_mean"] is None for line in log)
    if optimizer == "sgd":
        assert [line["adam_variance_proxy"] for line in log] == [None] * 3
        return
    assert [line["adam_variance_proxy"] for line in log] == [found for found, _ in probe.found]
    assert [found for found, _ in probe.found] == pytest.approx([expected for _, expected in probe.found], abs=1e-5)


class EightBit(torch.optim.AdamW):
    """Is called as the optimizers of bitsandbytes are, which name the states state1 and state2."""

    __module__ = "bitsandbytes.optim.adamw"

    def step(self, closure=None):
        self.state[self.param_groups[0]["params"][0]]["state1"] = torch.zeros(3, dtype=torch.uint8)


class Foreign(EightBit):
    """One of a library that is not known here."""

    __module__ = "elsewhere"


class Watching(GradientStatistics):
    """Keeps what had been said when training had begun."""

    def __init__(self, log):
        super().__init__()
        self.log, self.proxies = log, []

    def on_train_begin(self, *args, **kwargs):
        super().on_train_begin(*args, **kwargs)
        self.at_the_beginning = self.log.text

    def on_log(self, args, state, control, logs=None, **kwargs):
        super().on_log(args, state, control, logs, **kwargs)
        if "loss" in logs:
            self.proxies.append(logs["adam_variance_proxy"])


@pytest.mark.parametrize(
    ("given", "words", "at_once"),
    [
        ({"optim": "adafactor"}, "Adafactor does not keep Adam's moving averages", True),
        ({"optimizer": lambda p: torch.optim.AdamW(p, amsgrad=True)}, "not defined for AMSGrad", True),
        ({"optimizer": EightBit}, "the states of bitsandbytes's EightBit are quantised", True),
        ({"optimizer": torch.optim.Adamax}, "does not keep Adam's moving averages of every parameter", False),
        ({"optimizer": Foreign}, r"a layout of their own (state1, state2)", False),
    ],
)
def test_where_there_is_no_proxy_training_goes_on_and_it_is_said_once(tmp_path, caplog, given, words, at_once):
    callback = Watching(caplog)
    regress(tmp_path, callback, **given)
    said = [record.getMessage() for record in caplog.records if "adam_variance_proxy" in record.getMessage()]
    assert len(said) == 1
    assert words in said[0]
    assert (words in callback.at_the_beginning) == at_once
    assert len(callback.proxies) >= 1
    assert set(callback.proxies) == {None}


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
