"""Policies by name: those here and those that installed packages offer by entry point."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any

from gymnasium import spaces

from maxpo_bench.agents.mlp import MLPPolicy
from maxpo_bench.agents.policy import GroupPolicy, refuse_text
from maxpo_bench.agents.tabular import TabularPolicy
from maxpo_bench.envs import UnicodeText
from maxpo_bench.registry import Registry, UnknownNameError, suggest

ENTRY_POINT_GROUP = "maxpo_bench.policies"
LANGUAGE_MODEL = "lm"
"""The entry point of the policy for text."""

POLICIES: Registry[type[GroupPolicy]] = Registry("policy")
POLICIES.register("tabular", TabularPolicy)
POLICIES.register("mlp", MLPPolicy)


def find_policy(name: str, observation_space: spaces.Space) -> type[GroupPolicy]:
    """Return the policy class registered under a name, or offered by an installed package's entry point.

    Args:
        name: "auto" ("tabular" for Discrete observations, "lm" for text, else "mlp"), a name in `POLICIES`, or an
            entry point of the group "maxpo_bench.policies".
        observation_space: of one environment.

    Raises:
        UnknownNameError: listing the policies and the entry points.
        ValueError: a policy of numbers for observations of text.
        ImportError: the policy needs a package that is not installed; the message says which.
    """
    if name == "auto":
        name = _automatic(observation_space)
    if name in POLICIES:
        refuse_text(name, observation_space)
        return POLICIES.get(name)
    offered = {point.name: point for point in entry_points(group=ENTRY_POINT_GROUP)}
    if name in offered:
        return _loaded(offered[name])
    raise UnknownNameError(
        f"unknown policy {name!r}.{suggest(name, ['auto', *POLICIES, *offered])} Policies here: auto, "
        f"{', '.join(POLICIES.names())}; entry points in the group {ENTRY_POINT_GROUP!r}: "
        f"{', '.join(sorted(offered)) or 'none installed'}."
    )


def check_policy_options(name: str, policy_class: type[GroupPolicy], options: Mapping[str, Any]) -> None:
    """Check the names of a policy's options.

    Raises:
        TypeError: with the nearest known name.
    """
    parameters = inspect.signature(policy_class).parameters
    known = [key for key in parameters if key not in ("observation_space", "action_space", "seed")]
    for option in options:
        if option not in known and not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            raise TypeError(f"the policy {name!r} has no option {option!r}.{suggest(option, known)}")


def _automatic(observation_space: spaces.Space) -> str:
    if isinstance(observation_space, UnicodeText):
        return LANGUAGE_MODEL
    return "tabular" if isinstance(observation_space, spaces.Discrete) else "mlp"


def _loaded(point: Any) -> type[GroupPolicy]:
    try:
        return point.load()
    except ImportError as error:
        hint = ": pip install 'maxpo-bench[llm]'" if point.name == LANGUAGE_MODEL else ""
        raise ImportError(f"the policy {point.name!r} cannot be imported ({error}){hint}") from error
