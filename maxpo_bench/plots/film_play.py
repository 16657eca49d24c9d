"""What a film shows of an agent at one moment: an episode of its own, its policy and the policy's exact values."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from maxpo_bench.seeding import derive_seed

if TYPE_CHECKING:
    import gymnasium as gym

Picture = NDArray[np.uint8]
Table = NDArray[np.float64]


@dataclass(frozen=True)
class Scene:
    """One agent at one moment.

    Attributes:
        iteration: how many updates its policy has had.
        episode_return: return of the episode that was played.
        value: exact expected return of the policy, None where it is not known.
        best_of_k: exact expected best return of k episodes, None where it is not known.
        k: the agent's objective size.
        picture: RGB image ``[height, width, 3]`` of the environment at the end of the episode.
    """

    iteration: int
    episode_return: float
    value: float | None
    best_of_k: float | None
    k: int
    picture: Picture


def scene(agent: Any, env: gym.Env[Any, Any], iteration: int, seed: int) -> Scene:
    """Play one episode with the agent's present policy and take a picture at its end.

    Training is left as it was: neither the agent's random streams nor the global ones move.

    Args:
        agent: of `maxpo_bench.agents.make_agent`.
        env: a single environment that renders rgb_array, with the spaces that the agent was trained on.
        iteration: how many updates the policy has had.
        seed: decides the episode; agents with the same table and seed play the same one.

    Raises:
        ValueError: the environment renders no RGB image.
    """
    table = policy_table(agent)
    base: Any = env.unwrapped
    if table is not None and hasattr(base, "show_policy"):
        base.show_policy(table)
    total = _play(agent, env, table, seed)
    exact = base.exact_value if table is not None and hasattr(base, "exact_value") else None
    k = int(getattr(agent, "k", 1))
    value, best = (None, None) if exact is None else (float(exact(table)), float(exact(table, k)))
    picture = np.asarray(env.render())
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
        raise ValueError(
            f'{env} drew no RGB image but {picture.dtype} {picture.shape}: give it render_mode="rgb_array"'
        )
    return Scene(iteration, total, value, best, k, picture)


def policy_table(agent: Any) -> Table | None:
    """Return the policy as probabilities ``[states, actions]``; None where it has no such form.

    It has one where observations and actions are Discrete and the policy is the tabular one, the network of the group
    agents, or one of Stable-Baselines3.
    """
    from gymnasium.spaces import Discrete

    from maxpo_bench.agents.mlp import MLPPolicy
    from maxpo_bench.agents.policy import GroupPolicy
    from maxpo_bench.agents.tabular import TabularPolicy

    space, policy = agent.observation_space, agent.policy
    if not isinstance(space, Discrete) or not isinstance(agent.action_space, Discrete):
        return None
    if isinstance(policy, TabularPolicy):
        return policy.probabilities()
    if isinstance(policy, MLPPolicy):
        return _network_table(policy, int(space.n))
    if isinstance(policy, GroupPolicy):
        return None
    states = np.arange(space.n) + space.start
    if hasattr(policy, "get_distribution"):
        return _distribution_table(policy, states)
    actions, _ = agent.predict(states, deterministic=True)
    return np.eye(int(agent.action_space.n))[np.asarray(actions) - agent.action_space.start]


def _network_table(policy: Any, num_states: int) -> Table:
    """Probabilities of a network that takes one-hot states."""
    import torch

    with torch.no_grad():
        table = policy.network(torch.eye(num_states, device=policy.device)).double().softmax(-1)
    return table.cpu().numpy()


def _distribution_table(policy: Any, states: NDArray[np.int64]) -> Table:
    """Probabilities of a categorical policy of Stable-Baselines3."""
    import torch

    with torch.no_grad():
        tensor, _ = policy.obs_to_tensor(states)
        table = policy.get_distribution(tensor).distribution.probs.double().cpu().numpy()
    return table / table.sum(axis=1, keepdims=True)


def _play(agent: Any, env: gym.Env[Any, Any], table: Table | None, seed: int) -> float:
    """Play an episode to its end and return its return."""
    limit = getattr(agent, "max_episode_steps", None)
    total, steps, is_over = 0.0, 0, False
    with _actor(agent, table, derive_seed(seed, "actions")) as act:
        observation, _ = env.reset(seed=derive_seed(seed, "episode"))
        while not is_over and (limit is None or steps < limit):
            observation, reward, terminated, truncated, _ = env.step(act(observation))
            total, steps, is_over = total + float(reward), steps + 1, terminated or truncated
    return total


@contextmanager
def _actor(agent: Any, table: Table | None, seed: int) -> Iterator[Any]:
    """Yield a function from observations to actions, drawn from a stream of its own."""
    rng = np.random.default_rng(seed)
    if table is not None:
        cumulative, first, shift = np.cumsum(table, axis=1), agent.observation_space.start, agent.action_space.start
        last = table.shape[1] - 1

        def draw(observation: Any) -> int:
            row = cumulative[int(observation) - first]
            return int(min(np.searchsorted(row, rng.random(), side="right"), last) + shift)

        yield draw
        return

    import torch

    from maxpo_bench.agents.global_rng import preserved

    with preserved():
        torch.manual_seed(seed)
        before = getattr(agent.policy, "predict_rng", None)
        if before is not None:
            agent.policy.predict_rng = rng
        try:
            yield lambda observation: agent.predict(observation, deterministic=False)[0]
        finally:
            if before is not None:
                agent.policy.predict_rng = before
