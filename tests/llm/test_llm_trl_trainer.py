import importlib.util
from collections import Counter

import pandas as pd
import pytest
import torch
from peft import LoraConfig
from trl import GRPOTrainer
from trl.trainer import grpo_trainer
from trl_tiny import (
    GROUP,
    IGNORED,
    Recorded,
    config,
    expected_advantages,
    questions,
    reward,
    save_tiny_model,
    scorable_reward,
    score,
    trainer,
)

from maxpo_bench.estimators import entropy_adv, get_estimator
from maxpo_bench.llm import group_policy_loss
from maxpo_bench.llm.methods import EntropyShaping, get_method
from maxpo_bench.llm.training import EstimatorGRPOTrainer, colocate

pytestmark = pytest.mark.filterwarnings(IGNORED)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_tiny_model(tmp_path_factory.mktemp("model"))


def weights(run):
    return {name: value.detach().clone() for name, value in run.model.named_parameters()}


def trained(model, folder, *, method="grpo", cls=EstimatorGRPOTrainer, **options):
    """Make a trainer and train at once: making one seeds the global generators."""
    run = trainer(model, folder, cls=cls, method=method, **options)
    run.train()
    return [entry for entry in run.state.log_history if "loss" in entry], weights(run)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 4},
        {"per_device_train_batch_size": GROUP, "steps_per_generation": 2, "num_iterations": 2, "max_steps": 8},
    ],
    ids=["one batch", "gradient accumulation", "several steps per generation"],
)
@pytest.mark.parametrize("method", ["maxpo", "pkpo", "grpo"])
def test_advantages_in_the_trainer_are_the_estimators_on_the_gathered_rewards(model, tmp_path, method, changes):
    run = trainer(model, tmp_path, cls=Recorded, method=method, **changes)
    run.train()
    estimator = get_estimator(method, 4)
    unscorable = 0
    for (texts, wanted, found), table in zip(run.generations, run.tables, strict=True):
        expected = expected_advantages(estimator, texts, wanted)
        assert torch.equal(found, expected)
        assert table[-len(texts) :] == expected.tolist()
        unscorable += sum(":" in text for text in texts)
    assert unscorable > 0, "the rewards were meant to have gaps"
    every = len(run.losses) // len(run.generations)
    for number, (texts, _, found) in enumerate(run.generations):
        in_losses = Counter()
        for inputs, *_ in run.losses[number * every : (number + 1) * every]:
            shown = run.processing_class.batch_decode(inputs["completion_ids"], skip_special_tokens=True)
            in_losses.update(zip(shown, inputs["advantages"].tolist(), strict=True))
        once = Counter(zip(texts, found.tolist(), strict=True))
        assert in_losses == Counter({pair: count * run.num_iterations for pair, count in once.items()})


class TheirOwn(EstimatorGRPOTrainer):
    """Passes TRL's own advantages through."""

    def group_advantages(self, rewards):
        return torch.tensor(list(self._logs["advantages"])[-rewards.numel() :]).view_as(rewards)


@pytest.mark.parametrize(
    "changes",
    [
        {"loss_type": "grpo"},
        {"loss_type": "dr_grpo", "scale_rewards": "none"},
        {"per_device_train_batch_size": GROUP, "steps_per_generation": 2, "beta": 0.1, "loss_type": "dapo"},
    ],
)
def test_with_trls_own_advantages_ten_steps_are_trls_bitwise(model, tmp_path, changes):
    options = {"max_steps": 10, "scale_rewards": "group", "method": "grpo"} | changes
    theirs, their_weights = trained(model, tmp_path, cls=GRPOTrainer, **options)
    mine, my_weights = trained(model, tmp_path, cls=TheirOwn, **options)
    assert len(mine) == len(theirs) == 10
    for name in ("loss", "grad_norm", "reward", "entropy"):
        assert [entry.get(name) for entry in mine] == [entry.get(name) for entry in theirs]
    assert len({entry["grad_norm"] for entry in mine}) > 1
    assert all(torch.equal(value, their_weights[name]) for name, value in my_weights.items())


