"""Gap sums on a GPU in one launch, for groups of at most 1024 samples.

Two programs share the work: `triton_narrow` (n <= 32, a group per thread) and `triton_wide` (a group per warp or a few
of them). Both load each reward once and store each result once, keep sums in float64, give tied rewards (-0.0 and 0.0
among them) bitwise equal results, allocate nothing but the output and never wait for the device: once a first call has
built the binary, a call can be captured in a CUDA graph. Under `torch.compile` the launch is traced like any Triton
kernel that a user writes, without a graph break. One binary is built for each n, dtype, ``centred`` and alignment; the
number of groups is an ordinary argument.

Triton is imported by the first call; importing this module needs torch only.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

LARGEST_GROUP = 1024


def is_available() -> bool:
    """Return whether Triton is installed."""
    return find_spec("triton") is not None


def gap_sums(rewards: Tensor, weights: Tensor, *, centred: bool) -> Tensor:
    """Return P_i = sum_{m <= rank(i)} d_m w_m at each sample's own place, `[G, n]` in the rewards' dtype.

    d_m = r_(m) - r_(m-1) are the gaps of the sorted group. The values of the rewards are not looked at: a group with
    NaN or infinite rewards gets undefined results, and no other group is touched by it.

    Args:
        rewards: `[G, n]`, float32 or float64, on a CUDA device, or anywhere under TRITON_INTERPRET=1; n <= 1024.
        weights: `[n-1]` float64 on the same device, of the gaps m = 2..n.
        centred: whether the group's mean is taken off.

    Raises:
        TypeError: another dtype.
        ValueError: another shape, groups of more than 1024 samples, or tensors on another device.
    """
    if not takes(rewards, weights):
        raise refusal(rewards, weights)
    rows, n = rewards.shape
    if rows == 0 or n == 1:
        return torch.zeros_like(rewards)
    rewards, weights = rewards.detach().contiguous(), weights.contiguous()
    out = torch.empty_like(rewards)
    if torch.compiler.is_compiling() or not rewards.is_cuda:
        launch(rewards, weights, out, centred)
    else:
        with torch.cuda.device(rewards.device):
            launch(rewards, weights, out, centred, enable_fp_fusion=True)
    return out


def takes(rewards: Tensor, weights: Tensor) -> bool:
    """Return whether the kernel takes these arguments; a microsecond, unlike finding out why not."""
    return (
        rewards.dim() == 2
        and weights.dim() == 1
        and weights.shape[0] + 1 == rewards.shape[1] <= LARGEST_GROUP
        and rewards.dtype in (torch.float32, torch.float64)
        and weights.dtype is torch.float64
        and rewards.device == weights.device
        and (rewards.is_cuda or is_interpreted())
    )


def is_interpreted() -> bool:
    """Return whether kernels run in Triton's interpreter, which takes tensors of the CPU."""
    from maxpo_bench.estimators.triton_language import INTERPRETED

    return INTERPRETED


def refusal(rewards: Tensor, weights: Tensor) -> TypeError | ValueError:
    """Return the error that says which of the arguments the kernel does not take."""
    if rewards.dtype not in (torch.float32, torch.float64) or weights.dtype != torch.float64:
        return TypeError(
            f"the Triton kernel takes float32 or float64 rewards and float64 weights, got {rewards.dtype} and "
            f"{weights.dtype}: convert them first"
        )
    if rewards.dim() != 2 or rewards.shape[-1] == 0 or weights.shape != (rewards.shape[-1] - 1,):
        return ValueError(
            "rewards must be [G, n] and weights [n-1] with n >= 1, got "
            f"{tuple(rewards.shape)} and {tuple(weights.shape)}: flatten the batch"
        )
    if rewards.shape[-1] > LARGEST_GROUP:
        return ValueError(
            f"the Triton kernel takes groups of at most {LARGEST_GROUP} samples, got {rewards.shape[-1]}: "
            "use the torch path"
        )
    return ValueError(
        f"the Triton kernel takes tensors of one CUDA device, got {rewards.device} and {weights.device}: "
        "move them there, or set TRITON_INTERPRET=1 before starting Python to try it on a CPU"
    )


def launch(rewards: Tensor, weights: Tensor, out: Tensor, centred: bool, **options: bool) -> None:
    """Start the program for these groups; ``options`` are those of Triton's compiler."""
    rows, n = rewards.shape
    kernel, per_program, log, num_warps = program(n)
    grid = ((rows + per_program - 1) // per_program,)
    kernel[grid](rewards, weights, out, rows, n, centred, per_program, log, num_warps=num_warps, **options)


def program(n: int) -> tuple[Any, int, int, int]:
    """Return the kernel for groups of n samples, its groups per program, log2 of its columns, and its warps."""
    from maxpo_bench.estimators import triton_narrow, triton_wide

    log = (n - 1).bit_length()
    if n <= triton_narrow.LARGEST:
        # one warp: its lanes trade rows for columns by shuffles, and no barrier holds it up
        return triton_narrow.narrow_gap_sums, max(32, 256 >> log), log, 1
    # eight entries per lane
    return triton_wide.wide_gap_sums, max(1, 256 >> log), log, max(1, 1 << log >> 8)
