"""Gradient ascent on a prefix of a parameter vector: what torch.optim.SGD and Adam do, without touching the rest."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from maxpo_bench.registry import UnknownNameError, suggest


class Ascent(Protocol):
    """Moves parameters along a gradient."""

    def step(self, parameters: Tensor, gradient: Tensor) -> None:
        """Change the vector `parameters` `[m]` in place; `m` may grow from step to step, never shrink.

        Elements that appear late must have had gradient 0 until then.
        """
        ...


class SGD:
    """Adds learning rate times gradient.

    Args:
        learning_rate: positive.
    """

    def __init__(self, learning_rate: float) -> None:
        self._rate = learning_rate

    def step(self, parameters: Tensor, gradient: Tensor) -> None:
        """See `Ascent`."""
        parameters.add_(gradient, alpha=self._rate)


class Adam:
    """`torch.optim.Adam(maximize=True)` with its default betas (0.9, 0.999) and eps 1e-8.

    Both moments of an element are 0 until its first gradient, and so would its steps be.

    Args:
        learning_rate: positive.
    """

    BETAS = (0.9, 0.999)
    EPS = 1e-8

    def __init__(self, learning_rate: float) -> None:
        self._rate = learning_rate
        self._steps = 0
        self._mean = self._square = self._work = torch.zeros(0)

    def step(self, parameters: Tensor, gradient: Tensor) -> None:
        """See `Ascent`."""
        size = parameters.shape[0]
        if self._mean.shape[0] < size:
            self._mean, self._square, self._work = (
                _extended(vector, parameters) for vector in (self._mean, self._square, self._work)
            )
        mean, square, work = self._mean[:size], self._square[:size], self._work[:size]
        self._steps += 1
        low, high = self.BETAS
        mean.lerp_(gradient, 1 - low)
        square.mul_(high).addcmul_(gradient, gradient, value=1 - high)
        torch.sqrt(square, out=work)
        work.div_(math.sqrt(1 - high**self._steps)).add_(self.EPS)
        parameters.addcdiv_(mean, work, value=self._rate / (1 - low**self._steps))


def _extended(vector: Tensor, like: Tensor) -> Tensor:
    """Return the vector continued by zeros to twice the length of `like`, so that extensions stay rare."""
    longer = like.new_zeros(2 * like.shape[0])
    longer[: vector.shape[0]] = vector
    return longer


OPTIMIZERS: dict[str, Callable[[float], Ascent]] = {"sgd": SGD, "adam": Adam}


def make_ascent(name: str, learning_rate: float) -> Ascent:
    """Return an optimizer by name, "sgd" or "adam".

    Raises:
        UnknownNameError: with the nearest known name.
    """
    if name not in OPTIMIZERS:
        raise UnknownNameError(f"unknown optimizer {name!r}.{suggest(name, OPTIMIZERS)}")
    return OPTIMIZERS[name](learning_rate)
