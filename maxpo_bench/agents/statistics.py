"""What an iteration logs about its episodes, its policy and its gradient."""

from __future__ import annotations

from typing import Any, Protocol, cast

import numpy as np
import torch
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from maxpo_bench.agents.collect import Rollout
from maxpo_bench.agents.policy import GroupPolicy
from maxpo_bench.agents.tabular import TabularPolicy
from maxpo_bench.agents.token_policy import TokenPolicy
from maxpo_bench.estimators import max_at_k

LOGGED_AS = {
    "return_mean": "rollout/ep_rew_mean",
    "episode_length": "rollout/ep_len_mean",
    "return_max_at_k": "rollout/max_at_k",
    "exact_return": "rollout/exact_return",
    "exact_max_at_k": "rollout/exact_max_at_k",
    "entropy": "train/entropy",
    "grad_norm": "train/grad_norm",
    "grad_variance": "train/grad_variance",
    "adam_variance_proxy": "train/adam_variance_proxy",
    "dead_groups": "train/dead_groups",
    "centring": "train/centring",
    "completion_length": "rollout/completion_length",
    "p_action_1": "train/p_action_1",
    "iteration": "time/iterations",
    "timesteps": "time/total_timesteps",
}


class ExactEnv(Protocol):
    """An environment that knows the value of every tabular policy."""

    def exact_value(self, policy: NDArray[np.float64], k: int = 1) -> float:
        """Return J_k of a policy `[S, A]`."""
        ...


def find_exact(env: VectorEnv) -> ExactEnv | None:
    """Return the part of a vector environment that offers `exact_value`, or None."""
    base: Any = env.unwrapped
    copies = getattr(base, "envs", None)
    if copies:
        base = copies[0].unwrapped
    return cast(ExactEnv, base) if hasattr(base, "exact_value") else None


def return_statistics(returns: NDArray[np.float64], k: int) -> dict[str, float]:
    """Mean and unbiased max@K (rho_K, Eq 12, averaged over groups) of returns `[G, n]`."""
    return {
        "return_mean": float(returns.mean()),
        "return_max_at_k": float(max_at_k(torch.from_numpy(returns), k).mean()),
    }


def advantage_statistics(advantages: NDArray[np.float64]) -> dict[str, float | None]:
    """What a step's advantages `[G, n]`, up to one positive factor, say of the estimator.

    `dead_groups` is the fraction of groups whose advantages are all 0, which teach nothing. `centring` is the root mean
    square over groups of the mean advantage, divided by that of all advantages: 0 for a centred estimator, None where
    all are 0.
    """
    scale = float(np.sqrt(np.mean(np.square(advantages))))
    offset = float(np.sqrt(np.mean(np.square(advantages.mean(axis=1)))))
    return {
        "dead_groups": float(np.mean(~advantages.any(axis=1))),
        "centring": offset / scale if scale else None,
    }


def completion_statistics(policy: GroupPolicy, rollout: Rollout) -> dict[str, float | None]:
    """Mean number of tokens of an action; None where actions are no sequences of tokens."""
    has_tokens = isinstance(policy, TokenPolicy)
    return {"completion_length": float(policy.completion_lengths(rollout).mean()) if has_tokens else None}


def exact_statistics(policy: GroupPolicy, exact: ExactEnv | None, k: int) -> dict[str, float | None]:
    """Exact J_1 and J_K of a tabular policy as it last sampled, and its global bias; None where there is none."""
    if not isinstance(policy, TabularPolicy):
        return {"exact_return": None, "exact_max_at_k": None, "p_action_1": None}
    values: list[float | None] = [None, None]
    if exact is not None:
        table = policy.sampled_probabilities()
        values = [exact.exact_value(table), exact.exact_value(table, k)]
    return {"exact_return": values[0], "exact_max_at_k": values[1], "p_action_1": policy.action_1_probability()}


def gradient_norm(policy: GroupPolicy) -> float:
    """Euclidean norm of the gradient over all parameters."""
    squares = [float(p.grad.double().square().sum()) for p in policy.parameters() if p.grad is not None]
    return sum(squares) ** 0.5


def gradient_variance(
    policy: GroupPolicy, rollout: Rollout, weights: NDArray[np.float64], num_groups: int
) -> float | None:
    """Estimate tr Cov of a step's policy gradient sum_i w_i Psi_i (without the entropy bonus) from the step itself.

    With m independent summands h_j, tr Cov(sum_j h_j) is estimated without bias by
    m/(m-1) * (sum_j ||h_j||^2 - ||sum_j h_j||^2 / m). With two groups or more the summands are the groups' shares,
    which are independent: the sample covariance over groups, divided by their number. With one group they are the
    episodes' shares w_i Psi_i: a proxy, since the advantages couple the episodes of a group; it compares estimators on
    one task, but is not the variance between groups.

    Args:
        policy: what sampled the rollout, unchanged since.
        rollout: `E` episodes in `num_groups` groups of equal size.
        weights: `[E]` w_i; a policy of tokens may have one per token.
        num_groups: number of groups.

    Returns:
        The estimate, or None where there is only one summand.
    """
    num_episodes = len(rollout.returns)
    num_parts = num_groups if num_groups > 1 else num_episodes
    if num_parts == 1:
        return None
    parts = np.arange(num_episodes) // (num_episodes // num_parts)
    within = policy.square_norms(rollout, weights, parts, num_parts).sum()
    total = policy.square_norms(rollout, weights, np.zeros_like(parts), 1)[0]
    return float(max(within - total / num_parts, 0.0) * num_parts / (num_parts - 1))
