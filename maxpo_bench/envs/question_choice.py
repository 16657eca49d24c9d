"""Which question an episode asks: drawn from an environment's stream, shared by a group, or chosen by the caller."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from maxpo_bench.envs.checks import check_integer
from maxpo_bench.envs.streams import UInt64Array, uniform


def draw_indices(keys: UInt64Array, counters: UInt64Array, num_problems: int) -> NDArray[np.int64]:
    """Return indices ``[...]``, uniform over ``num_problems``, from number ``counters`` ``[...]`` of the streams.

    A uniform number is at most 1 - 2**-53, so that no product reaches ``num_problems``; probabilities are off by less
    than ``num_problems`` * 2**-52.
    """
    return (uniform(keys, counters) * num_problems).astype(np.int64)


def check_index(index: object, num_problems: int) -> int:
    """Return ``options["index"]`` as a Python integer in [0, num_problems).

    Raises:
        TypeError: it is no integer.
        ValueError: it is out of range.
    """
    number = check_integer('options["index"]', index)
    if not 0 <= number < num_problems:
        raise ValueError(f'options["index"] must be in 0 .. {num_problems - 1}, got {number}')
    return number


def check_group_size(name: str, group_size: object, num_envs: int) -> int:
    """Return a group size that divides the number of environments.

    Raises:
        TypeError: it is no integer.
        ValueError: it is below 1 or does not divide ``num_envs``.
    """
    size = check_integer(name, group_size, 1)
    if num_envs % size:
        raise ValueError(f"num_envs={num_envs} must be a multiple of {name}={size}: change one of them")
    return size


def check_whole_groups(mask: NDArray[np.bool_], group_size: int) -> None:
    """Check that a mask ``[num_envs]`` takes every group as a whole, since a group answers one question.

    Raises:
        ValueError: it splits a group.
    """
    groups = mask.reshape(-1, group_size)
    split = groups.any(axis=1) & ~groups.all(axis=1)
    if split.any():
        first = int(np.flatnonzero(split)[0]) * group_size
        raise ValueError(
            f'options["reset_mask"] splits the group of environments {first} .. {first + group_size - 1}, which share '
            "one question: reset all of a group or none"
        )


def spread_indices(index: Any, num_envs: int, group_size: int, num_problems: int) -> NDArray[np.int64]:
    """Return ``options["index"]`` of a vector environment as one index per environment ``[num_envs]``.

    Args:
        index: one integer for all; or a list, tuple or array with one per environment or one per group.
        num_envs: number of environments.
        group_size: size of the groups, a divisor of ``num_envs``.
        num_problems: what the indices must be below.

    Raises:
        TypeError: an index is no integer.
        ValueError: an index is out of range, there are too many or too few, or a group gets different ones.
    """
    given = index.tolist() if isinstance(index, np.ndarray) else index
    if not isinstance(given, list | tuple):
        return np.full(num_envs, check_index(given, num_problems), dtype=np.int64)
    numbers = np.array([check_index(number, num_problems) for number in given], dtype=np.int64)
    if numbers.size == num_envs:
        if (numbers.reshape(-1, group_size) != numbers[::group_size, None]).any():
            raise ValueError(
                f'options["index"] gives the members of a group different questions, with group_size={group_size}: '
                f"give one index per group, {num_envs // group_size} in all"
            )
        return numbers
    if numbers.size == num_envs // group_size:
        return np.repeat(numbers, group_size)
    expected = f"{num_envs}, one per environment" + (
        f", or {num_envs // group_size}, one per group" if group_size > 1 else ""
    )
    raise ValueError(f'options["index"] must hold one integer or {expected}, got {numbers.size}')
