"""Two operations with gradients written out: fewer passes over memory than what autograd derives."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable


def normalise(hidden: Tensor, eps: float) -> Tensor:
    """Return ``hidden`` [..., width] divided by its root mean square: RMS normalisation without a weight.

    Zhang and Sennrich, arXiv 1910.07467. The weight is applied to the matrix that follows.

    Args:
        hidden: what to normalise.
        eps: added to the mean square.
    """
    return cast(Tensor, _Normalise.apply(hidden, eps))


def spread(parts: Tensor, part_of: Tensor) -> Tensor:
    """Return ``parts[part_of]``, [P, ...] and [B] -> [B, ...]: what the rows of a batch have in common.

    The gradient adds up the rows of each part by one matrix product; the indexed sum of torch takes twenty times as
    long.

    Args:
        parts: what is shared.
        part_of: which part each row has.
    """
    return cast(Tensor, _Spread.apply(parts, part_of))


class _Normalise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, hidden: Tensor, eps: float) -> Tensor:
        inverse = torch.rsqrt(hidden.square().mean(-1, keepdim=True).add_(eps))
        normal = hidden * inverse
        ctx.save_for_backward(normal, inverse)
        return normal

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]: the decorator hides the names of the arguments
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor, None]:
        normal, inverse = ctx.saved_tensors
        along = (grads[0] * normal).mean(-1, keepdim=True)
        return torch.addcmul(grads[0], normal, along, value=-1).mul_(inverse), None


class _Spread(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, parts: Tensor, part_of: Tensor) -> Tensor:
        ctx.save_for_backward(part_of)
        ctx.shape = parts.shape
        return parts.index_select(0, part_of)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]: the decorator hides the names of the arguments
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor, None]:
        (part_of,) = ctx.saved_tensors
        belongs = (torch.arange(ctx.shape[0])[:, None] == part_of).to(grads[0].dtype)
        return (belongs @ grads[0].flatten(1)).view(ctx.shape), None
