"""Recipes carried out by TRL with tiny Qwen2 and Llama models in the big ones' place, chat templates applied."""

from __future__ import annotations

import functools
import json

import pytest

pytest.importorskip("trl")

from maxpo_bench.llm.prompts import CHAT_DATE, render_prompt
from maxpo_bench.llm.recipes import load_recipe, plan, recipe_names, run, variant_names
from maxpo_bench.llm.recipes.memory import shape_of
from maxpo_bench.llm.recipes.prompts_data import build_dataset, prompts_digest
from maxpo_bench.llm.recipes.publishing import publish_model
from maxpo_bench.llm.recipes.questions import load_questions
from maxpo_bench.llm.recipes.running import make_trainer
from maxpo_bench.llm.recipes.settings import make_config
from maxpo_bench.llm.run_folder import RunFolder, RunFolderError
from maxpo_bench.llm.tiny.files import load_model
from maxpo_bench.registry import UnknownNameError

# TRL 1.16 and peft read a name that transformers has since changed
pytestmark = pytest.mark.filterwarnings("ignore:.*gradient_checkpointing.* is deprecated:FutureWarning")

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
HEADERS = (
    # the day is today's where none is named, as in Llama-3.2's
    "{% set day = date_string if date_string is defined else strftime_now('%d %b %Y') %}"
    "{{ bos_token }}<|start_header_id|>system<|end_header_id|>\n\nThe day: {{ day }}<|eot_id|>"
    "{% for message in messages %}<|start_header_id|>{{ message['role'] }}<|end_header_id|>\n\n"
    "{{ message['content'] }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
QWEN = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
LLAMA = ["<|finetune_right_pad_id|>", "<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
SHAPE = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 512,
    "initializer_range": 0.5,  # completions differ
}
IN_PLACE = {"qwen2.5-math-7b": "qwen", "0.5b-24gb": "qwen-instruct", "llama-3.2-3b-instruct": "llama"}
REQUEST = r"Please reason step by step, and put your final answer within \boxed{}."
PROMPTS = {
    "qwen2.5-math-7b": (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        f"<|im_start|>user\nWhat is 3 + 3?\n{REQUEST}<|im_end|>\n<|im_start|>assistant\n"
    ),
    "0.5b-24gb": f"<|im_start|>user\nWhat is 3 + 3?\n{REQUEST}<|im_end|>\n<|im_start|>assistant\n",
    "llama-3.2-3b-instruct": (
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nThe day: 26 Jul 2024<|eot_id|>"
        f"<|start_header_id|>user<|end_header_id|>\n\nWhat is 3 + 3?\n{REQUEST}<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
    ),
}


def byte_tokenizer(specials, template, eos, bos=None):
    """Return a tokenizer of single bytes with the special tokens of a family of models."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    tokens = [*sorted(pre_tokenizers.ByteLevel.alphabet()), *specials]
    inner = Tokenizer(models.BPE(vocab={token: index for index, token in enumerate(tokens)}, merges=[]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    if bos is not None:  # as Llama's tokenizers, which begin every text
        inner.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", special_tokens=[(bos, tokens.index(bos))]
        )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner, eos_token=eos, pad_token=specials[0], bos_token=bos, additional_special_tokens=specials
    )
    tokenizer.chat_template = template
    return tokenizer


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Folders of a tiny Qwen2, of a tiny instructed Qwen2, and of a tiny Llama."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

    folder = tmp_path_factory.mktemp("models")
    kinds = {
        "qwen": (byte_tokenizer(QWEN, CHATML, "<|endoftext|>"), Qwen2Config, Qwen2ForCausalLM),
        "qwen-instruct": (byte_tokenizer(QWEN, CHATML, "<|im_end|>"), Qwen2Config, Qwen2ForCausalLM),
        "llama": (byte_tokenizer(LLAMA, HEADERS, "<|eot_id|>", bos=LLAMA[1]), LlamaConfig, LlamaForCausalLM),
    }
    for name, (tokenizer, config, kind) in kinds.items():
        ends = {"eos_token_id": tokenizer.eos_token_id, "bos_token_id": tokenizer.bos_token_id}
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = kind(config(vocab_size=len(tokenizer), **ends, **SHAPE))
        model.save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)
    return folder


@pytest.fixture(scope="module")
def questions(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "sums.jsonl"
    rows = [{"id": f"sums/{i}", "problem": f"What is {i} + {i}?", "answer": str(2 * i)} for i in range(6)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def tiny_base(tmp_path_factory):
    """A tiny model that has hardly been pretrained, in the cache's place."""
    from maxpo_bench.llm.tiny.base import base_model
    from maxpo_bench.llm.tiny.pretraining import PretrainingSettings

    return base_model(
        "countdown", cache=tmp_path_factory.mktemp("cache"), progress=False, settings=PretrainingSettings(steps=3)
    )


@pytest.fixture(autouse=True)
def one_process(monkeypatch):
    for name in ("WORLD_SIZE", "RANK", "MAXPO_BENCH_MODELS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def graded(monkeypatch):
    """Completions with their real grades; the rewards are the parity of their lengths, so that there is a gradient."""
    from maxpo_bench.llm import rewards

    seen = []
    real = rewards.math_reward

    @functools.wraps(real)
    def parity(completions, **kwargs):
        texts = [completion if isinstance(completion, str) else completion[-1]["content"] for completion in completions]
        seen.extend(zip(texts, real(completions, **kwargs), strict=True))
        return [float(len(text) % 2) for text in texts]

    monkeypatch.setattr(rewards, "math_reward", parity)
    return seen


def small(models, questions, name):
    """Return what makes a recipe small: the model, the data, two steps, short completions, on the CPU."""
    return [
        f"model.name={json.dumps(str(models / IN_PLACE[name]))}",
        f"data.set={json.dumps(str(questions))}",
        "data.against=[]",
        "hardware.gpus=0",
        "batch.prompts=2",
        "batch.mini_prompts=1",
        "batch.per_device=8",
        "sampling.prompt_tokens=400",
        "sampling.response_tokens=6",
        "training.batches=1",
        "training.save_every=1",
        "optimizer.learning_rate=1e-3",
    ]


def weights(folder):
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def same(one, other):
    return one.keys() == other.keys() and all(one[name].equal(other[name]) for name in one)


@pytest.mark.parametrize("recipe", [f"{name}:{variant}" for name in IN_PLACE for variant in variant_names(name)])
def test_every_recipe_takes_two_steps(recipe, models, questions, graded, tmp_path):
    name = recipe.partition(":")[0]
    summary = run(recipe, tmp_path / "run", settings=small(models, questions, name))
    folder = RunFolder(tmp_path / "run")
    info, log = folder.info(), folder.log()
    chosen = load_recipe(recipe).method
    assert (info.method, info.k, info.group_size, info.engine, info.recipe) == (chosen.name, chosen.k, 8, "trl", recipe)
    assert [line["step"] for line in log] == [1, 2]
    assert summary == folder.summary()
    assert summary["steps"] == 2
    assert len(graded) == 16
    assert {reward for _, reward in graded} <= {0.0, 1.0}
    assert all(line["entropy"] > 0 for line in log)
    # Entropy-Adv adds to advantages that differ from 0 only; a group of equal rewards gives no gradient
    assert any(line["grad_norm"] > 0 for line in log) == (log[0]["dead_groups"] < 1)
    assert same(weights(folder.model_path), weights(models / IN_PLACE[name])) == (log[0]["dead_groups"] == 1)
    assert info.config["data"]["rows"] == 6
    assert info.config["recipe"]["method"]["name"] == chosen.name
    assert info.config["trl"]["scale_rewards"] == "none"


@pytest.mark.parametrize("variant", variant_names("tiny-countdown"))
def test_the_tiny_recipe_takes_two_steps(variant, tiny_base, tmp_path, monkeypatch):
    monkeypatch.setattr("maxpo_bench.llm.tiny.base.base_model", lambda *_, **__: tiny_base)
    settings = [
        "training.batches=2",
        "batch.prompts=4",
        "batch.mini_prompts=4",
        "batch.per_device=64",
        "data.options.size=20",
    ]
    summary = run(f"tiny-countdown:{variant}", tmp_path / "run", settings=settings)
    assert summary["steps"] == 2
    folder = RunFolder(tmp_path / "run")
    assert folder.info().model == "tiny-countdown"
    assert shape_of(folder.model_path) == load_recipe("tiny-countdown").model.shape
    _, tokenizer = load_model(folder.model_path)
    assert len(tokenizer.encode("3579=024:")) == 9


@pytest.mark.parametrize("name", IN_PLACE)
def test_prompts_have_the_models_template_and_completions_its_end(name, models, questions, tmp_path):
    recipe = load_recipe(name, small(models, questions, name))
    trainer, record = make_trainer(
        plan(recipe, look=False), load_questions(recipe.data), models / IN_PLACE[name], tmp_path
    )
    row = next(row for row in trainer.train_dataset if row["problem_id"] == "sums/3")
    assert row["answer"] == "6"
    (tokens,), _, _ = trainer._tokenize_prompts([row["prompt"]])
    tokenizer = trainer.processing_class
    assert tokenizer.decode(tokens) == PROMPTS[name]
    sampled = render_prompt("What is 3 + 3?", recipe.model.template, tokenizer)
    assert tokenizer.encode(sampled, add_special_tokens=recipe.model.template in ("plain", "boxed")) == tokens
    assert record["prompts_sha256"] == prompts_digest(trainer.train_dataset, tokenizer)
    end = {"qwen": "<|endoftext|>", "qwen-instruct": "<|im_end|>", "llama": "<|eot_id|>"}[IN_PLACE[name]]
    assert tokenizer.convert_ids_to_tokens(trainer.eos_token_ids) == [end]
    assert trainer.generation_config.eos_token_id == trainer.eos_token_ids
    assert (record["rows"], record["removed"], record["too_long"]) == (6, 0, 0)


@pytest.mark.parametrize("name", [f"{name}:{variant}" for name in recipe_names() for variant in variant_names(name)])
def test_trl_takes_every_recipe_as_it_is(name, monkeypatch, tmp_path):
    from trl import GRPOConfig

    planned = plan(name, look=False)
    # restored afterwards: TrainingArguments sets it for FSDP
    monkeypatch.setenv("FSDP_CPU_RAM_EFFICIENT_LOADING", "false")
    monkeypatch.setattr(GRPOConfig, "world_size", property(lambda config: planned.batch.processes))
    config = make_config({**planned.settings, "bf16": False, "use_cpu": True}, tmp_path)
    assert config.generation_batch_size == planned.batch.completions
    assert config.num_generations == planned.recipe.batch.rollouts
    per_step = config.per_device_train_batch_size * planned.batch.processes * config.gradient_accumulation_steps
    assert per_step == planned.batch.per_step
    assert config.max_steps == planned.steps
    assert (config.loss_type, config.scale_rewards) == (planned.settings["loss_type"], "none")
    if planned.on_gpu:
        assert config.use_vllm
        assert bool(config.fsdp) == planned.recipe.hardware.shard
    assert (config.top_k, config.min_p, config.repetition_penalty) == (0, None, 1.0)
    assert (config.num_iterations, config.importance_sampling_level, config.delta) == (1, "token", None)
    assert not config.mask_truncated_completions


def test_settings_of_trl_are_known_and_free(tmp_path, models, questions):
    settings = small(models, questions, "qwen2.5-math-7b")
    good = plan(load_recipe("qwen2.5-math-7b", [*settings, "trl.epsilon_high=0.28"]), look=False)
    assert make_config(good.settings, tmp_path).epsilon_high == 0.28
    bad = plan(load_recipe("qwen2.5-math-7b", [*settings, "trl.epsilon_hi=0.28"]), look=False)
    with pytest.raises(UnknownNameError, match=r"no setting 'epsilon_hi'\. Did you mean 'epsilon_high'"):
        make_config(bad.settings, tmp_path)


def test_an_interrupted_run_goes_on_to_the_same_end(models, questions, graded, tmp_path):
    settings = [*small(models, questions, "0.5b-24gb"), "training.batches=3"]

    def interrupt(done, total):
        if done == 5:
            raise KeyboardInterrupt

    run("0.5b-24gb:maxpo", tmp_path / "whole", settings=settings)
    with pytest.raises(KeyboardInterrupt):
        run("0.5b-24gb:maxpo", tmp_path / "parts", settings=settings, progress=interrupt)
    parts, whole = RunFolder(tmp_path / "parts"), RunFolder(tmp_path / "whole")
    assert parts.summary() is None
    told = []
    run("0.5b-24gb:maxpo", parts.path, settings=settings, progress=lambda done, total: told.append((done, total)))
    assert told == [(4, 6), (5, 6), (6, 6)]
    assert same(weights(parts.model_path), weights(whole.model_path))
    untimed = [[{**line, "step_time": None} for line in folder.log()] for folder in (parts, whole)]
    assert untimed[0] == untimed[1]
    graded.clear()
    summary = run("0.5b-24gb:maxpo", whole.path, settings=settings)
    assert (graded, summary["steps"]) == ([], 6)
    with pytest.raises(RunFolderError, match=r"recipe\.training\.seed is 0 there, 1 here"):
        run("0.5b-24gb:maxpo", whole.path, settings=[*settings, "training.seed=1"])


@pytest.mark.parametrize("adapters", [[], ["lora.rank=2"]])
def test_a_run_killed_before_its_model_is_published_publishes_it(adapters, models, questions, graded, tmp_path):
    import shutil

    settings = [*small(models, questions, "0.5b-24gb"), *adapters]
    folder = RunFolder(tmp_path / "run")
    run("0.5b-24gb:maxpo", folder.path, settings=settings)
    log, summary, trained = folder.log(), folder.summary(), weights(folder.model_path)
    assert not same(trained, weights(models / "qwen-instruct"))
    shutil.rmtree(folder.model_path)
    folder.summary_path.unlink()
    (folder.path / ".model-abc.tmp").mkdir()  # what a killed writer leaves
    graded.clear()
    assert run("0.5b-24gb:maxpo", folder.path, settings=settings) == summary
    assert (graded, folder.log()) == ([], log)
    assert same(weights(folder.model_path), trained)
    assert not (folder.path / ".model-abc.tmp").exists()


def test_the_model_is_an_ordinary_one(models, questions, graded, tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    run("qwen2.5-math-7b", tmp_path / "run", settings=small(models, questions, "qwen2.5-math-7b"))
    names = {path.name for path in (tmp_path / "run" / "model").iterdir()}
    assert names == {path.name for path in (models / "qwen").iterdir()}
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "run" / "model")
    assert model.config.model_type == "qwen2"
    assert AutoTokenizer.from_pretrained(tmp_path / "run" / "model").chat_template == CHATML


def test_adapters_are_merged_into_an_ordinary_model(models, questions, graded, tmp_path):
    settings = [*small(models, questions, "0.5b-24gb"), "lora.rank=2"]
    run("0.5b-24gb:grpo", tmp_path / "run", settings=settings)
    trained, base = weights(tmp_path / "run" / "model"), weights(models / "qwen-instruct")
    assert trained.keys() == base.keys()
    changed = {name for name in base if not trained[name].equal(base[name])}
    assert changed
    assert all("proj" in name for name in changed)


def test_prompts_that_are_too_long_are_left_out_and_counted(models, questions, tmp_path):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(models / "llama")
    problems = load_questions(
        load_recipe("llama-3.2-3b-instruct", small(models, questions, "llama-3.2-3b-instruct")).data
    )
    long = [problems.problems[0], problems.problems[1]]
    object.__setattr__(long[1], "question", "why? " * 40)
    dataset, left_out = build_dataset(long, "chat", tokenizer, 200)
    assert (dataset["problem_id"], left_out) == (["sums/0"], ["sums/1"])
    with pytest.raises(ValueError, match=r"every prompt has more than 3 tokens: raise sampling\.prompt_tokens"):
        build_dataset(long, "plain", tokenizer, 3)
    with pytest.raises(ValueError, match=r"adds tokens to a prompt of the template 'qwen2\.5-math', which is whole"):
        build_dataset(long, "qwen2.5-math", tokenizer, 1000)
    tokenizer.chat_template = None
    with pytest.raises(ValueError, match="tokenizer has no chat template, which the template 'chat' is"):
        build_dataset(long, "chat", tokenizer, 1000)


def test_prompts_are_the_same_on_every_day(models, questions, monkeypatch):
    from datetime import datetime

    from transformers import AutoTokenizer
    from transformers.utils import chat_template_utils

    tokenizer = AutoTokenizer.from_pretrained(models / "llama")
    problems = load_questions(
        load_recipe("llama-3.2-3b-instruct", small(models, questions, "llama-3.2-3b-instruct")).data
    ).problems
    longest = max(
        len(tokenizer.encode(render_prompt(each.question, "chat", tokenizer), add_special_tokens=False))
        for each in problems
    )

    def on(day):
        """Return prompt, bare template's text, digest and the ids left out, by a clock that shows a day of May."""

        class Clock:
            @staticmethod
            def now():
                return datetime(2031, 5, day)

        monkeypatch.setattr(chat_template_utils, "datetime", Clock)
        turns = [{"role": "user", "content": "2+2?"}]
        bare = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        dataset, left_out = build_dataset(problems, "chat", tokenizer, longest)
        return render_prompt("2+2?", "chat", tokenizer), bare, prompts_digest(dataset, tokenizer), left_out

    first, second = on(3), on(24)
    assert "The day: 03 May 2031" in first[1]
    assert "The day: 24 May 2031" in second[1]
    assert f"The day: {CHAT_DATE}<" in first[0]
    assert (first[0], first[2:]) == (second[0], second[2:])
    assert first[3] == []
    fewer, _ = build_dataset(problems[1:], "chat", tokenizer, longest)
    assert prompts_digest(fewer, tokenizer) != first[2]
    tokenizer.chat_template = HEADERS.replace("The day", "A day")
    dataset, _ = build_dataset(problems, "chat", tokenizer, longest)
    assert prompts_digest(dataset, tokenizer) != first[2]


def test_training_that_leaves_no_checkpoint_ends_without_a_summary(models, questions, graded, tmp_path, monkeypatch):
    from maxpo_bench.llm.training import EstimatorGRPOTrainer

    folder, settings = RunFolder(tmp_path / "run"), small(models, questions, "0.5b-24gb")
    with monkeypatch.context() as patched:
        patched.setattr(EstimatorGRPOTrainer, "_save_checkpoint", lambda *args: None)
        with pytest.raises(RunFolderError, match="holds no complete checkpoint-2, which the model is taken from"):
            run("0.5b-24gb:maxpo", folder.path, settings=settings)
    assert (folder.summary(), folder.model_path.exists()) == (None, False)
    assert run("0.5b-24gb:maxpo", folder.path, settings=settings)["steps"] == 2
    assert folder.model_path.exists()


def test_a_checkpoint_without_weights_is_not_published(tmp_path):
    checkpoint, folder = tmp_path / "checkpoint-2", RunFolder(tmp_path / "run")
    folder.path.mkdir()
    checkpoint.mkdir()
    (checkpoint / "config.json").write_text("{}")
    with pytest.raises(RunFolderError, match="checkpoint-2 holds no weights"):
        publish_model(checkpoint, tmp_path, folder)
    assert not folder.model_path.exists()


def test_too_few_questions_are_refused(models, questions, tmp_path):
    settings = [*small(models, questions, "0.5b-24gb"), "batch.prompts=8"]
    with pytest.raises(ValueError, match=r"has 6 questions, a batch takes 8: lower batch\.prompts"):
        run("0.5b-24gb", tmp_path / "run", settings=settings)


@pytest.mark.paper
def test_two_processes_train_as_one_and_the_first_writes(models, questions, tmp_path):
    import os
    import subprocess
    import sys

    settings = [*small(models, questions, "llama-3.2-3b-instruct"), "batch.per_device=4", "training.batches=2"]
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--rdzv-backend", "c10d"]
    command += ["--rdzv-endpoint", "localhost:0", "-m", "maxpo_bench.cli", "llm", "train", "--json"]
    command += ["--recipe", "llama-3.2-3b-instruct:maxpo", "--out", str(tmp_path / "run")]
    command += [part for setting in settings for part in ("--set", setting)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    for _ in range(2):  # the second call finds a finished run
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True, timeout=300)
        assert json.loads(done.stdout)["summary"]["steps"] == 4
    folder = RunFolder(tmp_path / "run")
    assert [line["step"] for line in folder.log()] == [1, 2, 3, 4]
    settings = folder.info().config["trl"]
    assert (settings["per_device_train_batch_size"], settings["gradient_accumulation_steps"]) == (4, 1)
    assert sorted(path.name for path in (tmp_path / "run" / "checkpoint-4").glob("rng_state*")) == [
        "rng_state_0.pth",
        "rng_state_1.pth",
    ]
    assert weights(folder.model_path).keys() == weights(models / "llama").keys()
