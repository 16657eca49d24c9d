"""Recipes as files, tables and plans: inheritance, strictness, the batch, memory, tokens, and what is missing."""

from __future__ import annotations

import dataclasses
import json
import tomllib

import pytest

from maxpo_bench.commands.llm_recipe import show_recipes, toml_lines, train_recipe
from maxpo_bench.llm.methods import get_method
from maxpo_bench.llm.prompts import get_template
from maxpo_bench.llm.recipes import load_recipe, plan, recipe_names, variant_names
from maxpo_bench.llm.recipes.batches import plan_batch
from maxpo_bench.llm.recipes.memory import estimate_memory, shape_of, trained_parameters
from maxpo_bench.llm.recipes.models import MODELS_VARIABLE, MissingModelError, find_model, model_label, require_model
from maxpo_bench.llm.recipes.planning import as_json
from maxpo_bench.llm.recipes.running import MissingError, run, run_path
from maxpo_bench.llm.recipes.schema import Batch, Lora, Shape
from maxpo_bench.registry import UnknownNameError

PAPER = ("qwen2.5-math-7b", "llama-3.2-3b-instruct")
METHODS = {
    "grpo": ("grpo", 4),
    "entropy_adv": ("entropy_adv", 4),
    "pkpo": ("pkpo", 4),
    "maxpo": ("maxpo", 4),
    "maxpo-k2": ("maxpo", 2),
    "maxpo-k7": ("maxpo", 7),
}
ALL = [f"{name}:{variant}" for name in recipe_names() for variant in variant_names(name)]
FILE = """
summary = "Own."
[model]
name = "m"
[data]
set = "countdown"
[batch]
prompts = 8
mini_prompts = 4
rollouts = 6
per_device = 3
[sampling]
prompt_tokens = 20
response_tokens = 10
engine = "transformers"
[training]
batches = 5
[hardware]
gpus = 0
"""


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(FILE)
    return path


