"""What a policy must offer to be trained by group policy gradients."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray
from stable_baselines3.common.policies import BasePolicy

from maxpo_bench.agents.collect import Rollout
from maxpo_bench.envs import UnicodeText
from maxpo_bench.seeding import derive_seed


class GroupPolicy(BasePolicy):
    """A Stable-Baselines3 policy that samples with a NumPy generator and knows the gradient of whole episodes.

    A policy is made as `cls(observation_space, action_space, seed=..., **policy_kwargs)`.
    Psi_i is the score of episode i, sum_t grad log pi(a_t | s_t) (Eq 122); `E` episodes, `T` steps.

    Args:
        observation_space: of one environment.
        action_space: of one environment.
        seed: of whatever the policy draws at its start.

    Attributes:
        predict_rng: random stream of `predict(deterministic=False)`; training never uses it.
        is_on_cpu_only: whether it stays on the CPU whatever the agent's device is.
        default_optimizer: what an agent takes unless it is told.
        default_learning_rates: by the optimizer's name.
    """

    is_on_cpu_only: ClassVar[bool] = False
    default_optimizer: ClassVar[str] = "sgd"
    default_learning_rates: ClassVar[Mapping[str, float]] = {"sgd": 0.1, "adam": 0.01}
    predict_rng: np.random.Generator

    def __init__(self, observation_space: spaces.Space, action_space: spaces.Space, *, seed: int = 0) -> None:
        super().__init__(observation_space, action_space)
        self.predict_rng = np.random.default_rng(derive_seed(seed, "predict"))

    @classmethod
    def complete_options(cls, options: Mapping[str, Any], env: VectorEnv) -> dict[str, Any]:
        """Return a new policy's options, completed by what only the environment can tell.

        Args:
            options: those that the user gave.
            env: in which the policy will be trained.
        """
        return dict(options)

    def stored_options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options with which a saved agent makes its policy again, before it puts in the parameters.

        Args:
            options: those with which this policy was made.
        """
        return dict(options)

    def prepare(self) -> None:
        """Called before sampling: compute here what holds until the parameters change."""
        return None

    @abstractmethod
    def sample(self, observations: Any, rng: np.random.Generator) -> Any:
        """Draw one action for each of the observations `[m, ...]`, with `rng` alone."""

    @abstractmethod
    def best(self, observations: Any) -> Any:
        """Return the mode of the action distribution for each of the observations `[m, ...]`."""

    @abstractmethod
    def set_gradient(self, rollout: Rollout, weights: NDArray[np.float64], entropy_coef: float) -> float:
        """Set the gradient of every parameter to an ascent direction and return the mean entropy of a step in nats.

        The direction is sum_i w_i Psi_i + entropy_coef * (1/E) sum_i sum_t grad H(pi(.|s_t)): the entropies of the
        visited states, the visits themselves held fixed.

        Args:
            rollout: the episodes.
            weights: `[E]` w_i.
            entropy_coef: coefficient of the entropy bonus.
        """

    @abstractmethod
    def square_norms(
        self, rollout: Rollout, weights: NDArray[np.float64], parts: NDArray[np.intp], num_parts: int
    ) -> NDArray[np.float64]:
        """Return `[num_parts]` squared norms of sum_{i in part} w_i Psi_i over all parameters.

        Args:
            rollout: the episodes.
            weights: `[E]` w_i.
            parts: `[E]` the part to which each episode belongs, 0 .. num_parts - 1.
            num_parts: number of parts.
        """

    def to_env(self, actions: Any) -> Any:
        """Turn sampled actions `[m, ...]` into the environment's: shift a Discrete space's start, clip to a Box."""
        space = self.action_space
        if isinstance(space, spaces.Discrete):
            return actions + space.start if space.start else actions
        if isinstance(space, spaces.Box):
            return np.clip(actions, space.low, space.high)
        return actions

    def _predict(self, observation: Any, deterministic: bool = False) -> torch.Tensor:
        self.prepare()
        rows = observation.cpu().numpy()
        actions = self.best(rows) if deterministic else self.sample(rows, self.predict_rng)
        return torch.as_tensor(self.to_env(actions))


def refuse_text(policy: str, *given: spaces.Space) -> None:
    """Check that none of the spaces is one of text.

    Raises:
        ValueError: one is; the message says which policy takes it.
    """
    for space in given:
        if isinstance(space, UnicodeText):
            raise ValueError(
                f"the {policy} policy takes numbers, got {space}: for text choose policy='lm', a language model "
                "(pip install 'maxpo-bench[llm]')"
            )
