"""A plan as lines of text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from maxpo_bench.llm.recipes.memory import GB, MemoryEstimate

if TYPE_CHECKING:
    from maxpo_bench.llm.recipes.planning import Plan

_PARTS = {
    "weights": "weights",
    "optimizer": "Adam's moments",
    "gradients": "gradients",
    "copies": "weights in bfloat16",
    "activations": "activations",
    "head": "output head",
    "sampling": "sampling",
}


def plan_lines(plan: Plan) -> list[str]:
    """Return a plan as text: what is trained, steps, tokens, memory, settings, and what is missing."""
    return [*_summary(plan), "", *_memory(plan), "", *_settings(plan), "", *_missing(plan)]


def _summary(plan: Plan) -> Iterator[str]:
    recipe, batch, tokens = plan.recipe, plan.batch, plan.tokens
    method = recipe.method
    devices = f"{batch.processes} GPU{'s' if batch.processes > 1 else ''}" if plan.on_gpu else "the CPU"
    yield f"{recipe.full_name}: {recipe.summary}"
    yield f"  method     {method.name}, K = {method.k}, n = {recipe.batch.rollouts}, seed {recipe.training.seed}"
    yield f"  model      {recipe.model.name}, prompts by the template {recipe.model.template}"
    without = f", without the problems of {', '.join(recipe.data.against)}" if recipe.data.against else ""
    yield f"  data       {recipe.data.set} {recipe.data.split}{without}"
    yield (
        f"  batch      {recipe.batch.prompts:,} questions x {recipe.batch.rollouts} = {batch.completions:,} "
        f"completions, in steps of {recipe.batch.mini_prompts:,} questions = {batch.per_step:,} completions"
    )
    yield (
        f"  devices    {devices}: {batch.per_device} completions at once, {batch.gradient_accumulation} times per "
        f"optimiser step"
    )
    yield (
        f"  steps      {plan.steps:,} of the optimiser: {recipe.training.batches:,} batches, "
        f"{batch.optimizer_steps} steps each"
    )
    yield (
        f"  tokens     at most {_short(tokens.sampled_per_step)} sampled and {_short(tokens.read_per_step)} read per "
        f"step, {_short(tokens.sampled)} and {_short(tokens.read)} in all"
    )


def _memory(plan: Plan) -> Iterator[str]:
    memory = plan.memory
    if memory is None:
        yield "memory of each device: unknown, as nothing is known of the model's sizes ([model.shape])"
        return
    figures = memory.to_dict()
    limit = f" of {plan.recipe.hardware.memory_gb:g}" if plan.on_gpu else ""
    yield f"memory of each device, estimated: {_gb(figures['peak'])}{limit} GB at the peak"
    for name, title in _PARTS.items():
        if figures[name]:
            yield f"  {_gb(figures[name]):>8} GB  {title}{_note(plan, name, memory)}"
    if plan.disk is not None:
        yield f"disk: {_gb(plan.disk / GB)} GB for checkpoints and the model"


def _note(plan: Plan, part: str, memory: MemoryEstimate) -> str:
    if part != "sampling":
        return ""
    by = "vLLM's share" if plan.settings["use_vllm"] else "keys and values of transformers"
    return f" ({by}{', given back while the optimiser works' if memory.asleep else ''})"


def _gb(figure: float) -> str:
    return f"{figure:.1f}" if figure >= 0.1 else f"{figure:.4f}"


def _settings(plan: Plan) -> Iterator[str]:
    yield "settings of TRL's GRPOConfig"
    yield from (f"  {name} = {_value(value)}" for name, value in plan.settings.items())


def _value(value: Any) -> str:
    return json.dumps(dict(value) if isinstance(value, Mapping) else value)


def _missing(plan: Plan) -> Iterator[str]:
    if not plan.missing:
        yield f"nothing is missing; to start: {plan.command()}"
        return
    yield "missing"
    for entry in plan.missing:
        yield f"  {entry.what}: {entry.why}"
        yield f"    {entry.remedy}"
    yield f"then: {plan.command()}"


def _short(number: int) -> str:
    for size, unit in ((1_000_000_000, "billion"), (1_000_000, "million")):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number:,}"
