"""The choice of how gap sums are computed: closed form, fused kernel, or plain torch."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal, get_args

import torch
from torch import Tensor

from maxpo_bench.estimators import torch_kernel, triton_kernel
from maxpo_bench.estimators.binary import BinaryTable, are_binary, binary_sums, binary_table
from maxpo_bench.estimators.checks import are_tame, check_spread, may_look

Path = Literal["auto", "torch"]
PATHS: tuple[Path, ...] = get_args(Path)
CpuKernel = Callable[..., tuple[Tensor, bool]]
SCALE = 2.0**-600
"""Brings the largest float64 to where sums of squares do not overflow; exact, and exactly undone."""

_path: ContextVar[str] = ContextVar("path", default="auto")


def set_path(path: Path) -> None:
    """Choose how estimators that are one gap sum (`ei`, `ei_l2o` and others, see `gap_form`) are computed from now on.

    "auto" takes the first that fits; all give the same to rounding, and equal results for equal rewards:

    1. rewards all 0 or 1, on the CPU or in groups too large for Triton: the closed form by the number of ones;
    2. on the CPU: the compiled kernel, if numba is installed;
    3. on CUDA, groups of at most 1024: the Triton kernel, if Triton is installed;
    4. else plain torch operations.

    "torch" takes the last always, for reference and for benchmarks. The choice holds for the current thread.

    While a CUDA graph is captured nothing waits for the device: the closed form is not tried, and NaN and infinite
    rewards do not raise but give results without meaning. Under `torch.compile` these estimators are one operation of
    the graph, which chooses and checks when it runs.

    Raises:
        ValueError: another path.
    """
    if path not in PATHS:
        raise ValueError(f"path must be 'auto' or 'torch', got {path!r}: 'auto' chooses the fastest")
    _path.set(path)


class use_path:
    """Context manager: `with use_path("torch"): ...` computes on one path, see `set_path`, and restores the former."""

    def __init__(self, path: Path) -> None:
        self.path: Path = path

    def __enter__(self) -> None:
        before = _path.get()
        set_path(self.path)
        self.before = before

    def __exit__(self, *_: object) -> None:
        _path.set(self.before)


@dataclass(frozen=True, eq=False)
class GapSum:
    """The sum P_i = sum_{m <= rank(i)} d_m w_m of one estimator, at one n, K and device.

    Attributes:
        padded: `[n]` float64: 0, and the weights w_m of the gaps m = 2..n.
        weights: `[n-1]`, those of the gaps; a view of ``padded``.
        centred: whether the group's mean of P is taken off.
    """

    padded: Tensor
    weights: Tensor
    centred: bool


def compute(rewards: Tensor, gap_sum: GapSum, dtype: torch.dtype) -> Tensor:
    """Return the gap sums of rewards `[..., n]`, contiguous, in ``dtype``.

    Raises:
        ValueError: NaN or infinite rewards, or differences that overflow ``dtype``.
    """
    groups = rewards if rewards.dim() == 2 else rewards.reshape(-1, rewards.shape[-1])
    if groups.dtype not in (torch.float32, torch.float64):
        groups = groups.double()
    groups = groups.contiguous()
    if groups.numel() == 0:
        return torch.empty(rewards.shape, dtype=dtype, device=rewards.device)
    result, fits = _sums(groups, gap_sum)
    if not fits or groups.dtype != dtype:
        check_spread(rewards, *_ends(rewards), dtype)
    if not fits:
        result = _sums_of_huge(groups, gap_sum)
    return result.to(dtype).view(rewards.shape)


def _sums(groups: Tensor, gap_sum: GapSum) -> tuple[Tensor, bool]:
    """Return the sums in the groups' dtype, and whether the rewards are known to be harmless."""
    n, on_cpu, is_auto = groups.shape[-1], groups.device.type == "cpu", _path.get() == "auto"
    use_triton = is_auto and groups.is_cuda and n <= triton_kernel.LARGEST_GROUP and triton_kernel.is_available()
    if is_auto and not use_triton and may_look(groups) and are_binary(groups):
        return binary_sums(groups, _table(gap_sum, groups.dtype)), True
    fused = cpu_kernel() if is_auto and on_cpu else None
    if fused is not None:
        return fused(groups, gap_sum.weights, centred=gap_sum.centred)
    fits = not may_look(groups) or are_tame(groups)
    if use_triton:
        return triton_kernel.gap_sums(groups, gap_sum.weights, centred=gap_sum.centred), fits
    return torch_kernel.gap_sums(groups, gap_sum.padded, centred=gap_sum.centred), fits


def _sums_of_huge(groups: Tensor, gap_sum: GapSum) -> Tensor:
    """Return the sums of finite rewards that are too large to be squared and added up, float64."""
    return torch_kernel.gap_sums(groups.double() * SCALE, gap_sum.padded, centred=gap_sum.centred) / SCALE


def _ends(rewards: Tensor) -> tuple[Tensor, Tensor]:
    """Return each group's smallest and largest reward, float64; NaN where there is one."""
    return rewards.double().amin(-1), rewards.double().amax(-1)


@cache
def cpu_kernel() -> CpuKernel | None:
    """Return the fused kernel of the CPU, or None; the first call imports numba."""
    from maxpo_bench.estimators import cpu_kernel as kernel

    return kernel.gap_sums if kernel.is_available() else None


@lru_cache(maxsize=512)
def _table(gap_sum: GapSum, dtype: torch.dtype) -> BinaryTable:
    return binary_table(gap_sum.padded, centred=gap_sum.centred, dtype=dtype)