@pytest.mark.parametrize(("method", "scale"), [("grpo", "group"), ("dr_grpo", "none")])
def test_our_grpo_trains_as_trls_does(model, tmp_path, method, scale):
    options = {"max_steps": 10, "loss_type": "dr_grpo", "scale_rewards": scale}
    theirs, _ = trained(model, tmp_path, cls=GRPOTrainer, **options)
    mine, _ = trained(model, tmp_path, method=method, **options)
    assert len(mine) == len(theirs) == 10
    for name in ("loss", "grad_norm", "reward"):
        expected = [entry[name] for entry in theirs]
        assert [entry[name] for entry in mine] == pytest.approx(expected, rel=1e-6, abs=1e-6)
    assert max(abs(entry["loss"]) for entry in mine) > 1e-2


@pytest.mark.parametrize("size", [2 * GROUP, GROUP])
def test_entropy_adv_shapes_every_token_of_the_loss(model, tmp_path, monkeypatch, size):
    monkeypatch.setattr("trl.trainer.grpo_trainer.shuffle_sequence_dict", lambda batch: batch)
    options = {"per_device_train_batch_size": size, "steps_per_generation": 2, "num_iterations": 2, "max_steps": 4}
    run = trainer(model, tmp_path, cls=Recorded, method="entropy_adv", rewards=scorable_reward, **options)
    run.train()
    [(texts, wanted, _)] = run.generations
    rewards = torch.tensor([score(text.replace(":", "1"), aim) for text, aim in zip(texts, wanted, strict=True)])
    assert len(run.losses) == 4
    for number, (inputs, _, _, entropy) in enumerate(run.losses):
        first = number % 2 * size
        groups = lambda wide: wide.view(-1, GROUP, *wide.shape[1:])  # noqa: E731
        mask = inputs["completion_mask"]
        expected = entropy_adv(groups(rewards[first : first + size]), groups(entropy), groups(mask))
        assert torch.equal(inputs["advantages"], expected.flatten(0, 1))
        sequence = get_estimator("grpo", 4)(groups(rewards[first : first + size])).flatten().unsqueeze(1)
        assert bool(((inputs["advantages"] - sequence)[mask.bool()] > 0).any())


def test_entropies_below_zero_by_rounding_are_zero(model, tmp_path, monkeypatch):
    run = trainer(model, tmp_path, cls=Recorded, method="entropy_adv", rewards=scorable_reward)
    score_tokens = GRPOTrainer._get_per_token_logps_and_entropies

    def certain(self, *args, **kwargs):
        logps, entropies, aux_loss = score_tokens(self, *args, **kwargs)
        return logps, entropies * 0 - 1e-7, aux_loss

    monkeypatch.setattr(GRPOTrainer, "_get_per_token_logps_and_entropies", certain)
    run.train()
    for inputs, *_ in run.losses:
        wide = inputs["advantages"]
        assert torch.equal(wide, wide[:, :1] * inputs["completion_mask"])
        assert bool(wide.any())


@pytest.mark.parametrize("loss_type", ["grpo", "dr_grpo"])
def test_loss_over_several_steps_is_equation_13(model, tmp_path, loss_type):
    options = {"num_iterations": 3, "max_steps": 6, "beta": 0.2, "epsilon": 0.1, "use_bias_correction_kl": False}
    run = trainer(model, tmp_path, cls=Recorded, loss_type=loss_type, learning_rate=0.05, **options)
    run.train()
    assert len(run.losses) == 6
    clipped = 0
    for number, (inputs, loss, logps, _) in enumerate(run.losses):
        mask = inputs["completion_mask"]
        expected = group_policy_loss(
            logps,
            inputs["old_per_token_logps"],
            inputs["advantages"],
            mask,
            clip=0.1,
            beta=0.2,
            reference_logprobs=inputs["ref_per_token_logps"],
            aggregation="sequence" if loss_type == "grpo" else "constant",
        )
        if loss_type == "dr_grpo":
            expected = expected * mask.shape[1] / run.max_completion_length
        assert float(loss) == pytest.approx(float(expected), rel=1e-5, abs=1e-7)
        ratios = torch.exp(logps - inputs["old_per_token_logps"])[mask.bool()]
        assert bool((ratios == 1).all()) == (number % 3 == 0)
        clipped += int(((ratios - 1).abs() > 0.1).sum())
    assert clipped > 0
    log = [entry for entry in run.state.log_history if "loss" in entry]
    assert max(entry["clip_ratio/region_mean"] for entry in log) > 0
    assert log[0]["kl"] == 0
    assert log[-1]["kl"] > 0


