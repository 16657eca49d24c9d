"""A recipe in TRL's terms: the arguments of its ``GRPOConfig``."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maxpo_bench.llm.prompts import CHAT_ARGUMENTS, get_template
from maxpo_bench.llm.recipes.batches import BatchPlan
from maxpo_bench.llm.recipes.schema import Recipe
from maxpo_bench.registry import UnknownNameError, suggest
from maxpo_bench.seeding import derive_seed

if TYPE_CHECKING:
    from maxpo_bench.llm.training.supported_trl import GRPOConfig

_LOSS_TYPES = {"sequence": "grpo", "constant": "dr_grpo"}
_SEEDS = 2**31
"""Seeds of numpy are below 2**32, and TRL adds the number of the process."""
_EXACT = "a run could not go on exactly from its last checkpoint, nor its model be taken from it"
_SHARDING = "hardware.shard divides the model among devices (FSDP), and the model is taken from such checkpoints"
_REFUSED = {
    "output_dir": "the run's folder is the one given with --out",
    "save_only_model": _EXACT,
    "load_best_model_at_end": _EXACT,
    "ignore_data_skip": _EXACT,
    "save_on_each_node": "all processes write one run folder, which nodes share",
    "resume_from_checkpoint": "the same command goes on from the last complete checkpoint",
    "deepspeed": _SHARDING,
    "fsdp": _SHARDING,
    "fsdp_config": _SHARDING,
    "chat_template_kwargs": "sampling renders prompts as training does, with `prompts.CHAT_ARGUMENTS`",
}
"""Settings that ``[trl]`` may not have, and why."""


def trl_settings(recipe: Recipe, batch: BatchPlan, *, on_gpu: bool) -> dict[str, Any]:
    """Return the arguments of TRL's ``GRPOConfig`` but the folder.

    On the CPU there is no vLLM, bfloat16, sharding or checkpointing of activations.

    Args:
        recipe: the recipe.
        batch: its batch over the processes.
        on_gpu: whether it runs on GPUs.

    Raises:
        ValueError: ``[trl]`` names a setting that the recipe has elsewhere, or one that changes what checkpoints hold
            or how prompts are rendered.
    """
    for name in recipe.trl:
        if name in _REFUSED:
            raise ValueError(f"[trl] sets {name}, which recipes do not take: {_REFUSED[name]}")
    seed = derive_seed(recipe.training.seed, "llm", "trl") % _SEEDS
    saved = recipe.training.save_every * batch.optimizer_steps
    settings: dict[str, Any] = {
        "num_generations": recipe.batch.rollouts,
        "per_device_train_batch_size": batch.per_device,
        "gradient_accumulation_steps": batch.gradient_accumulation,
        "steps_per_generation": batch.steps_per_generation,
        "num_iterations": recipe.batch.passes,
        "max_steps": recipe.training.batches * batch.optimizer_steps,
        "max_completion_length": recipe.sampling.response_tokens,
        "temperature": recipe.sampling.temperature,
        "top_p": recipe.sampling.top_p,
        "loss_type": _LOSS_TYPES[recipe.loss.aggregation],
        "scale_rewards": "none",
        "epsilon": recipe.loss.clip,
        "beta": recipe.loss.beta,
        "learning_rate": recipe.optimizer.learning_rate,
        "lr_scheduler_type": recipe.optimizer.schedule,
        "warmup_steps": recipe.optimizer.warmup_steps,
        "weight_decay": recipe.optimizer.weight_decay,
        "max_grad_norm": recipe.optimizer.max_grad_norm,
        "seed": seed,
        "data_seed": seed,
        "save_strategy": "steps",
        "save_steps": saved,
        "save_total_limit": recipe.training.keep,
        "logging_strategy": "steps",
        "logging_steps": 1,
        "report_to": "none",
        "disable_tqdm": True,
        "dataloader_pin_memory": on_gpu,
        "ddp_find_unused_parameters": False,
        **_chat(recipe),
        **_precision(recipe, batch.processes, on_gpu),
        **(_vllm(recipe) if on_gpu and recipe.sampling.engine == "vllm" else {"use_vllm": False}),
    }
    if taken := [name for name in recipe.trl if name in settings]:
        raise ValueError(f"[trl] sets {', '.join(taken)}, which the recipe's other tables decide: change it there")
    return {**settings, **recipe.trl}


def make_config(settings: dict[str, Any], folder: Path) -> GRPOConfig:
    """Return TRL's configuration.

    Args:
        settings: of `trl_settings`.
        folder: where checkpoints go.

    Raises:
        UnknownNameError: TRL's configuration has no such setting, with the nearest ones.
        ValueError: TRL refuses a value.
    """
    from maxpo_bench.llm.training.supported_trl import GRPOConfig

    known = {entry.name for entry in fields(GRPOConfig)}
    values = dict(settings)
    if "activation_checkpointing" not in known:  # its name before transformers 5.20
        values["gradient_checkpointing"] = values.pop("activation_checkpointing")
    for name in values:
        if name not in known:
            raise UnknownNameError(f"[trl]: GRPOConfig has no setting {name!r}.{suggest(name, known)}")
    return GRPOConfig(output_dir=str(folder), **values)


def _chat(recipe: Recipe) -> dict[str, Any]:
    """Return what TRL is to render prompts with, where it renders them."""
    if get_template(recipe.model.template).form != "tokenizer":
        return {}
    return {"chat_template_kwargs": dict(CHAT_ARGUMENTS)}


def _precision(recipe: Recipe, processes: int, on_gpu: bool) -> dict[str, Any]:
    """Return number formats, sharding, and how the model is loaded: in float32, which AdamW's small steps need."""
    hardware = recipe.hardware
    loading: dict[str, Any] = {"dtype": "float32"}
    if recipe.model.attention:
        loading["attn_implementation"] = recipe.model.attention
    sharded = on_gpu and hardware.shard and processes > 1
    settings: dict[str, Any] = {
        "use_cpu": not on_gpu,
        "bf16": on_gpu and hardware.precision == "bfloat16",
        "model_init_kwargs": loading,
        "activation_checkpointing": on_gpu and hardware.checkpointing and not sharded,
    }
    if sharded:
        settings |= {"fsdp": True, "fsdp_config": {"activation_checkpointing": hardware.checkpointing}}
    return settings


def _vllm(recipe: Recipe) -> dict[str, Any]:
    sampling = recipe.sampling
    settings: dict[str, Any] = {
        "use_vllm": True,
        "vllm_mode": sampling.mode,
        "vllm_importance_sampling_correction": sampling.importance_correction,
    }
    if sampling.mode == "server":
        return settings | {"vllm_server_base_url": sampling.server_url}
    return settings | {
        "vllm_gpu_memory_utilization": sampling.memory,
        "vllm_enable_sleep_mode": sampling.sleep,
        "vllm_tensor_parallel_size": sampling.tensor_parallel,
        "vllm_max_model_length": sampling.prompt_tokens + sampling.response_tokens,
    }
