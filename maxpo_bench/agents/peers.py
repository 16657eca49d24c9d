"""Stable-Baselines3's own PPO and A2C on the same environments, with the same log.

What differs from the group agents: a rollout has a fixed number of steps, episodes are discounted and a critic serves
as baseline, so there is no max@K objective; k only decides which max@K is logged. With `policy="tabular"` they train
the softmax table with one global bias that the group agents train; with "mlp" Discrete observations become one-hot
inputs, as always in Stable-Baselines3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.policies import BasePolicy

from maxpo_bench.agents.peer_base import Peer
from maxpo_bench.agents.peer_log import entropies
from maxpo_bench.agents.peer_policies import TabularActorCriticPolicy

__all__ = ["A2CPeer", "OnPolicyPeer", "PPOPeer", "Peer", "named_policies"]

LARGEST_TABLE = 10_000
"""States up to which the entropy is looked up in the policy's table rather than computed for every visited state."""


class OnPolicyPeer(Peer, OnPolicyAlgorithm):  # pyright: ignore[reportIncompatibleMethodOverride] (learn returns Self)
    """A peer that collects rollouts of n_steps steps in each environment; an iteration is one rollout."""

    def _steps_of(self, iterations: int) -> int:
        return iterations * self.n_steps * self.n_envs

    def _table(self, states: NDArray[np.int64]) -> NDArray[np.float64]:
        with torch.no_grad():
            distribution: Any = self.policy.get_distribution(self._tensor(states))
            table = distribution.distribution.probs.double().cpu().numpy()
        return table / table.sum(axis=1, keepdims=True)

    def _entropy(self) -> float | None:
        space, observations = self.observation_space, self.rollout_buffer.observations
        is_small = isinstance(space, spaces.Discrete) and space.n <= min(LARGEST_TABLE, observations.size)
        table = self.policy_table() if is_small else None
        if table is not None:
            assert isinstance(space, spaces.Discrete)
            return float(entropies(table)[observations.ravel() - space.start].mean())
        flat = observations.reshape(-1, *(space.shape or ()))
        with torch.no_grad():
            entropy = self.policy.get_distribution(self._tensor(flat)).entropy()
        return None if entropy is None else float(entropy.mean())

    def _tensor(self, observations: Any) -> torch.Tensor:
        return self.policy.obs_to_tensor(observations)[0]  # pyright: ignore[reportReturnType]


def named_policies(original: type[OnPolicyAlgorithm]) -> dict[str, type[BasePolicy]]:
    """Return an algorithm's own names of policies and ours: "mlp" and "tabular"."""
    known = original.policy_aliases
    return {**known, "mlp": known["MlpPolicy"], "tabular": TabularActorCriticPolicy}


class PPOPeer(OnPolicyPeer, PPO):  # pyright: ignore[reportIncompatibleMethodOverride] (learn returns Self)
    """Stable-Baselines3's PPO with defaults for short episodes; see `Peer` and `stable_baselines3.PPO`."""

    algorithm = "PPO"
    default_options: ClassVar[Mapping[str, Any]] = {"n_steps": 128}
    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = named_policies(PPO)


class A2CPeer(OnPolicyPeer, A2C):  # pyright: ignore[reportIncompatibleMethodOverride] (learn returns Self)
    """Stable-Baselines3's A2C with defaults for short episodes; see `Peer` and `stable_baselines3.A2C`."""

    algorithm = "A2C"
    default_options: ClassVar[Mapping[str, Any]] = {"n_steps": 5}
    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = named_policies(A2C)