def test_lora_trains_the_adapters_alone(model, tmp_path):
    adapters = LoraConfig(r=2, target_modules=["q_proj", "v_proj"])
    run = trainer(model, tmp_path, peft_config=adapters, rewards=scorable_reward, beta=0.1, max_steps=3)
    before = weights(run)
    run.train()
    changed = {name for name, value in weights(run).items() if not torch.equal(value, before[name])}
    assert changed == {name for name in before if "lora_" in name}
    log = [entry for entry in run.state.log_history if "loss" in entry]
    assert log[-1]["kl"] > 0


def test_evaluation_has_its_own_group_size(model, tmp_path, caplog):
    own = {"num_generations_eval": 4, "per_device_eval_batch_size": 8, "eval_dataset": questions(4)}
    run = trainer(model, tmp_path, cls=Recorded, k=2, rewards=scorable_reward, **own)
    figures = run.evaluate()
    dead = [float((found.view(-1, 4) == 0).all(-1).double().mean()) for *_, found in run.generations]
    assert figures["eval_dead_groups"] == pytest.approx(sum(dead) / len(dead))
    assert figures["eval_dead_groups"] < 1
    for texts, wanted, found in run.generations:
        rewards = [score(text.replace(":", "1"), aim) for text, aim in zip(texts, wanted, strict=True)]
        assert torch.equal(found.view(-1, 4), get_estimator("maxpo", 2)(torch.tensor(rewards).view(-1, 4)))
    assert figures["eval_reward_max_at_k"] > figures["eval_reward"] > 0
    assert figures["eval_skipped_groups"] == 0
    assert not caplog.records


def test_evaluation_in_groups_too_small_for_k_has_rewards_but_no_advantages(model, tmp_path, caplog):
    own = {"num_generations_eval": 2, "per_device_eval_batch_size": 8, "eval_dataset": questions(4)}
    run = trainer(model, tmp_path, cls=Recorded, rewards=scorable_reward, **own)
    assert "num_generations_eval=2: maxpo with k=4 needs 5 completions per group" in caplog.text
    figures = run.evaluate()
    assert figures["eval_reward"] > 0
    assert (figures["eval_skipped_groups"], figures["eval_dead_groups"]) == (1, 1)
    assert figures["eval_reward_max_at_k"] is None
    assert not any(bool(found.any()) for *_, found in run.generations)


def test_groups_with_too_few_scorable_completions_are_counted_and_left_out(model, tmp_path):
    calls = []

    def mostly_unscorable(prompts, completions, wanted, **kwargs):
        calls.append(completions)
        return [1.0 * (place % 3) if place >= 4 else None for place in range(len(completions))]

    run = trainer(model, tmp_path, cls=Recorded, rewards=mostly_unscorable, max_steps=1)
    run.train()
    [(_, _, found)] = run.generations
    first, second = found.view(2, GROUP)
    assert not first.any()
    assert torch.equal(second, get_estimator("maxpo", 4)(torch.arange(8, 16).float() % 3))
    [entry] = [entry for entry in run.state.log_history if "loss" in entry]
    assert (entry["skipped_groups"], entry["dead_groups"], entry["unscorable"]) == (0.5, 0.5, 0.25)


def test_several_reward_functions_are_summed_by_their_weights(model, tmp_path):
    def short(prompts, completions, **kwargs):
        return [None if len(text) == 6 else 0.25 * len(text) for text in completions]

    run = trainer(model, tmp_path, cls=Recorded, rewards=[reward, short], reward_weights=[1.0, 2.0])
    run.train()

    def both(text, aim):
        parts = [score(text, aim), None if len(text) == 6 else 0.5 * len(text)]
        return None if parts == [None, None] else sum(part for part in parts if part is not None)

    for texts, wanted, found in run.generations:
        assert torch.equal(found, expected_advantages(get_estimator("maxpo", 4), texts, wanted, both))


