"""Policies by name: those here and those that installed packages offer by entry point."""

from __future__ import annotations

from importlib.metadata import entry_points

from gymnasium import spaces

from maxpo_bench.agents.mlp import MLPPolicy
from maxpo_bench.agents.policy import GroupPolicy
from maxpo_bench.agents.tabular import TabularPolicy
from maxpo_bench.registry import Registry, UnknownNameError, suggest

ENTRY_POINT_GROUP = "maxpo_bench.policies"

POLICIES: Registry[type[GroupPolicy]] = Registry("policy")
POLICIES.register("tabular", TabularPolicy)
POLICIES.register("mlp", MLPPolicy)


def find_policy(name: str, observation_space: spaces.Space) -> type[GroupPolicy]:
    """Return the policy class registered under a name, or offered by an installed package's entry point.

    Args:
        name: "auto" ("tabular" for Discrete observations, else "mlp"), a name in `POLICIES`, or an entry point of the
            group "maxpo_bench.policies".
        observation_space: of one environment.

    Raises:
        UnknownNameError: listing the policies and the entry points.
    """
    if name == "auto":
        name = "tabular" if isinstance(observation_space, spaces.Discrete) else "mlp"
    if name in POLICIES:
        return POLICIES.get(name)
    offered = {point.name: point for point in entry_points(group=ENTRY_POINT_GROUP)}
    if name in offered:
        return offered[name].load()
    raise UnknownNameError(
        f"unknown policy {name!r}.{suggest(name, ['auto', *POLICIES, *offered])} Policies here: auto, "
        f"{', '.join(POLICIES.names())}; entry points in the group {ENTRY_POINT_GROUP!r}: "
        f"{', '.join(sorted(offered)) or 'none installed'}."
    )
