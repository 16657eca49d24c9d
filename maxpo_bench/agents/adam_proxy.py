"""A smoothed proxy for the variance of the gradient, read off the state of Adam (Sec. 5.2.3 of arXiv 2606.06080)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor
from torch.optim import Optimizer

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup

BLOCK = 2**20
"""Elements that are in float64 at a time."""

_Layout = tuple[Any, tuple[bool, ...]] | None


class _Moments(NamedTuple):
    """Adam's state of one parameter."""

    mean: Tensor
    square: Tensor
    step: Any
    betas: tuple[float, float]


def adam_variance_proxy(optimizer: Optimizer, *, shard_group: ProcessGroup | None = None) -> float | None:
    """Return sum over all elements of all parameters of v_hat - m_hat^2, with m and v Adam's moving averages.

    m_hat = m / (1 - beta_1^t) and v_hat = v / (1 - beta_2^t), with each parameter's own number of steps t and the betas
    of its group. For independent gradients with element-wise variance s^2 its expectation is
    s^2 (1 - sum_j a_j^2), a_j being the weights of the t gradients in m_hat: 0 at the first step by construction, and
    2 beta_1 / (1 + beta_1) of the variance in the end. Single elements may be negative. Where the learning signal
    changes, the change counts as variance.

    The sum is taken in float64, block by block. States that are DTensors are summed over the processes that hold them,
    so every process must call this.

    Args:
        optimizer: Adam, AdamW or another one that keeps `exp_avg` and `exp_avg_sq`; a wrapper with `state` and
            `param_groups` will do.
        shard_group: where plain tensors are this process's shards of the state (FSDP's flat parameters, ZeRO), the
            group of processes over which to sum. Every process of it must call.

    Returns:
        The proxy; None before the first step, and for an optimizer that keeps no such averages of every parameter that
        it has stepped.

    Raises:
        ValueError: AMSGrad, whose steps use a maximum instead of v, or quantised (8-bit) states.
    """
    moments = list(_moments(optimizer))
    totals: dict[_Layout, Tensor] = {}
    for one in moments:
        if one is not None:
            share, layout = _share(one)
            totals[layout] = totals[layout] + share if layout in totals else share
    if shard_group is not None:
        totals[None] = _over_group(totals.get(None), shard_group)
    if not moments or None in moments:
        return None
    return sum(float(_over_mesh(total, layout)) for layout, total in totals.items())


def _moments(optimizer: Optimizer) -> Iterator[_Moments | None]:
    """Yield the state of every parameter that has been stepped, None where it is not Adam's."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            state = optimizer.state.get(parameter)
            if not state:
                continue
            if "state1" in state:
                raise ValueError(
                    "the states of this optimizer are quantised or of a layout of their own (state1, state2): the "
                    "variance proxy needs those of torch.optim.Adam or AdamW"
                )
            if group.get("amsgrad"):
                raise ValueError("the variance proxy is not defined for AMSGrad: make the optimizer with amsgrad=False")
            if not {"exp_avg", "exp_avg_sq", "step"} <= set(state) or "betas" not in group:
                yield None
                continue
            first, second = map(float, group["betas"])
            yield _Moments(state["exp_avg"], state["exp_avg_sq"], state["step"], (first, second))


def _share(moments: _Moments) -> tuple[Tensor, _Layout]:
    """Return the sum over what this process holds of one parameter, a float64 scalar, and how it is spread."""
    mean, layout = _local(moments.mean)
    square, _ = _local(moments.square)
    first, second = _corrections(_local(moments.step)[0], moments.betas)
    total = torch.zeros((), dtype=torch.float64, device=mean.device)
    for m, v in zip(mean.flatten().split(BLOCK), square.flatten().split(BLOCK), strict=True):
        total += (v.double() / second - (m.double() / first).square()).sum()
    return total, layout


def _corrections(step: Any, betas: tuple[float, float]) -> tuple[Any, Any]:
    """Return 1 - beta^t for both betas; on the device where t is, which is not waited for."""
    steps = step.double() if isinstance(step, Tensor) and step.device.type != "cpu" else float(step)
    return 1.0 - betas[0] ** steps, 1.0 - betas[1] ** steps


def _local(state: Any) -> tuple[Any, _Layout]:
    """Return this process's part of a state, and its mesh with whether it is sharded in each dimension of it.

    Raises:
        ValueError: a tensor subclass, as quantised states are, or whole numbers.
    """
    if not isinstance(state, Tensor):
        return state, None
    if "torch.distributed.tensor" in sys.modules:  # else there are no DTensors, and it takes a second to import
        from torch.distributed.tensor import DTensor

        if isinstance(state, DTensor):
            placements = state.placements
            return _local(state.to_local())[0], (state.device_mesh, tuple(not p.is_replicate() for p in placements))
    if type(state) not in (Tensor, torch.nn.Parameter) or (state.ndim and not state.is_floating_point()):
        raise ValueError(
            f"the optimizer's states are quantised ({type(state).__name__} of {state.dtype}): the variance proxy needs "
            "those of torch.optim.Adam or AdamW"
        )
    return state.detach(), None


def _over_mesh(total: Tensor, layout: _Layout) -> Tensor:
    """Add what the other processes of a mesh hold."""
    if layout is None:
        return total
    from torch.distributed.tensor import DTensor, Partial, Replicate

    mesh, is_sharded = layout
    placements = [Partial() if sharded else Replicate() for sharded in is_sharded]
    return DTensor.from_local(total, mesh, placements, run_check=False).full_tensor()


def _over_group(total: Tensor | None, group: ProcessGroup) -> Tensor:
    """Add what the other processes of a group hold of plain tensors; some may hold nothing."""
    device = torch.device("cuda", torch.cuda.current_device()) if _is_nccl(group) else torch.device("cpu")
    summed = torch.zeros((), dtype=torch.float64, device=device) if total is None else total.to(device, copy=True)
    torch.distributed.all_reduce(summed, group=group)
    return summed


def _is_nccl(group: ProcessGroup) -> bool:
    return "nccl" in str(torch.distributed.get_backend(group)).lower()
