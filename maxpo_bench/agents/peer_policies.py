"""The paper's tabular policy as a policy of Stable-Baselines3, with a tabular critic beside it."""

from __future__ import annotations

from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.distributions import Distribution
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.type_aliases import Schedule
from torch.nn import functional


def check_discrete(observation_space: spaces.Space, action_space: spaces.Space) -> None:
    """Raise a ValueError unless both spaces are Discrete."""
    if not isinstance(observation_space, spaces.Discrete) or not isinstance(action_space, spaces.Discrete):
        raise ValueError(
            f"the tabular policy needs Discrete observations and actions, got {observation_space} and "
            f"{action_space}: choose policy='mlp'"
        )


class TabularActorCriticPolicy(ActorCriticPolicy):
    """pi(a|s) = softmax(theta[s] + b)[a] and V(s) = v[s] + c, all parameters 0 at the start (paper, App. G.2).

    The actor is the policy of the group agents (`maxpo_bench.agents.tabular.TabularPolicy`), in single precision as
    everything in Stable-Baselines3. Rows are looked up; no one-hot matrix is built. Actor and critic share nothing.
    The critic's parameters have "value" in their names, since sb3-contrib's TRPO tells them apart by that.

    Args:
        observation_space: Discrete, `S` states.
        action_space: Discrete, `A` actions.
        lr_schedule: step size by remaining progress.
        options: see `ActorCriticPolicy`; what is about networks has no effect.

    Raises:
        ValueError: one of the spaces is not Discrete.

    Attributes:
        action_table: theta, `[S, A]`.
        action_bias: b, `[A]`.
        value_table: v, `[S, 1]`.
        value_bias: c, `[1]`.
    """

    def __init__(
        self, observation_space: spaces.Space, action_space: spaces.Space, lr_schedule: Schedule, **options: Any
    ) -> None:
        check_discrete(observation_space, action_space)
        super().__init__(observation_space, action_space, lr_schedule, **options)

    def _build(self, lr_schedule: Schedule) -> None:
        states, actions = self.observation_space, self.action_space
        assert isinstance(states, spaces.Discrete)
        assert isinstance(actions, spaces.Discrete)
        self._first_state = int(states.start)
        self.action_table = torch.nn.Parameter(torch.zeros(int(states.n), int(actions.n)))
        self.action_bias = torch.nn.Parameter(torch.zeros(int(actions.n)))
        self.value_table = torch.nn.Parameter(torch.zeros(int(states.n), 1))
        self.value_bias = torch.nn.Parameter(torch.zeros(1))
        make_optimizer: Any = self.optimizer_class
        self.optimizer = make_optimizer(self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs)

    def action_1_probability(self) -> float | None:
        """Probability of action 1 under the global bias alone (App. G.2); None unless there are two actions."""
        bias = self.action_bias.detach().double()
        return float(torch.softmax(bias, 0)[1]) if len(bias) == 2 else None

    def forward(
        self, obs: torch.Tensor, deterministic: bool = False
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return actions `[m]`, values `[m, 1]` and log-probabilities `[m]` for states `[m]`."""
        distribution = self.get_distribution(obs)
        actions = distribution.get_actions(deterministic=deterministic)
        return actions, self.predict_values(obs), distribution.log_prob(actions)

    def evaluate_actions(
        self, obs: Any, actions: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Return values `[m, 1]`, log-probabilities of the actions `[m]` and entropies `[m]` for states `[m]`."""
        distribution = self.get_distribution(obs)
        return self.predict_values(obs), distribution.log_prob(actions), distribution.entropy()

    def get_distribution(self, obs: Any) -> Distribution:
        """Return the action distributions in states `[m]`."""
        logits = functional.embedding(self._rows(obs), self.action_table) + self.action_bias
        return self.action_dist.proba_distribution(logits)

    def predict_values(self, obs: Any) -> torch.Tensor:
        """Return the values `[m, 1]` of states `[m]`."""
        return functional.embedding(self._rows(obs), self.value_table) + self.value_bias

    def _rows(self, obs: torch.Tensor) -> torch.Tensor:
        rows = obs.long().flatten()
        return rows - self._first_state if self._first_state else rows