@pytest.fixture(autouse=True)
def nothing_at_hand(monkeypatch):
    for name in (MODELS_VARIABLE, "MAXPO_BENCH_DATA", "WORLD_SIZE", "RANK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("maxpo_bench.llm.recipes.models._cached", lambda name: None)


def test_the_recipes_that_are_there():
    assert recipe_names() == ["0.5b-24gb", "llama-3.2-3b-instruct", "qwen2.5-math-7b", "tiny-countdown"]
    for name in PAPER:
        assert {variant: METHODS[variant] for variant in variant_names(name)} == METHODS


@pytest.mark.parametrize("name", PAPER)
@pytest.mark.parametrize("variant", METHODS)
def test_the_papers_settings(name, variant):
    recipe = load_recipe(f"{name}:{variant}")
    assert (recipe.method.name, recipe.method.k) == METHODS[variant]
    assert (recipe.batch.prompts, recipe.batch.mini_prompts, recipe.batch.rollouts) == (1024, 256, 8)
    assert (recipe.sampling.prompt_tokens, recipe.sampling.response_tokens) == (1024, 3072)
    assert (recipe.sampling.temperature, recipe.sampling.top_p) == (1.0, 1.0)
    assert (recipe.optimizer.learning_rate, recipe.loss.clip, recipe.loss.beta) == (1e-6, 0.2, 0.0)
    settings = plan(recipe, look=False).settings
    assert (settings["loss_type"], settings["scale_rewards"]) == ("grpo", "none")
    assert settings["max_steps"] == 4 * recipe.training.batches
    assert (recipe.data.set, recipe.model.template) == {
        "qwen2.5-math-7b": ("math", "qwen2.5-math"),
        "llama-3.2-3b-instruct": ("gsm8k+math1", "chat"),
    }[name]
    assert recipe.data.against == ("aime24", "aime25", "amc23", "math500", "minerva")


@pytest.mark.parametrize("name", ALL)
def test_every_recipe_fits_together(name):
    recipe = load_recipe(name)
    assert recipe.full_name == name
    get_template(recipe.model.template)
    get_method(recipe.method.name, recipe.method.k, **recipe.method.parameters).check_group_size(recipe.batch.rollouts)
    planned = plan(recipe, look=False)
    assert planned.memory is not None
    assert planned.memory.peak < recipe.hardware.memory_gb * 1e9


def test_variants_differ_in_the_method_alone():
    base = as_json(load_recipe("qwen2.5-math-7b:maxpo"))
    for variant in METHODS:
        other = as_json(load_recipe(f"qwen2.5-math-7b:{variant}"))
        assert {key for key in base if base[key] != other[key]} <= {"method", "variant"}


def test_the_tiny_recipe_is_the_embedded_default():
    from maxpo_bench.llm.tiny.run import TinyRun

    recipe, default = load_recipe("tiny-countdown"), TinyRun()
    assert (recipe.method.name, recipe.method.k) == (default.method, default.k)
    assert (recipe.batch.prompts, recipe.batch.rollouts) == (default.groups_per_step, default.group_size)
    assert recipe.batch.mini_prompts == recipe.batch.prompts
    assert (recipe.training.batches, recipe.optimizer.learning_rate) == (default.steps, default.learning_rate)
    assert (recipe.data.set, recipe.model.pretraining_seed) == (default.task, default.pretraining_seed)
    assert recipe.optimizer.weight_decay == 0.0
    assert model_label(recipe) == default.model


def test_an_own_recipe_is_a_file(own):
    recipe = load_recipe(own)
    assert (recipe.name, recipe.variant, recipe.summary, recipe.method.name) == ("own", "", "Own.", "maxpo")
    assert load_recipe(f"{own}", ["method.k=2", "data.set='x y'", "model.name=a/b"]).data.set == "x y"


def test_a_file_extends_another_and_has_variants(own):
    child = own.with_name("child.toml")
    child.write_text(
        'extends = "own.toml"\nsummary = "Child."\ndefault = "b"\n[batch]\nrollouts = 4\n'
        "[variants.a]\nmethod = { k = 2 }\n[variants.b]\nmethod = { k = 3 }\n[variants.b.batch]\nper_device = 2\n"
    )
    a, b = load_recipe(f"{child}:a"), load_recipe(child)
    assert (a.method.k, a.batch.rollouts, a.batch.per_device, a.summary) == (2, 4, 3, "Child.")
    assert (b.method.k, b.variant, b.batch.per_device, b.batch.prompts) == (3, "b", 2, 8)
    packaged = own.with_name("mine.toml")
    packaged.write_text('extends = "0.5b-24gb"\nsummary = "Mine."\n[data]\nset = "math"\n')
    mine = load_recipe(packaged)
    assert (mine.data.set, mine.variant, mine.hardware.memory_gb) == ("math", "maxpo", 24.0)


def test_what_is_shown_is_a_recipe(own, tmp_path, capsys):
    for name in ("qwen2.5-math-7b:entropy_adv", "tiny-countdown:grpo", str(own)):
        recipe = load_recipe(name)
        tables = as_json(recipe)
        path = tmp_path / f"{recipe.name}.toml"
        path.write_text("\n".join(toml_lines(tables)))
        assert dataclasses.replace(load_recipe(path), variant=recipe.variant) == recipe
        show_recipes(name)
        shown = capsys.readouterr().out
        assert tomllib.loads(shown[shown.index("\nname =") :])["batch"] == tables["batch"]


def test_the_list(capsys):
    show_recipes()
    text = capsys.readouterr().out
    for name in recipe_names():
        assert f"\n{name} (" in f"\n{text}"
    assert "variants: grpo, entropy_adv, pkpo, maxpo, maxpo-k2, maxpo-k7; default maxpo" in text
    show_recipes(as_json=True)
    assert [row["name"] for row in json.loads(capsys.readouterr().out)] == recipe_names()
    show_recipes("0.5b-24gb", ["batch.per_device=4"], as_json=True)
    assert json.loads(capsys.readouterr().out)["config"]["batch"]["per_device"] == 4


@pytest.mark.parametrize(
    ("name", "settings", "error", "message"),
    [
        ("qwen2.5-math", [], UnknownNameError, r"unknown recipe 'qwen2\.5-math'\. Did you mean 'qwen2\.5-math-7b'"),
        ("qwen2.5-math-7b:maxpo-k3", [], UnknownNameError, r"no variant 'maxpo-k3'\. Did you mean 'maxpo-k"),
        ("tiny-countdown:maxpo-k7", [], UnknownNameError, "no variant 'maxpo-k7'"),
        ("paper", [], ValueError, r"cannot be run: name one of 0\.5b-24gb, llama-3\.2-3b-instruct, qwen2\.5-math-7b"),
        ("absent.toml", [], FileNotFoundError, r"there is no recipe absent\.toml"),
        ("tiny-countdown", ["batch.promts=3"], UnknownNameError, r"batch has no key 'promts'\. Did you mean 'prompts'"),
        ("tiny-countdown", ["bach.prompts=3"], UnknownNameError, r"no key 'bach'\. Did you mean 'batch'"),
        ("tiny-countdown", ["batch.prompts=3.5"], TypeError, r"batch prompts must be a whole number, got 3\.5"),
        ("tiny-countdown", ["batch.prompts=true"], TypeError, "must be a whole number, got True"),
        ("tiny-countdown", ["batch=3"], TypeError, "batch must be a table, got 3"),
        ("tiny-countdown", ["hardware.shard=1"], TypeError, "shard must be true or false, got 1"),
        ("tiny-countdown", ["data.against=['x', 1]"], TypeError, "against must be a list of texts"),
        ("tiny-countdown", ["loss.clip=0"], ValueError, r"loss\.clip must be positive, got 0"),
        ("tiny-countdown", ["optimizer.learning_rate=nan"], ValueError, "learning_rate must be positive, got nan"),
        ("tiny-countdown", ["loss.aggregation=sum"], UnknownNameError, r"unknown loss\.aggregation 'sum'"),
        ("tiny-countdown", ["sampling.engine=vlm"], UnknownNameError, "Did you mean 'vllm'"),
        ("tiny-countdown", ["training.keep=1"], ValueError, "at least 2, got 1: a kill may spoil the newest"),
        ("tiny-countdown", ["batch.rollouts=1"], ValueError, "one sample has no group"),
        ("tiny-countdown", ["training"], ValueError, r"write TABLE\.KEY=VALUE"),
        ("tiny-countdown", ["name=x"], ValueError, "variants are named as RECIPE:VARIANT"),
    ],
)
def test_what_is_refused(name, settings, error, message):
    with pytest.raises(error, match=message):
        load_recipe(name, settings)


def test_a_broken_file_says_where(own):
    own.write_text("summary = ")
    with pytest.raises(ValueError, match=r"own\.toml is no TOML"):
        load_recipe(own)
    own.write_text('summary = "x"\n[batch]\n')
    with pytest.raises(ValueError, match="recipe own: lacks model, data, sampling, training"):
        load_recipe(own)
    with pytest.raises(ValueError, match="batch lacks mini_prompts, rollouts, per_device"):
        load_recipe(
            own, ["model.name=m", "data.set=m", "sampling.prompt_tokens=1", "training.batches=1", "batch.prompts=1"]
        )


@pytest.mark.parametrize("processes", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("name", PAPER)
def test_the_batch_is_the_same_on_any_number_of_devices(name, processes):
    batch = plan(name, processes=processes, look=False).batch
    assert batch.completions == 1024 * 8
    assert batch.per_step == 256 * 8
    assert batch.optimizer_steps == 4
    assert processes * batch.per_device * batch.gradient_accumulation == batch.per_step
    assert processes * batch.per_device * batch.steps_per_generation == batch.completions


def test_batches_that_do_not_divide():
    with pytest.raises(ValueError, match=r"batch\.prompts=10 is no multiple of batch\.mini_prompts=4"):
        plan_batch(Batch(prompts=10, mini_prompts=4, rollouts=8, per_device=4), 1)
    with pytest.raises(
        ValueError, match=r"3 devices x 5 completions do not divide: batch\.per_device=2 or 4 or 8 does"
    ):
        plan_batch(Batch(prompts=6, mini_prompts=3, rollouts=8, per_device=5), 3)
    with pytest.raises(ValueError, match="use fewer devices"):
        plan_batch(Batch(prompts=2, mini_prompts=1, rollouts=4, per_device=1), 3)
    passes = plan_batch(Batch(prompts=6, mini_prompts=3, rollouts=8, per_device=4, passes=3), 2)
    assert (passes.gradient_accumulation, passes.steps_per_generation, passes.optimizer_steps) == (3, 6, 6)


def test_tokens_are_counted_at_their_limits(own):
    planned = plan(own, look=False)
    assert planned.steps == 5 * 2
    assert planned.tokens.sampled_per_step == 4 * 6 * 10
    assert planned.tokens.read_per_step == 4 * 6 * 30
    assert planned.tokens.sampled == 5 * 8 * 6 * 10
    assert planned.tokens.read == 5 * 8 * 6 * 30


def test_weights_gradients_and_moments_are_sixteen_bytes_a_parameter_shared_among_devices():
    recipe = load_recipe("qwen2.5-math-7b")
    shape = recipe.model.shape
    for devices in (1, 8):
        memory = estimate_memory(recipe, shape, processes=devices, on_gpu=True, completions=8192)
        held = memory.weights + memory.gradients + memory.optimizer
        assert held == pytest.approx(16 * shape.parameters / devices)
    with_reference = load_recipe("qwen2.5-math-7b", ["loss.beta=0.001"])
    more = estimate_memory(with_reference, shape, processes=8, on_gpu=True, completions=8192)
    assert more.weights == pytest.approx(8 * shape.parameters / 8)


def test_memory_is_freed_or_not_while_the_optimiser_works():
    shape = load_recipe("0.5b-24gb").model.shape
    options = {"processes": 1, "on_gpu": True, "completions": 1024}
    awake = estimate_memory(load_recipe("0.5b-24gb", ["sampling.sleep=false"]), shape, **options)
    asleep = estimate_memory(load_recipe("0.5b-24gb"), shape, **options)
    assert awake.sampling == asleep.sampling == pytest.approx(0.3 * 24e9)
    training = asleep.gradients + asleep.copies + asleep.activations + asleep.head
    assert awake.peak - asleep.peak == pytest.approx(min(training, asleep.sampling))
    server = estimate_memory(load_recipe("0.5b-24gb", ["sampling.mode=server"]), shape, **options)
    assert server.sampling == 0.0
    stored = estimate_memory(load_recipe("0.5b-24gb", ["hardware.checkpointing=false"]), shape, **options)
    assert stored.activations > 5 * asleep.activations


def test_stated_sizes_are_those_of_the_architectures(tmp_path):
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

    kinds = {
        "qwen2.5-math-7b": (Qwen2Config, Qwen2ForCausalLM, False),
        "0.5b-24gb": (Qwen2Config, Qwen2ForCausalLM, True),
        "llama-3.2-3b-instruct": (LlamaConfig, LlamaForCausalLM, True),
        "tiny-countdown": (LlamaConfig, LlamaForCausalLM, False),
    }
    for name, (config_class, model_class, tied) in kinds.items():
        shape = load_recipe(name).model.shape
        config = config_class(
            vocab_size=shape.vocabulary,
            hidden_size=shape.width,
            intermediate_size=shape.hidden,
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.heads,
            num_key_value_heads=shape.kv_heads,
            max_position_embeddings=shape.positions,
            tie_word_embeddings=tied,
        )
        with torch.device("meta"):
            model = model_class(config)
        assert sum(parameter.numel() for parameter in model.parameters()) == shape.parameters
        config.save_pretrained(tmp_path / name)
        assert shape_of(tmp_path / name) == shape


def test_other_configurations_have_no_known_sizes(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "mamba", "vocab_size": 5}))
    assert shape_of(tmp_path) is None