def test_the_table_of_completions_shows_what_is_trained_on(model, tmp_path, capsys):
    run = trainer(model, tmp_path, cls=Recorded, log_completions=True, num_completions_to_print=1)
    run.train()
    capsys.readouterr()
    for step, (texts, wanted, found) in enumerate(run.generations, start=1):
        table = pd.read_parquet(tmp_path / "completions" / f"completions_{step:05d}.parquet")
        assert table["completion"].tolist() == texts
        assert table["advantage"].tolist() == found.tolist()
        assert table["reward"].isna().tolist() == [score(*pair) is None for pair in zip(texts, wanted, strict=True)]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"k": 8}, "k=8 needs at least 9 samples per group for ei_l2o, got 8"),
        ({"scale_rewards": "group"}, "maxpo alone decides the scale of its advantages: set scale_rewards='none'$"),
        ({"scale_rewards": "batch", "method": "grpo"}, "set scale_rewards='none', or 'group'"),
        ({"multi_objective_aggregation": "normalize_then_sum"}, "gets the weighted sum of the rewards"),
        ({"loss_type": "cispo"}, "every advantage would be multiplied by it"),
    ],
)
def test_settings_that_would_change_advantages_are_refused(tmp_path, changes, words):
    with pytest.raises(ValueError, match=words):
        trainer("no model is loaded", tmp_path, **changes)


def test_completions_from_another_distribution_are_warned_of(model, tmp_path, caplog):
    trainer(model, tmp_path, top_p=0.9, min_p=0.1, loss_type="cispo", epsilon_high=5.0)
    assert "top_p=0.9, min_p=0.1: completions are drawn from another distribution" in caplog.text


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "and not both"),
        ({"method": get_method("maxpo", 4), "estimator": get_estimator("ei_l2o", 4)}, "and not both"),
        ({"method": "maxpo"}, "method must be a Method"),
        ({"estimator": "maxpo"}, "estimator must be an Estimator"),
    ],
)
def test_exactly_one_method_or_estimator_is_wanted(tmp_path, given, words):
    with pytest.raises(TypeError, match=words):
        EstimatorGRPOTrainer("no model is loaded", reward, config(tmp_path), questions(), **given)


def test_the_configuration_is_not_left_to_trls_defaults():
    with pytest.raises(TypeError, match="args is missing"):
        EstimatorGRPOTrainer("no model is loaded", reward, train_dataset=questions(), method=get_method("maxpo", 4))


def test_an_estimator_is_a_method_without_shaping(model, tmp_path):
    run = EstimatorGRPOTrainer(model, reward, config(tmp_path), questions(), estimator=get_estimator("ei", 4))
    assert (run.method.name, run.method.shaping) == ("pkpo", None)
    assert get_method("entropy_adv", 4).shaping == EntropyShaping()


def test_without_vllm_the_message_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'maxpo-bench\[vllm\]'"):
        trainer("no model is loaded", tmp_path, use_vllm=True)


@pytest.mark.parametrize(("use", "mode"), [(False, "colocate"), (True, "server")])
def test_servers_and_trainers_without_vllm_are_left_alone(tmp_path, monkeypatch, use, mode):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: "found")
    monkeypatch.setattr(colocate, "_vllm_runs_on_cpu", lambda: True)
    before = grpo_trainer.VLLMGeneration
    with colocate.weights_for_cpu(config(tmp_path, use_vllm=use, vllm_mode=mode)):
        assert grpo_trainer.VLLMGeneration is before
    with colocate.weights_for_cpu(config(tmp_path, use_vllm=True, vllm_mode="colocate")):
        assert grpo_trainer.VLLMGeneration is not before
        assert issubclass(grpo_trainer.VLLMGeneration, before)
    assert grpo_trainer.VLLMGeneration is before
