"""What a recipe says: one frozen dataclass per table of the TOML file, each value checked as it is read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from maxpo_bench.registry import UnknownNameError, suggest

ENGINES = ("vllm", "transformers")
VLLM_MODES = ("colocate", "server")
AGGREGATIONS = ("sequence", "constant")
PRECISIONS = ("bfloat16", "float32")
TINY = "tiny"
"""Name of the model that is made on the spot: the one of `maxpo_bench.llm.tiny` for the recipe's task."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a decoder of Llama's or Qwen2's kind, for estimates where its configuration is not at hand.

    Attributes:
        parameters: number of parameters, tied ones counted once.
        layers: number of blocks.
        width: of the residual stream.
        hidden: width inside the gated MLP.
        heads: attention heads.
        kv_heads: heads of keys and values.
        vocabulary: rows of the output head.
        positions: the longest sequence the model is made for, in tokens.
    """

    parameters: int
    layers: int
    width: int
    hidden: int
    heads: int
    kv_heads: int
    vocabulary: int
    positions: int

    def __post_init__(self) -> None:
        _positive("model.shape", **{name: getattr(self, name) for name in self.__slots__})

    @property
    def kv_width(self) -> int:
        """Numbers per token and layer in the keys, as many in the values."""
        return self.width // self.heads * self.kv_heads


@dataclass(frozen=True, slots=True)
class Model:
    """What is fine-tuned.

    Attributes:
        name: a name on the hub, a folder, or `TINY`.
        template: a prompt template of `maxpo_bench.llm.prompts`.
        shape: its sizes, where its configuration is not at hand; None for unknown.
        attention: transformers' ``attn_implementation``, "" for its default.
        pretraining_seed: of `TINY`, which is pretrained on the spot.
    """

    name: str
    template: str = "plain"
    shape: Shape | None = None
    attention: str = ""
    pretraining_seed: int = 0


@dataclass(frozen=True, slots=True)
class Data:
    """Where the questions come from.

    Attributes:
        set: a data set's name, path or hub name as `load_problems` takes it, such as a file that `llm prepare` wrote;
            or a procedural task's name.
        split: its part.
        options: of a procedural task, such as difficulty and size.
        against: evaluation sets whose problems are removed; nothing for procedural tasks, whose splits are disjoint.
    """

    set: str
    split: str = "train"
    options: Mapping[str, Any] = field(default_factory=dict)
    against: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MethodChoice:
    """Whose advantages are used.

    Attributes:
        name: as `maxpo_bench.llm.methods.get_method` takes it.
        k: objective size K >= 1.
        parameters: of the estimator, and alpha and kappa of entropy_adv.
    """

    name: str = "maxpo"
    k: int = 4
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _positive("method", k=self.k)


@dataclass(frozen=True, slots=True)
class Batch:
    """How many questions and completions a step takes.

    Attributes:
        prompts: questions that completions are sampled for at once.
        mini_prompts: how many questions' worth of completions an optimiser step takes; divides ``prompts``.
        rollouts: completions per question, n.
        per_device: completions that a device holds at once in the backward pass.
        passes: how often each batch of completions is gone through.
    """

    prompts: int
    mini_prompts: int
    rollouts: int
    per_device: int
    passes: int = 1

    def __post_init__(self) -> None:
        _positive("batch", **{name: getattr(self, name) for name in self.__slots__})
        if self.rollouts < 2:
            raise ValueError(f"batch.rollouts must be at least 2, got {self.rollouts}: one sample has no group")


@dataclass(frozen=True, slots=True)
class Sampling:
    """How completions are sampled in training.

    Attributes:
        prompt_tokens: longer prompts are left out.
        response_tokens: where a completion is cut.
        temperature: > 0.
        top_p: in (0, 1]; below 1 the sampled distribution is not the policy's.
        engine: "vllm", or "transformers", which also replaces vLLM on the CPU.
        mode: vLLM's, "colocate" on the training devices or "server" in a process of its own.
        memory: colocated vLLM's share of a device's memory, in (0, 1).
        sleep: whether colocated vLLM gives its memory back while the optimiser works.
        tensor_parallel: devices that one colocated vLLM spans.
        server_url: of the server, in server mode.
        importance_correction: whether TRL corrects for the difference between vLLM's probabilities and the model's;
            Eq 13 has no such factor.
    """

    prompt_tokens: int
    response_tokens: int
    temperature: float = 1.0
    top_p: float = 1.0
    engine: str = "vllm"
    mode: str = "colocate"
    memory: float = 0.3
    sleep: bool = True
    tensor_parallel: int = 1
    server_url: str = "http://localhost:8000"
    importance_correction: bool = False

    def __post_init__(self) -> None:
        _positive(
            "sampling",
            prompt_tokens=self.prompt_tokens,
            response_tokens=self.response_tokens,
            temperature=self.temperature,
            tensor_parallel=self.tensor_parallel,
        )
        _one_of("sampling.engine", self.engine, ENGINES)
        _one_of("sampling.mode", self.mode, VLLM_MODES)
        if not 0 < self.top_p <= 1:
            raise ValueError(f"sampling.top_p must be in (0, 1], got {self.top_p}")
        if not 0 < self.memory < 1:
            raise ValueError(f"sampling.memory must be in (0, 1), got {self.memory}")


@dataclass(frozen=True, slots=True)
class Loss:
    """The clipped objective, Eq 13.

    Attributes:
        aggregation: "sequence" divides each completion's sum by its own length (the paper), "constant" by the longest
            possible (Dr. GRPO).
        clip: half-width of the ratio's interval.
        beta: weight of the divergence from the model before training.
    """

    aggregation: str = "sequence"
    clip: float = 0.2
    beta: float = 0.0

    def __post_init__(self) -> None:
        _one_of("loss.aggregation", self.aggregation, AGGREGATIONS)
        _positive("loss", clip=self.clip)
        _not_negative("loss", beta=self.beta)


@dataclass(frozen=True, slots=True)
class Optimizer:
    """AdamW and its step size.

    Attributes:
        learning_rate: > 0.
        schedule: a schedule of transformers, such as "constant" or "cosine".
        warmup_steps: optimiser steps in which the step size rises to its value.
        weight_decay: >= 0.
        max_grad_norm: where the gradient's norm is clipped; 0 for nowhere.
    """

    learning_rate: float = 1e-6
    schedule: str = "constant"
    warmup_steps: int = 0
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0

    def __post_init__(self) -> None:
        _positive("optimizer", learning_rate=self.learning_rate)
        _not_negative(
            "optimizer",
            warmup_steps=self.warmup_steps,
            weight_decay=self.weight_decay,
            max_grad_norm=self.max_grad_norm,
        )


@dataclass(frozen=True, slots=True)
class Training:
    """How long, and how often it is saved.

    Attributes:
        batches: how many batches of ``batch.prompts`` questions are sampled.
        seed: root of the run's random streams.
        save_every: batches between two checkpoints.
        keep: checkpoints that are kept, at least 2: a kill may spoil the newest.
    """

    batches: int
    seed: int = 0
    save_every: int = 10
    keep: int = 2

    def __post_init__(self) -> None:
        _positive("training", batches=self.batches, save_every=self.save_every)
        if self.keep < 2:
            raise ValueError(f"training.keep must be at least 2, got {self.keep}: a kill may spoil the newest")


@dataclass(frozen=True, slots=True)
class Hardware:
    """What the recipe is written for.

    Attributes:
        gpus: number of devices, one process each; 0 for the CPU.
        memory_gb: of each, in GB (10^9 bytes).
        shard: whether weights, gradients and the optimiser's state are divided among the devices (FSDP2).
        checkpointing: whether activations are computed again in the backward pass.
        precision: "bfloat16" computes in it and keeps weights and the optimiser's state in float32.
    """

    gpus: int = 1
    memory_gb: float = 80.0
    shard: bool = False
    checkpointing: bool = True
    precision: str = "bfloat16"

    def __post_init__(self) -> None:
        _not_negative("hardware", gpus=self.gpus)
        _positive("hardware", memory_gb=self.memory_gb)
        _one_of("hardware.precision", self.precision, PRECISIONS)


@dataclass(frozen=True, slots=True)
class Lora:
    """Low-rank adapters in place of all weights.

    Attributes:
        rank: of the adapters.
        alpha: their scale, alpha / rank.
        dropout: in [0, 1).
        modules: what they are attached to.
    """

    rank: int = 16
    alpha: float = 32.0
    dropout: float = 0.0
    modules: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")

    def __post_init__(self) -> None:
        _positive("lora", rank=self.rank, alpha=self.alpha)
        if not 0 <= self.dropout < 1:
            raise ValueError(f"lora.dropout must be in [0, 1), got {self.dropout}")


@dataclass(frozen=True, slots=True)
class Recipe:
    """One training run, all its settings resolved.

    Attributes:
        name: of the recipe, without its variant.
        summary: one line.
        variant: which of its variants, "" for none.
        model: what is fine-tuned.
        data: on what.
        method: by whose advantages.
        batch: questions and completions of a step.
        sampling: how completions are made.
        loss: the objective.
        optimizer: AdamW.
        training: how long.
        hardware: on what machine.
        lora: adapters, None for all weights.
        trl: further settings of TRL's ``GRPOConfig``, by their names there.
    """

    name: str
    summary: str
    model: Model
    data: Data
    batch: Batch
    sampling: Sampling
    training: Training
    variant: str = ""
    method: MethodChoice = field(default_factory=MethodChoice)
    loss: Loss = field(default_factory=Loss)
    optimizer: Optimizer = field(default_factory=Optimizer)
    hardware: Hardware = field(default_factory=Hardware)
    lora: Lora | None = None
    trl: Mapping[str, Any] = field(default_factory=dict)

    @property
    def full_name(self) -> str:
        """Name and variant, "qwen2.5-math-7b:maxpo"."""
        return f"{self.name}:{self.variant}" if self.variant else self.name


def _positive(table: str, **values: float) -> None:
    for name, value in values.items():
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{table}.{name} must be positive, got {value}")


def _not_negative(table: str, **values: float) -> None:
    for name, value in values.items():
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"{table}.{name} must not be negative, got {value}")


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UnknownNameError(f"unknown {name} {value!r}.{suggest(value, known)}")