@pytest.mark.filterwarnings("ignore:.*gradient_checkpointing.* is deprecated:FutureWarning")  # peft's own use
def test_adapters_are_counted_as_peft_makes_them():
    peft = pytest.importorskip("peft")
    from transformers import Qwen2Config, Qwen2ForCausalLM

    shape = Shape(1, layers=2, width=16, hidden=40, heads=4, kv_heads=2, vocabulary=11, positions=32)
    model = Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=11,
            hidden_size=16,
            intermediate_size=40,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
        )
    )
    for modules in (Lora().modules, ("q_proj", "v_proj")):
        lora = Lora(rank=3, modules=modules)
        adapted = peft.get_peft_model(model, peft.LoraConfig(r=3, target_modules=list(modules)))
        trained = sum(parameter.numel() for parameter in adapted.parameters() if parameter.requires_grad)
        assert trained_parameters(shape, lora) == trained
        model = adapted.unload()


@pytest.mark.parametrize("half", [True, False])
@pytest.mark.parametrize("family", ["Qwen2", "Llama"])
def test_activations_are_those_that_torch_keeps_for_the_backward_pass(family, half):
    import torch
    import transformers

    shape = Shape(1, layers=2, width=128, hidden=448, heads=4, kv_heads=2, vocabulary=50, positions=256)

    def kept(layers):
        """Return the bytes that autograd keeps but the parameters and their copies."""
        config = getattr(transformers, f"{family}Config")(
            vocab_size=shape.vocabulary,
            hidden_size=shape.width,
            intermediate_size=shape.hidden,
            num_hidden_layers=layers,
            num_attention_heads=shape.heads,
            num_key_value_heads=shape.kv_heads,
        )
        model = getattr(transformers, f"{family}ForCausalLM")(config)
        found, tokens = {}, torch.ones(2, 256, dtype=torch.long)

        def keep(tensor):
            if tensor.dim() != 2 or tensor.shape[0] == 512:  # all else of two dimensions is a weight
                found[tensor.untyped_storage().data_ptr()] = (tensor.untyped_storage().nbytes(), tensor)
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
                model.model(input_ids=tokens, attention_mask=torch.ones_like(tokens), use_cache=False)
        return sum(size for size, _ in found.values())

    settings = ["hardware.gpus=1", "batch.per_device=2", "sampling.prompt_tokens=100", "sampling.response_tokens=156"]
    precision = f"hardware.precision={'bfloat16' if half else 'float32'}"
    recipe = load_recipe("0.5b-24gb", [*settings, precision, "hardware.checkpointing=false"])
    estimate = estimate_memory(recipe, shape, processes=1, on_gpu=True, completions=2)
    assert kept(3) - kept(1) == pytest.approx(estimate.activations, rel=0.01)


