"""One training run of a peer in the maze of its seed: what a sweep of `maxpo_bench.reproduce.maze.peers` executes."""

from __future__ import annotations

import math
from typing import Any

from stable_baselines3.common.callbacks import BaseCallback

from maxpo_bench.agents import make_agent
from maxpo_bench.seeding import derive_seed
from maxpo_bench.sweep.curves import window_curves
from maxpo_bench.sweep.execute import agent_seed
from maxpo_bench.sweep.spec import RunSpec

OF_THE_SEED = "of the seed"
"""Stands for the instance in a specification: every seed has a maze of its own, that of Figure 7."""
SCORED_SHARE = 30
"""The score is about the last 1/30 of the budget, as Figure 7's last 100 of 3000 iterations."""
POINTS = 100
"""Points of a learning curve, about."""


class LastEpisodes(BaseCallback):
    """Collects the returns of the episodes that end after a number of environment steps.

    Args:
        after: environment steps.

    Attributes:
        returns: of these episodes, in the order of their ends.
    """

    def __init__(self, after: int) -> None:
        super().__init__()
        self._after = after
        self.returns: list[float] = []

    def _on_step(self) -> bool:
        if self.num_timesteps > self._after:
            self.returns += [float(info["episode"]["r"]) for info in self.locals["infos"] if "episode" in info]
        return True


def execute(spec: RunSpec) -> dict[str, Any]:
    """Train a peer with a tabular policy for `spec.total_timesteps` environment steps.

    Args:
        spec: with ``instance`` set to `OF_THE_SEED`.

    Returns:
        ``curves`` with about `POINTS` points, and ``summary``: ``final_return``, the mean return of the episodes that
        ended in the last `1/SCORED_SHARE` of the steps, and their number ``final_episodes``; ``exact_return`` and
        ``p_action_1`` of the final policy; ``timesteps`` done.

    Raises:
        ValueError: the specification has no budget in steps or names an instance, or no episode ended at the end.
    """
    if spec.total_timesteps is None or spec.env_kwargs.get("instance") != OF_THE_SEED:
        raise ValueError(f"{spec.label} needs total_timesteps and the environment argument instance={OF_THE_SEED!r}")
    env_kwargs = {**spec.env_kwargs, "instance": derive_seed(spec.seed, "maze")}
    agent: Any = make_agent(spec.agent, spec.env, seed=agent_seed(spec), env_kwargs=env_kwargs, **spec.agent_kwargs)
    last = LastEpisodes(spec.total_timesteps - spec.total_timesteps // SCORED_SHARE)
    agent.learn(total_timesteps=spec.total_timesteps, callback=last)
    if not last.returns:
        raise ValueError(f"{spec.label}: no episode ended in the last 1/{SCORED_SHARE} of the steps: raise the budget")
    table, maze = agent.policy_table(), agent.env.unwrapped.vector_env.unwrapped
    summary = {
        "final_return": math.fsum(last.returns) / len(last.returns),
        "final_episodes": len(last.returns),
        "exact_return": maze.exact_value(table),
        "p_action_1": agent.policy.action_1_probability(),
        "timesteps": agent.num_timesteps,
    }
    log = agent.iteration_log
    return {"curves": window_curves(log, math.ceil(len(log) / POINTS)), "summary": summary}
