"""The options of a group agent: what they must be, and what is chosen where they are left open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from maxpo_bench.agents.policies import check_policy_options
from maxpo_bench.agents.policy import GroupPolicy
from maxpo_bench.agents.token_policy import TokenPolicy
from maxpo_bench.estimators import Estimator, entropy_shaped
from maxpo_bench.registry import suggest

SHAPING = ("alpha", "kappa")


def check_counts(counts: Mapping[str, Any]) -> None:
    """Check that numbers are positive integers.

    Args:
        counts: by the name of the option; `max_episode_steps` may be None.

    Raises:
        ValueError: one is not.
    """
    for name, value in counts.items():
        if not (name == "max_episode_steps" and value is None) and (not isinstance(value, int) or value < 1):
            raise ValueError(f"{name} must be a positive integer, got {value!r}")


def check_objective(
    estimator: Estimator, k: int, group_size: int, entropy_coef: float, shaping: Mapping[str, float] | None
) -> None:
    """Check that estimator, K and groups fit together, and the two entropy terms.

    Raises:
        ValueError: they do not, or a coefficient is out of range; with the remedy.
        TypeError: the shaping has another parameter than `SHAPING`.
    """
    estimator.check_group_size(group_size)
    if k > group_size:
        raise ValueError(
            f"k={k} needs at least {k} episodes per group for the logged max@K, got {group_size}: lower k or raise "
            "group_size"
        )
    if not np.isfinite(entropy_coef):
        raise ValueError(f"entropy_coef must be a finite number, got {entropy_coef!r}")
    for name in shaping or {}:
        if name not in SHAPING:
            raise TypeError(f"entropy_shaping has no parameter {name!r}.{suggest(name, SHAPING)}")
    if shaping is not None:
        entropy_shaped(torch.zeros(1), torch.zeros(1, 1), None, **shaping)


def check_policy(name: str, policy_class: type[GroupPolicy], options: Mapping[str, Any], needs_tokens: bool) -> None:
    """Check a policy's options by name, and that it has tokens where they are needed.

    Raises:
        TypeError: an unknown option, with the nearest known one.
        ValueError: entropy shaping for a policy without tokens.
    """
    if needs_tokens and not issubclass(policy_class, TokenPolicy):
        raise ValueError(
            f"entropy_adv shapes the advantages of tokens, and actions of {policy_class.__name__} (policy={name!r}) "
            "have none: train on an environment of text with policy='lm'"
        )
    check_policy_options(name, policy_class, options)


def initial_logits(env: Any, source: str) -> Any:
    """Return an environment's `initial_logits`.

    Args:
        env: where the exact values come from, or None.
        source: what the user gave in place of an array.

    Raises:
        ValueError: it is not "env", or the environment has none.
    """
    if source != "env":
        raise ValueError(f'initial_logits must be an array or "env", got {source!r}')
    logits = getattr(env, "initial_logits", None)
    if logits is None:
        raise ValueError('initial_logits="env" needs an environment with initial_logits, such as maxpo/Bandit-v0')
    return logits