def test_the_disk_that_checkpoints_take():
    planned = plan("qwen2.5-math-7b", look=False)
    # FSDP writes the weights twice, as a model and to go on from, and the two moments
    assert planned.disk == pytest.approx((3 * 16 + 4) * 7_615_616_512)
    alone = plan("qwen2.5-math-7b", processes=1, look=False)
    assert alone.disk == pytest.approx((3 * 12 + 4) * 7_615_616_512)
    whole = plan(load_recipe("qwen2.5-math-7b", ["hardware.shard=false"]), look=False)
    assert whole.disk == alone.disk
    assert plan(load_recipe("0.5b-24gb", ["lora.rank=8"]), look=False).disk < 3e9


def test_a_group_too_small_for_k_is_refused():
    with pytest.raises(ValueError, match="k=8"):
        plan(load_recipe("qwen2.5-math-7b", ["method.k=8"]), look=False)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["sampling.response_tokens=4000"], r"takes 4096 tokens, .* is 5024: lower one"),
        (["trl.learning_rate=1"], r"\[trl\] sets learning_rate, which the recipe's other tables decide"),
        (["trl.save_only_model=true"], r"\[trl\] sets save_only_model, .* could not go on exactly from its last"),
        (["trl.load_best_model_at_end=true"], r"\[trl\] sets load_best_model_at_end"),
        (["trl.ignore_data_skip=true"], r"\[trl\] sets ignore_data_skip"),
        (["trl.save_on_each_node=true"], "which nodes share"),
        (["trl.resume_from_checkpoint=x"], "the same command goes on"),
        (["trl.output_dir=x"], "given with --out"),
        (["trl.deepspeed=x.json"], r"hardware\.shard divides the model"),
        (["hardware.shard=false", "trl.fsdp=full_shard"], r"\[trl\] sets fsdp, .* hardware\.shard divides the model"),
        (["trl.chat_template_kwargs.date_string=today"], "sampling renders prompts as training does"),
        (["lora.rank=4"], r"adapters are not sharded: leave out \[lora\], or --set hardware\.shard=false"),
        (["model.template=qwen"], "unknown prompt template 'qwen'"),
        (["method.name=maxp"], "Did you mean 'maxpo'"),
    ],
)
def test_settings_that_do_not_fit(settings, message):
    with pytest.raises(ValueError, match=message):
        plan(load_recipe("qwen2.5-math-7b", settings), look=False)


