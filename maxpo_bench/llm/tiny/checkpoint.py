"""What going on with a fine-tuning needs: parameters, optimizer, and how far it had come.

The agent's own `save` also keeps its estimator by name, which a submitted one need not have. Random streams are derived
from the seed and the number of the step, so none is kept.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maxpo_bench.agents import GroupPolicyGradient

STATE = "state.pt"
_COUNTERS = ("num_timesteps", "_n_updates", "_episode_num", "_completed_timesteps")


def save_agent(agent: GroupPolicyGradient, folder: Path, seconds: float) -> None:
    """Write an agent's state.

    Args:
        agent: between two steps.
        folder: an empty one.
        seconds: how long the steps until now have taken.
    """
    import torch

    state = {
        "policy": agent.policy.state_dict(),
        "optimizer": agent.policy.optimizer.state_dict(),
        "counters": {name: getattr(agent, name) for name in _COUNTERS},
        "seconds": seconds,
    }
    torch.save(state, folder / STATE)


def load_agent(agent: GroupPolicyGradient, folder: Path) -> float:
    """Bring an agent that was made with the same options to a saved state; it goes on bitwise as the saved one.

    Returns:
        How long the steps until then took.
    """
    state = read_state(folder)
    agent.policy.load_state_dict(state["policy"])
    agent.policy.optimizer.load_state_dict(state["optimizer"])
    vars(agent).update(state["counters"])
    return float(state["seconds"])


def read_state(folder: Path) -> dict[str, Any]:
    """Return what `save_agent` wrote."""
    import torch

    return torch.load(folder / STATE, map_location="cpu", weights_only=True)
