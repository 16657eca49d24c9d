"""The network of `MLPPolicy` evaluated and differentiated on the first states of a maze's path, without autograd.

A one-hot observation picks a column of the first layer's weights, so the states 0 .. W-1 are a slice of that matrix's
transpose and no one-hot matrix is built. All parameters lie in one vector whose end holds those columns in the order of
the path: parameters that a group of episodes can change are a prefix of it.

Shape letters: `S` states of the maze, `W` states computed, `V` <= `W` states visited.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from maxpo_bench.agents.mlp import MLPPolicy

ALIGNMENT = 16  # elements: every block starts where vector instructions like it, wherever the run's memory lies


class Layer(NamedTuple):
    """Views of one layer's parameters, or of their gradients.

    Attributes:
        weight: `[out, in]`, except `[S, out]` for the first layer: one row for each state.
        bias: `[out]`.
    """

    weight: Tensor
    bias: Tensor


class PathNetwork:
    """One run's network: parameters, activations of the present iteration, gradient.

    Args:
        policy: with Discrete observations and actions; its parameters and their dtype are copied.
        sharing: a network of the same shape whose memory for gradients this one may overwrite, so that it stays in the
            processor's caches: use the gradient of one before the other's `backward`.

    Attributes:
        parameters: all parameters in one vector, with gaps of zeros between blocks.
        gradient: of the same layout.
        layers: views of `parameters`.
        gradients: views of `gradient`.
        logits: `[S, 2]` as far as `forward` has been asked to go.
        reach: highest number of states visited so far; the gradients of the later states have always been 0.
    """

    def __init__(self, policy: MLPPolicy, sharing: PathNetwork | None = None) -> None:
        linear = [module for module in policy.network if isinstance(module, nn.Linear)]
        first, dtype = linear[0], linear[0].weight.dtype
        shapes = [(tuple(layer.weight.shape), tuple(layer.bias.shape)) for layer in linear]
        shapes[0] = ((first.in_features, first.out_features), shapes[0][1])
        self._width = first.out_features
        self._start, total = _layout(shapes)
        self.parameters = torch.zeros(total, dtype=dtype)
        self.gradient = torch.zeros(total, dtype=dtype) if sharing is None else sharing.gradient
        self.layers = _views(self.parameters, shapes)
        self.gradients = _views(self.gradient, shapes)
        for layer, source in zip(self.layers, linear, strict=True):
            weight = source.weight.detach()
            layer.weight.copy_(weight.t() if source is first else weight)
            layer.bias.copy_(source.bias.detach())
        states = first.in_features
        self._outputs = [torch.zeros((states, layer.out_features), dtype=dtype) for layer in linear]
        self._deltas = [torch.zeros_like(output) for output in self._outputs] if sharing is None else sharing._deltas
        self.logits = self._outputs[-1]
        self.reach = 0

    def size(self, states: int) -> int:
        """Length of the prefix of `parameters` that decides what happens in the first `states` states."""
        return self._start + states * self._width

    def forward(self, start: int, stop: int) -> None:
        """Compute `logits[start:stop]` and the activations that `backward` needs there."""
        rows = slice(start, stop)
        first = self.layers[0]
        values = torch.add(first.weight[rows], first.bias, out=self._outputs[0][rows])
        for layer, output in zip(self.layers[1:], self._outputs[1:], strict=True):
            values.tanh_()
            values = torch.addmm(layer.bias, values, layer.weight.t(), out=output[rows])

    def backward(self, derivative: Tensor) -> None:
        """Set `gradient` for an objective from its derivatives by the logits, after `forward` of those states.

        Args:
            derivative: `[V]` by the logit of action 1 in the states 0 .. V-1; that by the logit of action 0 is the
                negative, and in every later state both are 0.
        """
        visited = derivative.shape[0]
        delta = self._deltas[-1][:visited]
        delta[:, 1] = derivative
        torch.neg(derivative, out=delta[:, 0])
        for i in range(len(self.layers) - 1, 0, -1):
            activation, below = self._outputs[i - 1][:visited], self._deltas[i - 1][:visited]
            torch.mm(delta.t(), activation, out=self.gradients[i].weight)
            torch.sum(delta, 0, out=self.gradients[i].bias)
            torch.mm(delta, self.layers[i].weight, out=below)
            # tanh' = 1 - tanh^2; the activations are not needed again
            delta = below.sub_(activation.square_().mul_(below))
        columns = self.gradients[0].weight
        columns[:visited] = delta
        columns[visited : self.reach] = 0.0
        torch.sum(delta, 0, out=self.gradients[0].bias)
        self.reach = max(self.reach, visited)


def named(layers: Sequence[Layer]) -> dict[str, Tensor]:
    """Copies of parameters or gradients under the names and in the shapes of `MLPPolicy.state_dict`."""
    result = {}
    for i, layer in enumerate(layers):
        weight = layer.weight.t() if i == 0 else layer.weight
        result[f"network.{2 * i}.weight"] = weight.clone(memory_format=torch.contiguous_format)
        result[f"network.{2 * i}.bias"] = layer.bias.clone()
    return result


Shapes = Sequence[tuple[tuple[int, ...], tuple[int, ...]]]


def _layout(shapes: Shapes) -> tuple[int, int]:
    """Return where the first layer's rows start in the vector of all parameters, and the vector's length."""
    others = [shape for weight, bias in shapes for shape in (weight, bias)][1:]
    start = sum(_padded(shape) for shape in others)
    return start, start + math.prod(shapes[0][0])


def _views(vector: Tensor, shapes: Shapes) -> list[Layer]:
    """Cut the vector of all parameters into layers: everything but the first layer's rows, then those."""
    layers, position = [], 0

    def take(shape: tuple[int, ...]) -> Tensor:
        nonlocal position
        view = vector[position : position + math.prod(shape)].view(shape)
        position += _padded(shape)
        return view

    first_bias = take(shapes[0][1])
    layers = [Layer(take(weight), take(bias)) for weight, bias in shapes[1:]]
    return [Layer(take(shapes[0][0]), first_bias), *layers]


def _padded(shape: tuple[int, ...]) -> int:
    return -(-math.prod(shape) // ALIGNMENT) * ALIGNMENT
