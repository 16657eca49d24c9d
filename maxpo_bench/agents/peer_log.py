"""One record per iteration of a peer, with the keys of the group agents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.callbacks import BaseCallback

from maxpo_bench.agents.sb3_adapter import GymVectorToSB3
from maxpo_bench.agents.statistics import LOGGED_AS, ExactEnv, find_exact, return_statistics

if TYPE_CHECKING:
    from maxpo_bench.agents.peer_base import Peer


class PeerLog(BaseCallback):
    """Appends a record to the algorithm's `iteration_log` when an iteration's episodes are collected.

    The policy's exact values are therefore those of the policy that has collected them, before its update.

    Args:
        k: which max@K is logged.
    """

    model: Peer  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(self, k: int) -> None:
        super().__init__()
        self._k = k
        self._episodes: list[dict[str, Any]] = []

    def _on_step(self) -> bool:
        self._episodes += [info["episode"] for info in self.locals["infos"] if "episode" in info]
        return True

    def _on_rollout_end(self) -> None:
        record: dict[str, Any] = dict.fromkeys(LOGGED_AS)
        record["iteration"] = len(self.model.iteration_log) + 1
        record["timesteps"] = self.model.num_timesteps
        record |= self._episode_statistics() | self._policy_statistics()
        self.model.iteration_log.append(record)
        self._episodes = []

    def _episode_statistics(self) -> dict[str, float]:
        if not self._episodes:
            return {}
        returns = np.array([[episode["r"] for episode in self._episodes]], dtype=np.float64)
        length = float(np.mean([episode["l"] for episode in self._episodes]))
        if returns.size < self._k:
            return {"return_mean": float(returns.mean()), "episode_length": length}
        return {**return_statistics(returns, self._k), "episode_length": length}

    def _policy_statistics(self) -> dict[str, float | None]:
        exact, bias = self._exact(), getattr(self.model.policy, "action_1_probability", None)
        found: dict[str, float | None] = {"entropy": self.model._entropy(), "p_action_1": bias() if bias else None}
        table = None if exact is None else self.model.policy_table()
        if exact is None or table is None:
            return found
        values = {"exact_return": exact.exact_value(table), "exact_max_at_k": exact.exact_value(table, self._k)}
        return {**found, **values}

    def _exact(self) -> ExactEnv | None:
        base = self.training_env.unwrapped
        return find_exact(base.vector_env) if isinstance(base, GymVectorToSB3) else None


def entropies(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the entropy `[S]` of each row of probabilities `[S, A]`, in nats."""
    return -(table * np.log(np.where(table > 0.0, table, 1.0))).sum(axis=1)
