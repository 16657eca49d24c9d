"""How much memory of a device a recipe takes: an estimate by formula, from the model's sizes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from maxpo_bench.llm.recipes.schema import Lora, Recipe, Shape

GB = 1e9
_HEAD_TOKENS = 4096
_HEAD_ROWS = 32768
"""The tile in which TRL 1.16 computes the output head: tokens x rows of the vocabulary."""


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """Bytes on each device.

    With N parameters of which M are trained, S devices that share them (1 where nothing is sharded), L layers of width
    w and MLP width h, keys and values of width v, V rows of the output head, and T = completions at once x (prompt +
    response) tokens:

    Attributes:
        weights: 4 N / S, twice that with a reference model (beta > 0).
        optimizer: Adam's two moments, 8 M / S.
        gradients: 4 M / S.
        copies: the weights in bfloat16 while they are used: 2 N, sharded 2 x 2 N / L (a layer and the next one); 0 in
            float32.
        activations: the residual stream at each layer, 4 T w L, and one layer's inner values, T (30 w + 4 v + 8 h), in
            float32 T (32 w + 8 v + 16 h); without checkpointing the inner values of all layers. Attention is taken to
            keep no matrix of tokens x tokens, as PyTorch's own does not.
        head: the gradient of the output head in float32, 4 V w, its bfloat16 copy, and one tile of logits; the logits
            as a whole never exist.
        sampling: colocated vLLM's share of the device; with transformers the keys and values of all completions that a
            device samples at once; 0 with a vLLM server.
        asleep: whether what is sampled with is given back while the optimiser works.
    """

    weights: float
    optimizer: float
    gradients: float
    copies: float
    activations: float
    head: float
    sampling: float
    asleep: bool

    @property
    def peak(self) -> float:
        """The most that is held at once: weights and moments, and what training or sampling needs beside them."""
        held = self.weights + self.optimizer
        training = self.gradients + self.copies + self.activations + self.head
        return held + (max(training, self.sampling) if self.asleep else training + self.sampling)

    def to_dict(self) -> dict[str, Any]:
        """Return the parts and the peak in GB (10^9 bytes), and whether sampling's share is given back."""
        parts = asdict(self)
        asleep = parts.pop("asleep")
        return {**{name: value / GB for name, value in parts.items()}, "peak": self.peak / GB, "asleep": asleep}


def estimate_memory(recipe: Recipe, shape: Shape, *, processes: int, on_gpu: bool, completions: int) -> MemoryEstimate:
    """Return the estimate for one device.

    Args:
        recipe: the recipe.
        shape: the model's sizes.
        processes: devices.
        on_gpu: on the CPU nothing is sharded, in bfloat16 or sampled by vLLM.
        completions: sampled at once on all devices.
    """
    shards = processes if on_gpu and recipe.hardware.shard else 1
    half = on_gpu and recipe.hardware.precision == "bfloat16"
    total, trained = shape.parameters, trained_parameters(shape, recipe.lora)
    tokens = recipe.batch.per_device * (recipe.sampling.prompt_tokens + recipe.sampling.response_tokens)
    held = total + (trained if recipe.lora else 0)
    copies = (4 * total / shape.layers if shards > 1 else 2 * total) if half else 0
    head = 4 * shape.vocabulary * shape.width * (1.5 if half else 1) if recipe.lora is None else 0
    tile = min(tokens, _HEAD_TOKENS) * min(shape.vocabulary, _HEAD_ROWS) * (2 if half else 4)
    return MemoryEstimate(
        weights=4 * (held + (total if recipe.loss.beta > 0 and recipe.lora is None else 0)) / shards,
        optimizer=8 * trained / shards,
        gradients=4 * trained / shards,
        copies=copies,
        activations=_activations(shape, tokens, half, on_gpu and recipe.hardware.checkpointing),
        head=head + tile,
        sampling=_sampling(recipe, shape, on_gpu, half, completions / processes),
        asleep=not (on_gpu and recipe.sampling.engine == "vllm") or recipe.sampling.sleep,
    )


def trained_parameters(shape: Shape, lora: Lora | None) -> int:
    """Return how many parameters are trained: all, or those of the adapters."""
    if lora is None:
        return shape.parameters
    width, hidden, kv = shape.width, shape.hidden, shape.kv_width
    ends = {"k_proj": width + kv, "v_proj": width + kv, "gate_proj": width + hidden, "up_proj": width + hidden}
    ends |= {"q_proj": 2 * width, "o_proj": 2 * width, "down_proj": width + hidden}
    return shape.layers * lora.rank * sum(ends.get(module, 2 * width) for module in lora.modules)


def shape_of(folder: Path) -> Shape | None:
    """Return the sizes of a model in transformers' format, None where its configuration is of another kind.

    Raises:
        OSError: there is no configuration.
    """
    config = json.loads((folder / "config.json").read_bytes())
    names = ("num_hidden_layers", "hidden_size", "intermediate_size", "num_attention_heads", "vocab_size")
    if not all(isinstance(config.get(name), int) for name in names):
        return None
    layers, width, hidden, heads, vocabulary = (config[name] for name in names)
    kv_heads = config.get("num_key_value_heads") or heads
    kv = (config.get("head_dim") or width // heads) * kv_heads
    block = 2 * width * (width + kv) + 3 * width * hidden + 2 * width
    if config.get("model_type") == "qwen2":
        block += width + 2 * kv  # the biases of queries, keys and values
    ends = vocabulary * width * (1 if config.get("tie_word_embeddings") else 2)
    return Shape(
        parameters=layers * block + ends + width,
        layers=layers,
        width=width,
        hidden=hidden,
        heads=heads,
        kv_heads=kv_heads,
        vocabulary=vocabulary,
        positions=config.get("max_position_embeddings") or 2048,
    )


def _activations(shape: Shape, tokens: int, half: bool, checkpointing: bool) -> float:
    stored = (30, 4, 8) if half else (32, 8, 16)
    sizes = (shape.width, shape.kv_width, shape.hidden)
    inner = tokens * sum(number * size for number, size in zip(stored, sizes, strict=True))
    stream = 4 * tokens * shape.width * shape.layers
    return stream + inner if checkpointing else inner * shape.layers


def _sampling(recipe: Recipe, shape: Shape, on_gpu: bool, half: bool, completions: float) -> float:
    sampling = recipe.sampling
    if on_gpu and sampling.engine == "vllm":
        return sampling.memory * recipe.hardware.memory_gb * GB if sampling.mode == "colocate" else 0.0
    per_token = 2 * shape.layers * shape.kv_width * (2 if half else 4)
    return completions * (sampling.prompt_tokens + sampling.response_tokens) * per_token