def test_vllm_settings_of_both_modes():
    colocated = plan("qwen2.5-math-7b", look=False).settings
    assert colocated["use_vllm"]
    assert colocated["vllm_mode"] == "colocate"
    assert colocated["vllm_max_model_length"] == 4096
    assert colocated["vllm_gpu_memory_utilization"] == 0.4
    assert not colocated["vllm_importance_sampling_correction"]
    recipe = load_recipe("qwen2.5-math-7b", ["sampling.mode=server", "sampling.server_url=http://other:1"])
    server = plan(recipe, look=False).settings
    assert (server["vllm_mode"], server["vllm_server_base_url"]) == ("server", "http://other:1")
    assert "vllm_gpu_memory_utilization" not in server
    cpu = plan(load_recipe("qwen2.5-math-7b", ["hardware.gpus=0"]), look=False).settings
    assert (cpu["use_vllm"], cpu["use_cpu"], cpu["bf16"]) == (False, True, False)
    assert not {"fsdp", "vllm_mode"} & set(cpu)


def test_the_dry_run_says_what_is_missing_and_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("maxpo_bench.llm.recipes.missing.find_spec", lambda name: None)
    assert train_recipe("qwen2.5-math-7b:maxpo-k7", dry_run=True) == 0
    text = capsys.readouterr().out
    for line in (
        "method     maxpo, K = 7, n = 8, seed 0",
        "batch      1,024 questions x 8 = 8,192 completions, in steps of 256 questions = 2,048 completions",
        "devices    8 GPUs: 4 completions at once, 64 times per optimiser step",
        "pip install 'maxpo-bench[llm,vllm]'",
        "gpu: 8 of 80 GB wanted, 0 there",
        "weights: Qwen/Qwen2.5-Math-7B is not on this machine",
        "hf download Qwen/Qwen2.5-Math-7B; from a folder: --set model.name=FOLDER",
        "data: ",
        "MAXPO_BENCH_DATA",
        "then: accelerate launch --num_processes 8 -m maxpo_bench.cli llm train --recipe qwen2.5-math-7b:maxpo-k7",
    ):
        assert line in text
    assert train_recipe("qwen2.5-math-7b", dry_run=True, as_json=True) == 0
    data = json.loads(capsys.readouterr().out)
    assert [entry["what"] for entry in data["missing"]] == ["packages", "gpu", "weights", "data"]
    assert data["optimizer_steps"] == 600
    assert data["trl"]["gradient_accumulation_steps"] == 64


