"""What a policy of text must offer beside what every policy does: the tokens behind an action."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from maxpo_bench.agents.collect import Rollout
from maxpo_bench.agents.policy import GroupPolicy
from maxpo_bench.estimators import entropy_shaped


class TokenPolicy(GroupPolicy):
    """A policy whose actions are sequences of tokens, so that every token can have an advantage of its own.

    `T` steps, `L` tokens of the longest action. Wherever `set_gradient` and `square_norms` take `weights` `[E]`, one
    per episode, these also take `[T, L]`, one per token, 0 where a step has no token.
    """

    @abstractmethod
    def token_entropies(self, rollout: Rollout) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return the policy's entropy at each token when it was sampled, in nats, and which tokens there are.

        Args:
            rollout: episodes that the policy, unchanged since, has sampled.

        Returns:
            `[T, L]` and `[T, L]`.
        """

    @abstractmethod
    def completion_lengths(self, rollout: Rollout) -> NDArray[Any]:
        """Return `[T]` the number of tokens of each action."""


def shaped_weights(
    policy: GroupPolicy, rollout: Rollout, weights: NDArray[np.float64], factor: float, shaping: Mapping[str, float]
) -> NDArray[np.float64]:
    """Return weights of tokens `[T, L]`: ``factor`` times the advantages with the entropy term of `entropy_shaped`.

    Args:
        policy: what sampled the rollout, a `TokenPolicy`.
        rollout: the episodes.
        weights: `[E]` ``factor`` times the advantages.
        factor: positive.
        shaping: `alpha` and `kappa`.
    """
    assert isinstance(policy, TokenPolicy)
    entropies, is_token = map(torch.from_numpy, policy.token_entropies(rollout))
    advantages = torch.from_numpy(weights[rollout.episode] / factor)
    return factor * entropy_shaped(advantages, entropies, is_token, **shaping).numpy()
