"""The tabular policy for augmented random search, and many policies acting at once; needs the extra `contrib`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from sb3_contrib.ars.policies import ARSPolicy
from torch.nn import functional

from maxpo_bench.agents.peer_policies import check_discrete

Act = Callable[[Any], NDArray[Any]]


class LookUp(torch.nn.Module):
    """Scores theta[s] + b of the actions, looked up.

    Args:
        num_states: `S`.
        num_actions: `A`.
    """

    def __init__(self, num_states: int, num_actions: int) -> None:
        super().__init__()
        self.table = torch.nn.Parameter(torch.zeros(num_states, num_actions))
        self.bias = torch.nn.Parameter(torch.zeros(num_actions))

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Return scores `[..., A]` in states `[...]`."""
        return functional.embedding(rows, self.table) + self.bias


class TabularARSPolicy(ARSPolicy):
    """Takes argmax_a theta[s, a] + b[a], the first of tied actions: the deterministic brother of the softmax table.

    Args:
        observation_space: Discrete, `S` states.
        action_space: Discrete, `A` actions.

    Raises:
        ValueError: one of the spaces is not Discrete.
    """

    def __init__(self, observation_space: spaces.Space, action_space: spaces.Space) -> None:
        check_discrete(observation_space, action_space)
        super().__init__(observation_space, action_space, net_arch=[])
        assert isinstance(observation_space, spaces.Discrete)
        assert isinstance(action_space, spaces.Discrete)
        self._first_state = int(observation_space.start)
        self.action_net = torch.nn.Sequential(LookUp(int(observation_space.n), int(action_space.n)))

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return {"observation_space": self.observation_space, "action_space": self.action_space}

    def extract_features(self, obs: Any, features_extractor: Any) -> torch.Tensor:
        """Return the rows `[m]` of states `[m]`."""
        del features_extractor
        rows = obs.long().flatten()
        return rows - self._first_state if self._first_state else rows

    def action_1_probability(self) -> float | None:
        """Whether action 1 is taken under the global bias alone, 1.0 or 0.0; None unless there are two actions."""
        bias = self.action_net.get_parameter("0.bias").detach()
        return float(bias.argmax() == 1) if len(bias) == 2 else None


def acting(policy: ARSPolicy, weights: torch.Tensor) -> Act:
    """Return a function from `m` observations to `m` actions, each by its own weights.

    Args:
        policy: whose architecture is used; its own weights are not.
        weights: `[m, P]`, each row in the order of `torch.nn.utils.parameters_to_vector`.

    Returns:
        Gives what `policy.predict` would give with the weights of a row for the observation of that row.
    """
    parameters, start = {}, 0
    for name, parameter in policy.action_net.named_parameters():
        stop = start + parameter.numel()
        parameters[name] = weights[:, start:stop].reshape(-1, *parameter.shape)
        start = stop
    scores = torch.vmap(lambda own, features: torch.func.functional_call(policy.action_net, own, (features,)))

    def act(observations: Any) -> NDArray[Any]:
        with torch.no_grad():
            inputs = policy.obs_to_tensor(observations)[0]
            found = scores(parameters, policy.extract_features(inputs, policy.features_extractor))
        if isinstance(policy.action_space, spaces.Discrete):
            return found.argmax(dim=1).cpu().numpy()
        return _in_bounds(policy, found.cpu().numpy())

    return act


def _in_bounds(policy: ARSPolicy, actions: NDArray[Any]) -> NDArray[Any]:
    """Return continuous actions as the environment takes them, as `BasePolicy.predict` does."""
    space = policy.action_space
    assert isinstance(space, spaces.Box)
    actions = actions.reshape(-1, *space.shape)
    if policy.squash_output:
        return policy.unscale_action(actions)
    return np.clip(actions, space.low, space.high)
