"""Agents: group policy gradients with any advantage estimator; as peers PPO, A2C and, with sb3-contrib, TRPO and ARS.

Names load on first use, so that `maxpo_bench.agents.maze_population` does not pay for Stable-Baselines3.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maxpo_bench.agents.maze_population import PopulationResult, train_population
    from maxpo_bench.agents.mlp_population import MLPPopulationResult, train_mlp_population
    from maxpo_bench.agents.peer_ars import ARSPeer
    from maxpo_bench.agents.peer_trpo import TRPOPeer
    from maxpo_bench.agents.peers import A2CPeer, PPOPeer
    from maxpo_bench.agents.policies import POLICIES, find_policy
    from maxpo_bench.agents.policy import GroupPolicy
    from maxpo_bench.agents.policy_gradient import GroupPolicyGradient
    from maxpo_bench.agents.presets import EI, EIL1O, EIL2O, REINFORCE, EntropyAdv, EntropyREINFORCE
    from maxpo_bench.agents.registry import AGENTS, AgentSpec, list_agents, make_agent
    from maxpo_bench.agents.sb3_adapter import GymVectorToSB3
    from maxpo_bench.agents.token_policy import TokenPolicy

_HOMES = {
    "AGENTS": "registry",
    "AgentSpec": "registry",
    "list_agents": "registry",
    "make_agent": "registry",
    "GroupPolicyGradient": "policy_gradient",
    "REINFORCE": "presets",
    "EntropyAdv": "presets",
    "EntropyREINFORCE": "presets",
    "EI": "presets",
    "EIL1O": "presets",
    "EIL2O": "presets",
    "PPOPeer": "peers",
    "A2CPeer": "peers",
    "TRPOPeer": "peer_trpo",
    "ARSPeer": "peer_ars",
    "MLPPopulationResult": "mlp_population",
    "train_mlp_population": "mlp_population",
    "POLICIES": "policies",
    "GroupPolicy": "policy",
    "find_policy": "policies",
    "GymVectorToSB3": "sb3_adapter",
    "TokenPolicy": "token_policy",
    "PopulationResult": "maze_population",
    "train_population": "maze_population",
}

__all__ = [
    "AGENTS",
    "EI",
    "EIL1O",
    "EIL2O",
    "POLICIES",
    "REINFORCE",
    "A2CPeer",
    "ARSPeer",
    "AgentSpec",
    "EntropyAdv",
    "EntropyREINFORCE",
    "GroupPolicy",
    "GroupPolicyGradient",
    "GymVectorToSB3",
    "MLPPopulationResult",
    "PPOPeer",
    "PopulationResult",
    "TRPOPeer",
    "TokenPolicy",
    "find_policy",
    "list_agents",
    "make_agent",
    "train_mlp_population",
    "train_population",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"maxpo_bench.agents.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'maxpo_bench.agents' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