def test_the_dry_run_where_nothing_is_missing(own, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("maxpo_bench.llm.recipes.missing.find_spec", lambda name: name)
    folder = tmp_path / "m"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "other"}))
    (folder / "model.safetensors").touch()
    train_recipe(str(own), None, [f"model.name={folder}"], dry_run=True)
    text = capsys.readouterr().out
    assert f"nothing is missing; to start: maxpo-bench llm train --recipe {own} --set model.name={folder}\n" in text
    assert "memory of each device: unknown" in text


def test_too_little_memory_is_said(monkeypatch):
    from types import SimpleNamespace

    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 8)
    monkeypatch.setattr("torch.cuda.get_device_properties", lambda index: SimpleNamespace(total_memory=24e9))
    found = {entry.what: str(entry) for entry in plan("qwen2.5-math-7b").missing}
    assert "gpu" not in found
    assert "are needed on each device, it has 24 GB" in found["memory"]


def test_settings_are_for_recipes_by_name():
    planned = plan("tiny-countdown", settings=["training.seed=4", "data.options.size=100"], look=False)
    assert planned.recipe.training.seed == 4
    assert planned.command().endswith("--recipe tiny-countdown --set training.seed=4 --set data.options.size=100")
    with pytest.raises(ValueError, match="settings change a recipe as it is loaded"):
        plan(planned.recipe, settings=["training.seed=4"])
    with pytest.raises(ValueError, match="settings change a recipe as it is loaded"):
        run(planned.recipe, settings=["training.seed=4"])


