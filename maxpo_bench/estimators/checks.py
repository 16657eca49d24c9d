"""What is checked at the door: the objective size k, the group size n and the rewards themselves."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import SupportsIndex, cast

import torch
from torch import Tensor

FLOAT_DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
SmallestGroup = Callable[[int], int]
vector_norm = cast(Callable[[Tensor], Tensor], torch.linalg.vector_norm)  # pyright: ignore[reportUnknownMemberType]


def one(k: int) -> int:
    """Smallest group of an estimator that needs one sample, whatever ``k``."""
    return 1


def two(k: int) -> int:
    """Smallest group of an estimator that compares two samples, whatever ``k``."""
    return 2


def k_samples(k: int) -> int:
    """Smallest group of an estimator that needs one set of ``k`` samples: K <= n."""
    return k


def k_samples_and_another(k: int) -> int:
    """Smallest group of an estimator that needs a set of ``k`` samples without sample i: K <= n - 1."""
    return k + 1


def k_samples_at_least_two(k: int) -> int:
    """Smallest group of an estimator that needs K <= n and another sample beside i."""
    return max(k, 2)


def check_k(k: object, what: str = "k", least: int = 1) -> int:
    """Return an objective size (or another count) as an ``int``.

    Raises:
        TypeError: no integer (a bool, a float or a tensor is none).
        ValueError: smaller than ``least``.
    """
    if type(k) is int and k >= least:
        return k
    try:
        value = -1 if isinstance(k, bool | Tensor) else operator.index(cast(SupportsIndex, k))
    except TypeError:
        value = None
    if value is None or isinstance(k, bool | Tensor):
        raise TypeError(f"{what} must be an integer >= {least}, got {k!r} ({type(k).__name__}): pass a whole int")
    if value < least:
        raise ValueError(f"{what} must be an integer >= {least}, got {value}: raise it")
    return value


def check_group_size(name: str, n: int, k: int, smallest: int) -> None:
    """Raise unless ``name`` is defined for groups of ``n`` samples.

    Raises:
        ValueError: ``n < smallest``; the message names the remedy.
    """
    if n >= smallest:
        return
    plural = "sample" if smallest == 1 else "samples"
    remedy = "lower k or raise group_size" if k > 1 and smallest > 2 else "raise group_size"
    raise ValueError(f"k={k} needs at least {smallest} {plural} per group for {name}, got {n}: {remedy}")


def check_rewards(rewards: Tensor) -> torch.dtype:
    """Return the dtype of the result for these rewards: their own, or the default float dtype for integers and bools.

    Raises:
        TypeError: no tensor, or a complex, quantized or 8-bit float one.
        ValueError: no group axis.
    """
    if not isinstance(rewards, Tensor):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"rewards must be a torch.Tensor, got {type(rewards).__name__}: use torch.as_tensor(rewards)")
    if rewards.dim() == 0:
        raise ValueError("rewards must have a last axis of n samples, got a scalar: pass a tensor of shape [..., n]")
    if rewards.dtype in FLOAT_DTYPES:
        return rewards.dtype
    if rewards.is_floating_point() or rewards.is_complex() or rewards.is_quantized:
        raise TypeError(f"rewards must be real, got dtype {rewards.dtype}: convert with rewards.float()")
    return torch.get_default_dtype()


def may_look(rewards: Tensor) -> bool:
    """Return whether the values of the rewards may be looked at now.

    They may not while `torch.compile` traces, which would break its graph, nor while a CUDA graph is captured, which
    must not wait for the device. Checks of values are left out then.
    """
    if torch.compiler.is_compiling():
        return False
    return rewards.is_cpu or not (rewards.is_cuda and torch.cuda.is_current_stream_capturing())


def are_tame(rewards: Tensor) -> bool:
    """Return whether float rewards are finite and small enough to be squared and added up, all of them in one look."""
    return math.isfinite(float(vector_norm(rewards)))


def check_spread(rewards: Tensor, low: Tensor, high: Tensor, dtype: torch.dtype, sums: int = 1) -> None:
    """Raise unless all rewards are finite, their differences fit into ``dtype``, and sums of these into float64.

    NaN and infinities are at the ends of the sorted group, so that the two ends (float64) tell everything.

    Args:
        rewards: for messages.
        low: one end of each group, float64.
        high: the other.
        dtype: of the result.
        sums: how many differences are added up.

    Raises:
        ValueError: with the index of the first NaN or infinity, or the range that overflows.
    """
    largest = min(torch.finfo(dtype).max, torch.finfo(torch.float64).max / sums)
    if not may_look(rewards) or bool(((high - low).abs() <= largest).all()):
        return
    where = first_index(~torch.isfinite(rewards))
    if where is not None:
        raise ValueError(
            f"rewards must be finite, got {float(rewards[where])} at index {show_index(where)}: "
            "mask or replace failed samples first"
        )
    limit = f"the largest {dtype}" if sums == 1 or dtype != torch.float64 else f"{largest:.2g}, so that sums overflow"
    raise ValueError(f"rewards differ by more than {limit}: rescale them or use a wider dtype")


def check_binary(name: str, rewards: Tensor) -> None:
    """Raise unless all rewards are 0 or 1.

    Raises:
        ValueError: with the index of the first reward that is neither.
    """
    where = first_index((rewards != 0) & (rewards != 1)) if may_look(rewards) else None
    if where is None:
        return
    raise ValueError(
        f"{name} is defined for rewards 0 and 1 only, got {float(rewards[where])} at index {show_index(where)}: "
        "threshold the rewards, or use ei_l2o"
    )


def first_index(mask: Tensor) -> tuple[int, ...] | None:
    """Return the index of the first True of a mask, or None."""
    if not bool(mask.any()):
        return None
    first = mask.nonzero()[0]
    return tuple(int(first[axis]) for axis in range(len(first)))


def show_index(index: tuple[int, ...]) -> str:
    """Return an index as a person writes it: `3`, or `(0, 3)`."""
    return str(index[0]) if len(index) == 1 else str(index)
