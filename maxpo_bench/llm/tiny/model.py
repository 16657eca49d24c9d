"""A minimal Llama in plain torch, several times faster than transformers' at this size, with the same parameters.

RMS normalisation, rotary positions, SwiGLU, no biases (Touvron et al., arXiv 2302.13971). Names, shapes and values of
the parameters are those of transformers' `LlamaForCausalLM`; logits and gradients agree to float32 rounding.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, linear, silu

from maxpo_bench.llm.tiny.architecture import TinyArchitecture
from maxpo_bench.llm.tiny.attention import Attention, CausalAttention
from maxpo_bench.llm.tiny.operations import normalise

INITIAL_STD = 0.02


class BlockWeights(NamedTuple):
    """One block's matrices; those applied to the same input are joined, with the weight of the normalisation before."""

    qkv: Tensor
    output: Tensor
    gate_up: Tensor
    down: Tensor


class TinyLM(nn.Module):
    """A causal language model of a few hundred thousand parameters, in float32.

    Its pass is taken apart so that sampling and scoring go through a prompt once however many completions it has:
    `fused` joins the weights, `embed` looks tokens up, `blocks` runs the layers with some `Attention`, and `head`
    gives logits.

    Args:
        architecture: its shape.
        generator: where the initial weights are drawn from, normal with standard deviation 0.02, divided by
            sqrt(2 * layers) for what is added to the residual stream; None leaves them unset, for loading.
    """

    _cosines: Tensor
    _sines: Tensor

    def __init__(self, architecture: TinyArchitecture, *, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.architecture = architecture
        self.model = _Body(architecture)
        self.lm_head = _Matrix(architecture.vocab_size, architecture.width)
        cosines, sines = _rotations(architecture)
        self.register_buffer("_cosines", cosines, persistent=False)
        self.register_buffer("_sines", sines, persistent=False)
        if generator is not None:
            self._initialise(generator)

    def forward(self, tokens: Tensor, keep: int | None = None) -> Tensor:
        """Return the logits of the next token at each position.

        Args:
            tokens: [B, T], all rows of one length, or padded on the right: what follows padding means nothing.
            keep: only at the last `keep` positions; None for all.

        Returns:
            [B, keep or T, V].

        Raises:
            ValueError: T is 0 or more than the context, or keep is not in 1 to T.
        """
        length = tokens.shape[1]
        if not 1 <= length <= self.architecture.context:
            raise ValueError(f"the model takes 1 to {self.architecture.context} tokens, got {length}")
        if keep is not None and not 1 <= keep <= length:
            raise ValueError(f"keep must be 1 to the number of tokens {length}, got {keep}")
        hidden = self.blocks(self.embed(tokens), slice(0, length), CausalAttention(), self.fused())
        return self.head(hidden if keep is None else hidden[:, -keep:])

    def fused(self) -> list[BlockWeights]:
        """Return the weights as `blocks` uses them; they do not follow later changes of the parameters."""
        return [cast(_Block, block).weights() for block in self.model.layers]

    def embed(self, tokens: Tensor) -> Tensor:
        """Return the embeddings [..., width] of tokens."""
        return embedding(tokens, self.model.embed_tokens.weight)

    def blocks(
        self, hidden: Tensor, positions: slice | Tensor, attention: Attention, weights: list[BlockWeights]
    ) -> Tensor:
        """Run all layers.

        Args:
            hidden: [B, T, width].
            positions: of the tokens from 0: a slice of length T for all rows, or [B, T].
            attention: where keys and values come from.
            weights: what `fused` returned.

        Returns:
            [B, T, width], before the last normalisation.
        """
        width, size, eps = self.architecture.width, self.architecture.head_size, self.architecture.norm_eps
        cosines, sines = self._cosines[positions].unsqueeze(-2), self._sines[positions].unsqueeze(-2)
        for layer, block in enumerate(weights):
            turning, values = linear(normalise(hidden, eps), block.qkv).split((2 * width, width), -1)
            turning, values = turning.unflatten(-1, (-1, size)), values.unflatten(-1, (-1, size)).transpose(1, 2)
            turned = torch.addcmul(turning * cosines, turning.roll(size // 2, -1), sines).transpose(1, 2)
            attended = attention(layer, *turned.chunk(2, 1), values)
            hidden = hidden + linear(attended.transpose(1, 2).flatten(2), block.output)
            gate, up = linear(normalise(hidden, eps), block.gate_up).chunk(2, -1)
            hidden = hidden + linear(silu(gate) * up, block.down)
        return hidden

    def head(self, hidden: Tensor) -> Tensor:
        """Return the logits [..., V] of what `blocks` returned."""
        normal = normalise(hidden, self.architecture.norm_eps)
        return linear(normal, self.lm_head.weight * self.model.norm.weight)

    @torch.no_grad()
    def _initialise(self, generator: torch.Generator) -> None:
        shrunk = INITIAL_STD / (2 * self.architecture.layers) ** 0.5
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                is_added = name.endswith(("o_proj.weight", "down_proj.weight"))
                parameter.normal_(0.0, shrunk if is_added else INITIAL_STD, generator=generator)


class _Matrix(nn.Module):
    """A weight [rows, columns], not set: torch's own layers would draw it from the global generator."""

    def __init__(self, rows: int, columns: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(rows, columns))


class _Norm(nn.Module):
    """The weight of an RMS normalisation."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))


class _SelfAttention(nn.Module):
    """The matrices of attention."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.q_proj = _Matrix(width, width)
        self.k_proj = _Matrix(width, width)
        self.v_proj = _Matrix(width, width)
        self.o_proj = _Matrix(width, width)


class _MLP(nn.Module):
    """The matrices of the gated MLP."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.gate_proj = _Matrix(hidden, width)
        self.up_proj = _Matrix(hidden, width)
        self.down_proj = _Matrix(width, hidden)


class _Block(nn.Module):
    """The parameters of one layer."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.self_attn = _SelfAttention(width)
        self.mlp = _MLP(width, hidden)
        self.input_layernorm = _Norm(width)
        self.post_attention_layernorm = _Norm(width)

    def weights(self) -> BlockWeights:
        attention, mlp = self.self_attn, self.mlp
        qkv = torch.cat([attention.q_proj.weight, attention.k_proj.weight, attention.v_proj.weight])
        gate_up = torch.cat([mlp.gate_proj.weight, mlp.up_proj.weight])
        return BlockWeights(
            qkv * self.input_layernorm.weight,
            attention.o_proj.weight,
            gate_up * self.post_attention_layernorm.weight,
            mlp.down_proj.weight,
        )


class _Body(nn.Module):
    """All parameters but the head's."""

    def __init__(self, architecture: TinyArchitecture) -> None:
        super().__init__()
        self.embed_tokens = _Matrix(architecture.vocab_size, architecture.width)
        self.layers = nn.ModuleList(_Block(architecture.width, architecture.hidden) for _ in range(architecture.layers))
        self.norm = _Norm(architecture.width)


def _rotations(architecture: TinyArchitecture) -> tuple[Tensor, Tensor]:
    """Return cosines and signed sines [context, head size] of the rotary positions (Su et al., arXiv 2104.09864).

    A head's vector x at position p becomes x * cos + roll(x, half) * sin: the first half of the sines is negative, in
    place of transformers' rotated copy with a changed sign.
    """
    size = architecture.head_size
    frequencies = 1.0 / (architecture.rope_theta ** (torch.arange(0, size, 2, dtype=torch.float32) / size))
    angles = torch.arange(architecture.context, dtype=torch.float32)[:, None] * frequencies
    cosines, sines = angles.cos(), angles.sin()
    return torch.cat((cosines, cosines), 1), torch.cat((-sines, sines), 1)
