"""Estimators under `torch.compile`: one operation of the graph, which the compiler calls without looking inside."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

import torch
from torch import Tensor

from maxpo_bench.estimators.checks import check_rewards

Statistic = Callable[[Tensor, int], Tensor]

STATISTICS: dict[str, Statistic] = {}
"""What the operations call, by name."""


@torch.library.custom_op("maxpo_bench::per_sample", mutates_args=())
def per_sample(rewards: Tensor, name: str, k: int) -> Tensor:
    """The statistic of this name, one value for each sample."""
    return STATISTICS[name](rewards, k)


@torch.library.custom_op("maxpo_bench::per_group", mutates_args=())
def per_group(rewards: Tensor, name: str, k: int) -> Tensor:
    """The statistic of this name, one value for each group."""
    return STATISTICS[name](rewards, k)


def _sample_shape(rewards: Tensor, name: str, k: int) -> Tensor:
    return torch.empty(rewards.shape, dtype=check_rewards(rewards), device=rewards.device)


def _group_shape(rewards: Tensor, name: str, k: int) -> Tensor:
    return torch.empty(rewards.shape[:-1], dtype=check_rewards(rewards), device=rewards.device)


cast(Any, per_sample).register_fake(_sample_shape)
cast(Any, per_group).register_fake(_group_shape)


def one_operation(function: Statistic) -> Statistic:
    """Make `f(rewards [..., n], k) -> [..., n]` one operation of compiled graphs: no breaks, weights stay cached."""
    return _wrapped(function, per_sample)


def one_operation_per_group(function: Statistic) -> Statistic:
    """Make `f(rewards [..., n], k) -> [...]` one operation of compiled graphs."""
    return _wrapped(function, per_group)


def _wrapped(function: Statistic, operation: Callable[[Tensor, str, int], Tensor]) -> Statistic:
    name = function.__name__
    STATISTICS[name] = function

    @wraps(function)
    def call(rewards: Tensor, k: int) -> Tensor:
        if torch.compiler.is_compiling():
            return operation(rewards.detach(), name, k)
        return function(rewards, k)

    return call
