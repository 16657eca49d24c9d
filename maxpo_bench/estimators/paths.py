"""The choice of how gap sums are computed: closed form, fused kernel, or plain torch."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal, get_args

import torch
from torch import Tensor

from maxpo_bench.estimators import torch_kernel, triton_kernel
from maxpo_bench.estimators.binary import BinaryTable, binary_sums, binary_table, starts_binary
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

    1. on CUDA, groups of at most 1024: the Triton kernel, if Triton is installed;
    2. rewards all 0 or 1: the closed form by the number of ones, compiled by Numba on the CPU;
    3. on the CPU: the kernel compiled by Numba, if it is installed;
    4. plain torch operations.

    The estimators of the mean reward take compiled loops on the CPU, which give the same to the last bit.

    "torch" takes the last always, for reference and for benchmarks. The choice holds for the current thread.

    While a CUDA graph is captured nothing waits for the device: the closed form is not tried, and NaN and infinite
    rewards do not raise but give results without meaning. Under `torch.compile` these estimators are one operation of
    the graph, which chooses and checks when it runs; choose outside of what is compiled.

    Raises:
        ValueError: another path.
    """
    _path.set(checked(path))


def use_path(path: Path) -> AbstractContextManager[None]:
    """Compute on one path in the body of a `with` statement, see `set_path`, and restore the former.

    Raises:
        ValueError: another path.
    """
    return _using(checked(path))


@contextmanager
def _using(path: str) -> Generator[None]:
    token = _path.set(path)
    try:
        yield
    finally:
        _path.reset(token)


def is_automatic() -> bool:
    """Return whether the fastest path may be taken in this thread."""
    return _path.get() == "auto"


def checked(path: str) -> str:
    """Return the name of a path.

    Raises:
        ValueError: there is no such path.
    """
    if path not in PATHS:
        raise ValueError(f"path must be 'auto' or 'torch', got {path!r}: 'auto' chooses the fastest")
    return path


@dataclass(frozen=True, eq=False)
class GapSum:
    """The sum P_i = sum_{m <= rank(i)} d_m w_m of one estimator, at one n, K and device.

    Attributes:
        weights: `[n-1]` float64, w_m of the gaps m = 2..n.
        centred: whether the group's mean of P is taken off.
        for_torch: the same as the torch path takes it.
    """

    weights: Tensor
    centred: bool
    for_torch: torch_kernel.TorchWeights


def compute(rewards: Tensor, gap_sum: GapSum, dtype: torch.dtype) -> Tensor:
    """Return the gap sums of rewards `[..., n]`, contiguous, in ``dtype``.

    Raises:
        ValueError: NaN or infinite rewards, or differences that overflow ``dtype``.
    """
    if rewards.numel() == 0:
        return torch.empty(rewards.shape, dtype=dtype, device=rewards.device)
    is_matrix = rewards.dim() == 2
    groups = rewards if is_matrix else rewards.reshape(-1, rewards.shape[-1])
    is_exact = rewards.dtype in (torch.float32, torch.float64)
    groups = (groups if is_exact else groups.double()).contiguous()
    result, fits = _sums(groups, gap_sum)
    if not (fits and is_exact):
        check_spread(rewards, *_ends(rewards), dtype)
        result = (result if fits else _sums_of_huge(groups, gap_sum)).to(dtype)
    return result if is_matrix else result.view(rewards.shape)


def _sums(groups: Tensor, gap_sum: GapSum) -> tuple[Tensor, bool]:
    """Return the sums in the groups' dtype, and whether the rewards are known to fit into it and into the sums."""
    if _path.get() == "torch":
        return torch_kernel.gap_sums(groups, gap_sum.for_torch), _fits(groups)
    if groups.is_cuda and groups.shape[-1] <= triton_kernel.LARGEST_GROUP and triton_kernel.is_available():
        return triton_kernel.gap_sums(groups, gap_sum.weights, centred=gap_sum.centred), _fits(groups)
    fused = cpu_kernel() if groups.is_cpu else None
    if may_look(groups) and starts_binary(groups):
        result = binary_sums(groups, _table(gap_sum, groups.dtype), compiled=fused is not None)
        if result is not None:
            return result, True
    if fused is not None:
        return fused(groups, gap_sum.weights, centred=gap_sum.centred)
    return torch_kernel.gap_sums(groups, gap_sum.for_torch), _fits(groups)


def _fits(groups: Tensor) -> bool:
    return are_tame(groups) if may_look(groups) else True


def _sums_of_huge(groups: Tensor, gap_sum: GapSum) -> Tensor:
    """Return the sums of finite rewards that are too large to be squared and added up, float64."""
    return torch_kernel.gap_sums(groups.double() * SCALE, gap_sum.for_torch) / SCALE


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
    return binary_table(gap_sum.weights, centred=gap_sum.centred, dtype=dtype)