def test_a_run_lists_what_is_missing_before_any_work(own, monkeypatch, tmp_path):
    monkeypatch.setattr("maxpo_bench.llm.recipes.missing.find_spec", lambda name: None)
    with pytest.raises(MissingError, match=r"(?s)own cannot run here:\n  packages: .*maxpo-bench\[llm\]"):
        run(own, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_another_number_of_processes_is_refused(monkeypatch, tmp_path):
    with pytest.raises(
        ValueError, match=r"is for 8 devices, 1 process is running: accelerate launch --num_processes 8"
    ):
        run("qwen2.5-math-7b", tmp_path / "run")
    monkeypatch.setenv("WORLD_SIZE", "4")
    with pytest.raises(ValueError, match=r"4 processes are running: .* hardware\.gpus=4"):
        run("qwen2.5-math-7b", tmp_path / "run")


def test_where_models_are_looked_for(tmp_path, monkeypatch):
    for folder in (tmp_path / "here", tmp_path / "models" / "owner" / "big", tmp_path / "models" / "small"):
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors.index.json").touch()
    assert find_model(str(tmp_path / "here")) == tmp_path / "here"
    assert find_model("owner/big") is None
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path / "models"))
    assert find_model("owner/big") == tmp_path / "models" / "owner" / "big"
    assert find_model("other/small") == tmp_path / "models" / "small"
    (tmp_path / "here" / "model.safetensors.index.json").unlink()
    assert find_model(str(tmp_path / "here")) is None
    with pytest.raises(
        MissingModelError, match=r"has no config\.json with weights; another folder: --set model\.name="
    ):
        require_model(str(tmp_path / "here"))


def test_a_model_that_the_hub_does_not_give(monkeypatch):
    def refuse(name, **options):
        raise ConnectionError("offline")

    monkeypatch.setattr("huggingface_hub.snapshot_download", refuse)
    message = rf"a/b is not on this machine, nor did the hub .*offline\): hf download a/b; .*{MODELS_VARIABLE}"
    with pytest.raises(MissingModelError, match=message):
        require_model("a/b")


def test_the_cache_of_the_hub_is_looked_into(monkeypatch, tmp_path):
    from maxpo_bench.llm.recipes import models

    monkeypatch.undo()
    there = {"config.json": str(tmp_path / "config.json"), "model.safetensors": str(tmp_path / "model.safetensors")}
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda name, file: there.get(file))
    assert models.find_model("a/b") == tmp_path
    del there["model.safetensors"]
    assert models.find_model("a/b") is None


def test_runs_have_folders_of_their_own():
    assert str(run_path(load_recipe("qwen2.5-math-7b:maxpo-k7"))) == "runs/llm/Qwen2.5-Math-7B/maxpo-k7-seed0"
    assert str(run_path(load_recipe("qwen2.5-math-7b:grpo"))) == "runs/llm/Qwen2.5-Math-7B/grpo-seed0"
    tiny = load_recipe("tiny-countdown:pkpo", ["training.seed=2"])
    assert str(run_path(tiny)) == "runs/llm/tiny-countdown/pkpo-k4-seed2-trl"
