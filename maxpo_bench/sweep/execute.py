"""Train the agent of one run; what a sweep executes unless it is given another function."""

from __future__ import annotations

from typing import Any

from maxpo_bench.agents import make_agent
from maxpo_bench.seeding import derive_seed
from maxpo_bench.sweep.curves import final_summary, window_curves
from maxpo_bench.sweep.spec import RunSpec


def agent_seed(spec: RunSpec) -> int:
    """Return the agent's seed, in [0, 2**32) as Stable-Baselines3 needs it: the same for all agents of one seed.

    It seeds everything that is random in a run. The agent, its arguments and the environment do not enter, so that
    runs of one seed can be compared in pairs.
    """
    return derive_seed(spec.seed, "sweep", "agent") % 2**32


def execute(spec: RunSpec) -> dict[str, Any]:
    """Train an agent and return its learning curves and summary; equal specifications give bitwise equal results.

    Args:
        spec: the run.

    Returns:
        ``curves`` as `maxpo_bench.sweep.curves.window_curves` and ``summary`` as `final_summary` make them of the
        agent's ``iteration_log``. An iteration of a peer (ppo, a2c) is one of its rollouts.
    """
    agent: Any = make_agent(
        spec.agent, spec.env, seed=agent_seed(spec), env_kwargs=dict(spec.env_kwargs), **spec.agent_kwargs
    )
    agent.learn(total_timesteps=spec.total_timesteps, iterations=spec.iterations)
    log = agent.iteration_log
    return {"curves": window_curves(log, spec.log_every), "summary": final_summary(log)}
