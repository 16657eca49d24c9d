"""How a batch of questions is divided over devices, accumulation and optimiser steps, in TRL's terms."""

from __future__ import annotations

from dataclasses import dataclass

from maxpo_bench.llm.recipes.schema import Batch


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """The batch in completions, and TRL's numbers for it.

    TRL counts completions: it samples `processes x per_device x steps_per_generation` at once, and an optimiser step
    takes `processes x per_device x gradient_accumulation`. A recipe counts questions, as verl does, each with
    ``rollouts`` completions.

    Attributes:
        processes: one per device.
        per_device: completions in one backward pass of one device (``per_device_train_batch_size``).
        gradient_accumulation: backward passes per optimiser step (``gradient_accumulation_steps``).
        steps_per_generation: backward passes until completions are sampled anew, in one pass over them.
        completions: sampled at once.
        per_step: completions that an optimiser step takes.
        optimizer_steps: per batch of completions, all passes over them counted.
    """

    processes: int
    per_device: int
    gradient_accumulation: int
    steps_per_generation: int
    completions: int
    per_step: int
    optimizer_steps: int


def plan_batch(batch: Batch, processes: int) -> BatchPlan:
    """Return the division of a batch over a number of processes; the result does not depend on that number.

    Args:
        batch: a recipe's.
        processes: devices, one process each, >= 1.

    Raises:
        ValueError: it does not divide evenly; the message names what would.
    """
    if batch.prompts % batch.mini_prompts:
        raise ValueError(
            f"batch.prompts={batch.prompts} is no multiple of batch.mini_prompts={batch.mini_prompts}: every optimiser "
            "step must take the same number of questions"
        )
    per_step = batch.mini_prompts * batch.rollouts
    at_once = processes * batch.per_device
    if per_step % at_once:
        fitting = [size for size in range(1, per_step + 1) if per_step % (processes * size) == 0]
        near = sorted(fitting, key=lambda size: abs(size - batch.per_device))[:3]
        remedy = f"batch.per_device={' or '.join(map(str, sorted(near)))} does" if near else "use fewer devices"
        raise ValueError(
            f"an optimiser step takes {per_step} completions ({batch.mini_prompts} questions x {batch.rollouts}), "
            f"which {processes} devices x {batch.per_device} completions do not divide: {remedy}"
        )
    accumulation = per_step // at_once
    minis = batch.prompts // batch.mini_prompts
    return BatchPlan(
        processes=processes,
        per_device=batch.per_device,
        gradient_accumulation=accumulation,
        steps_per_generation=minis * accumulation,
        completions=batch.prompts * batch.rollouts,
        per_step=per_step,
        optimizer_steps=minis * batch.passes,
    )
