"""The optimizers of the group agents by name, and the options that may be set."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import torch

from maxpo_bench.registry import suggest

OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}
_NOT_OPTIONS = ("params", "lr", "maximize", "amsgrad")
"""What the agent sets; AMSGrad has no variance proxy (`adam_proxy`)."""


def check_optimizer(name: str) -> None:
    """Check that there is such an optimizer.

    Raises:
        ValueError: with the nearest known name.
    """
    if name not in OPTIMIZERS:
        raise ValueError(f"unknown optimizer {name!r}.{suggest(name, OPTIMIZERS)}")


def check_optimizer_options(name: str, options: Iterable[str]) -> None:
    """Check the names of an optimizer's options; torch checks their values.

    Raises:
        TypeError: with the nearest known name.
    """
    known = [option for option in inspect.signature(OPTIMIZERS[name]).parameters if option not in _NOT_OPTIONS]
    for option in options:
        if option not in known:
            raise TypeError(f"the optimizer {name!r} has no option {option!r}.{suggest(option, known)}")


def make_optimizer(
    name: str, parameters: Iterable[torch.nn.Parameter], learning_rate: float, options: Mapping[str, Any]
) -> torch.optim.Optimizer:
    """Return an optimizer that ascends.

    Args:
        name: one of `OPTIMIZERS`.
        parameters: what it changes.
        learning_rate: step size.
        options: further arguments of the torch class, e.g. `betas` or `weight_decay`; lists become tuples.

    Raises:
        TypeError: an unknown option.
        ValueError: a value that torch refuses.
    """
    check_optimizer_options(name, options)
    values = {option: tuple(value) if isinstance(value, list) else value for option, value in options.items()}
    return OPTIMIZERS[name](parameters, lr=learning_rate, maximize=True, **values)  # pyright: ignore[reportCallIssue] (both take these)
