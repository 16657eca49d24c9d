"""What is checked at the door: the objective size k, the group size n and the rewards themselves."""

from __future__ import annotations

import operator
from collections.abc import Callable

import torch
from torch import Tensor

FLOAT_DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
SmallestGroup = Callable[[int], int]


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


def check_k(k: object, what: str = "k") -> int:
    """Return the objective size as an ``int``.

    Raises:
        TypeError: ``k`` is no integer (a bool or a float is none).
        ValueError: ``k`` is smaller than 1.
    """
    refused = isinstance(k, bool | float | Tensor)
    try:
        value = 0 if refused else operator.index(k)  # pyright: ignore[reportArgumentType]
    except TypeError:
        refused, value = True, 0
    if refused:
        raise TypeError(f"{what} must be an integer >= 1, got {k!r} ({type(k).__name__}): pass int(...) if it is whole")
    if value < 1:
        raise ValueError(f"{what} must be an integer >= 1, got {value}: {what}=1 is the plain expected reward")
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


def check_spread(rewards: Tensor, low: Tensor, high: Tensor, dtype: torch.dtype) -> None:
    """Raise unless all rewards are finite and their differences fit into ``dtype``.

    NaN sorts last and infinities to the ends, so that the two ends of the sorted group (float64) tell everything.

    Raises:
        ValueError: with the index of the first NaN or infinity, or the range that overflows.
    """
    if bool((high - low <= torch.finfo(dtype).max).all()):
        return
    bad = (~torch.isfinite(rewards)).nonzero()
    if len(bad):
        where: tuple[int, ...] = tuple(bad[0].tolist())
        index = str(where[0]) if len(where) == 1 else str(where)
        raise ValueError(
            f"rewards must be finite, got {rewards[where].item()} at index {index} "
            f"({len(bad)} such in all): mask or replace failed samples first"
        )
    raise ValueError(f"rewards differ by more than the largest {dtype}: rescale them or use a wider dtype")


def check_binary(name: str, rewards: Tensor) -> None:
    """Raise unless all rewards are 0 or 1.

    Raises:
        ValueError: with the index of the first reward that is neither.
    """
    wrong = (rewards != 0) & (rewards != 1)
    if not bool(wrong.any()):
        return
    where: tuple[int, ...] = tuple(wrong.nonzero()[0].tolist())
    index = str(where[0]) if len(where) == 1 else str(where)
    raise ValueError(
        f"{name} is defined for rewards 0 and 1 only, got {rewards[where].item()} at index {index}: "
        "threshold the rewards, or use ei_l2o"
    )
