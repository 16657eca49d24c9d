"""What a recipe comes to on a machine: TRL's settings, steps, tokens, memory, and what is missing."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from maxpo_bench.llm.methods import get_method
from maxpo_bench.llm.prompts import get_template
from maxpo_bench.llm.recipes.batches import BatchPlan, plan_batch
from maxpo_bench.llm.recipes.loading import load_recipe
from maxpo_bench.llm.recipes.memory import GB, MemoryEstimate, estimate_memory, shape_of, trained_parameters
from maxpo_bench.llm.recipes.missing import Missing, find_missing
from maxpo_bench.llm.recipes.models import find_model
from maxpo_bench.llm.recipes.schema import TINY, Recipe, Shape
from maxpo_bench.llm.recipes.settings import trl_settings


@dataclass(frozen=True, slots=True)
class Tokens:
    """How many tokens there are at most: prompts and completions at their limits.

    Attributes:
        sampled_per_step: in completions, per optimiser step.
        read_per_step: prompts and completions through the forward and backward pass, per optimiser step.
        sampled: in completions, in all.
        read: through forward and backward passes, in all.
    """

    sampled_per_step: int
    read_per_step: int
    sampled: int
    read: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A recipe, resolved.

    Attributes:
        recipe: the recipe.
        on_gpu: whether it runs on GPUs; `batch.processes` says on how many.
        batch: completions, and their division over devices.
        settings: arguments of TRL's ``GRPOConfig``.
        steps: optimiser steps in all.
        tokens: at most.
        memory: of each device; None where nothing is known of the model's sizes.
        disk: bytes of the checkpoints that are kept, one more while it is written, and of the model; None likewise.
        missing: what this machine lacks.
        name: by which it was asked for, on the command line.
        changes: the settings that the recipe was changed by.
    """

    recipe: Recipe
    on_gpu: bool
    batch: BatchPlan
    settings: dict[str, Any]
    steps: int
    tokens: Tokens
    memory: MemoryEstimate | None
    disk: float | None
    missing: tuple[Missing, ...]
    name: str = ""
    changes: tuple[str, ...] = ()

    def command(self) -> str:
        """Return the command that starts the run on this many devices."""
        name = "maxpo-bench"
        if self.batch.processes > 1:
            name = f"accelerate launch --num_processes {self.batch.processes} -m maxpo_bench.cli"
        changes = [part for change in self.changes for part in ("--set", change)]
        return shlex.join([*name.split(), "llm", "train", "--recipe", self.name, *changes])

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        return {
            "recipe": self.recipe.full_name,
            "config": as_json(self.recipe),
            "devices": {"kind": "gpu" if self.on_gpu else "cpu", "number": self.batch.processes},
            "batch": asdict(self.batch),
            "trl": self.settings,
            "optimizer_steps": self.steps,
            "tokens": asdict(self.tokens),
            "memory_gb": None if self.memory is None else self.memory.to_dict(),
            "disk_gb": None if self.disk is None else self.disk / GB,
            "missing": [asdict(entry) for entry in self.missing],
            "command": self.command(),
        }

    def lines(self) -> list[str]:
        """Return it as text."""
        from maxpo_bench.llm.recipes.plan_text import plan_lines

        return plan_lines(self)


def plan(
    recipe: Recipe | str | os.PathLike[str],
    *,
    settings: Sequence[str] = (),
    processes: int | None = None,
    look: bool = True,
) -> Plan:
    """Return what a recipe comes to; nothing is loaded or trained.

    Args:
        recipe: a recipe, or its name or file.
        settings: changes of a recipe that is given by its name, as for `load_recipe`.
        processes: devices; None for as many as the recipe is written for.
        look: whether this machine is searched for what is missing, which reads the data set; else `missing` is empty.

    Raises:
        UnknownNameError: no such recipe, method or template.
        ValueError: the batch does not divide, the group is too small for K, or settings contradict each other.
    """
    chosen = as_recipe(recipe, settings)
    get_template(chosen.model.template)
    if chosen.lora is not None and chosen.hardware.shard:
        raise ValueError("adapters are not sharded: leave out [lora], or --set hardware.shard=false")
    method = get_method(chosen.method.name, chosen.method.k, **chosen.method.parameters)
    method.check_group_size(chosen.batch.rollouts)
    on_gpu = chosen.hardware.gpus > 0
    batch = plan_batch(chosen.batch, processes or max(chosen.hardware.gpus, 1))
    shape = _shape(chosen)
    _check_length(chosen, shape)
    memory = shape and estimate_memory(
        chosen, shape, processes=batch.processes, on_gpu=on_gpu, completions=batch.completions
    )
    arguments = trl_settings(chosen, batch, on_gpu=on_gpu)
    return Plan(
        recipe=chosen,
        on_gpu=on_gpu,
        batch=batch,
        settings=arguments,
        steps=arguments["max_steps"],
        tokens=_tokens(chosen, batch),
        memory=memory,
        disk=shape and _disk(chosen, shape, is_sharded="fsdp" in arguments),
        missing=tuple(find_missing(chosen, memory)) if look else (),
        name=chosen.full_name if isinstance(recipe, Recipe) else os.fspath(recipe),
        changes=tuple(settings),
    )


def as_recipe(recipe: Recipe | str | os.PathLike[str], settings: Sequence[str] = ()) -> Recipe:
    """Return the recipe of a name or file with changes, or the recipe itself.

    Raises:
        ValueError: there are changes of a recipe that is loaded already; and as for `load_recipe`.
    """
    if not isinstance(recipe, Recipe):
        return load_recipe(recipe, settings)
    if settings:
        raise ValueError("settings change a recipe as it is loaded: give them to load_recipe")
    return recipe


def as_json(recipe: Recipe) -> dict[str, Any]:
    """Return a recipe's tables as JSON values."""
    return json.loads(json.dumps(asdict(recipe)))


def _shape(recipe: Recipe) -> Shape | None:
    """Return the sizes of the model where it is at hand, else those that the recipe states."""
    folder = None if recipe.model.name == TINY else find_model(recipe.model.name)
    return recipe.model.shape if folder is None else shape_of(folder) or recipe.model.shape


def _check_length(recipe: Recipe, shape: Shape | None) -> None:
    longest = recipe.sampling.prompt_tokens + recipe.sampling.response_tokens
    if shape is not None and longest > shape.positions:
        raise ValueError(
            f"{recipe.model.name} takes {shape.positions} tokens, sampling.prompt_tokens + sampling.response_tokens is "
            f"{longest}: lower one of them"
        )


def _disk(recipe: Recipe, shape: Shape, *, is_sharded: bool) -> float:
    """Return 4 bytes per trained weight and 8 for its moments in each checkpoint, and 4 N for the final model.

    Where the model is sharded, a checkpoint has the weights twice: transformers writes them as a model and accelerate
    once more beside the optimizer's state (pytorch_model_fsdp.bin), to go on from.
    """
    trained = trained_parameters(shape, recipe.lora)
    each = 16.0 if is_sharded else 12.0
    return (recipe.training.keep + 1) * each * trained + 4.0 * shape.parameters


def _tokens(recipe: Recipe, batch: BatchPlan) -> Tokens:
    response = recipe.sampling.response_tokens
    sampled = recipe.training.batches * batch.completions * response
    steps = recipe.training.batches * batch.optimizer_steps
    read = batch.per_step * (recipe.sampling.prompt_tokens + response)
    return Tokens(sampled // steps, read, sampled, steps * read)
