"""A multilayer perceptron policy, with its gradients by automatic differentiation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from torch import Tensor, nn

from maxpo_bench.agents.collect import Rollout
from maxpo_bench.agents.policy import GroupPolicy, refuse_text


class MLPPolicy(GroupPolicy):
    """tanh layers on flattened Box or one-hot Discrete observations.

    Discrete actions are categorical; Box actions are a diagonal Gaussian whose log standard deviations are free
    parameters; they are clipped to the box for the environment only. Parameters are float32, initialised
    orthogonally (last layer: gain 0.01, so that the first policy is nearly uniform) from `seed` alone.

    Args:
        observation_space: Box or Discrete.
        action_space: Discrete or Box.
        hidden_sizes: widths of the hidden layers.
        initial_log_std: log standard deviation of Box actions at the start.
        seed: of the initialisation.

    Raises:
        ValueError: a space of another kind.
    """

    def __init__(
        self,
        observation_space: spaces.Space,
        action_space: spaces.Space,
        *,
        hidden_sizes: Sequence[int] = (64, 64),
        initial_log_std: float = 0.0,
        seed: int = 0,
    ) -> None:
        _check_spaces(observation_space, action_space)
        super().__init__(observation_space, action_space, seed=seed)
        self._is_discrete = isinstance(action_space, spaces.Discrete)
        num_outputs = spaces.flatdim(action_space)
        generator = torch.Generator().manual_seed(seed)
        self.network = _network([spaces.flatdim(observation_space), *hidden_sizes, num_outputs], generator)
        self.log_std = None if self._is_discrete else nn.Parameter(torch.full((num_outputs,), float(initial_log_std)))

    def sample(self, observations: Any, rng: np.random.Generator) -> NDArray[Any]:
        """Draw actions `[m]` (Discrete) or `[m, ...]` (Box)."""
        with torch.no_grad():
            output = self.network(self._features(observations))
            if self.log_std is not None:
                mean, std = output.cpu().numpy(), self.log_std.exp().cpu().numpy()
                return self._shaped(mean + std * rng.standard_normal(mean.shape, dtype=np.float32))
            inner_cdf = output.double().softmax(-1).cumsum(-1)[:, :-1].cpu().numpy()
        return (rng.random(len(inner_cdf))[:, None] >= inner_cdf).sum(axis=1)

    def best(self, observations: Any) -> NDArray[Any]:
        """Return the most probable actions `[m]` (Discrete) or the means `[m, ...]` (Box)."""
        with torch.no_grad():
            output = self.network(self._features(observations)).cpu()
        return output.argmax(-1).numpy() if self.log_std is None else self._shaped(output.numpy())

    def set_gradient(self, rollout: Rollout, weights: NDArray[np.float64], entropy_coef: float) -> float:
        """See `GroupPolicy.set_gradient`."""
        log_probs, entropy = self._evaluate(rollout.observations, rollout.actions)
        objective = log_probs @ self._tensor(weights[rollout.episode])
        if entropy_coef:
            objective = objective + entropy_coef / len(rollout.returns) * entropy.sum()
        parameters = list(self.parameters())
        for parameter, gradient in zip(parameters, torch.autograd.grad(objective, parameters), strict=True):
            parameter.grad = gradient
        return float(entropy.detach().mean())

    def square_norms(
        self, rollout: Rollout, weights: NDArray[np.float64], parts: NDArray[np.intp], num_parts: int
    ) -> NDArray[np.float64]:
        """See `GroupPolicy.square_norms`; one backward pass per part, over its own steps."""
        step_parts, step_weights = parts[rollout.episode], weights[rollout.episode]
        norms = np.zeros(num_parts)
        parameters = list(self.parameters())
        for part in range(num_parts):
            steps = np.flatnonzero(step_parts == part)
            if not step_weights[steps].any():
                continue
            log_probs, _ = self._evaluate(rollout.observations[steps], rollout.actions[steps])
            gradients = torch.autograd.grad(log_probs @ self._tensor(step_weights[steps]), parameters)
            norms[part] = sum(float(gradient.double().square().sum()) for gradient in gradients)
        return norms

    def _evaluate(self, observations: Any, actions: Any) -> tuple[Tensor, Tensor]:
        """Log probability and entropy of each step, `[T]` and `[T]`."""
        output = self.network(self._features(observations))
        if self.log_std is None:
            log_probs = output.log_softmax(-1)
            taken = torch.as_tensor(actions, device=output.device)[:, None]
            return log_probs.gather(1, taken)[:, 0], -(log_probs.exp() * log_probs).sum(-1)
        actions = self._tensor(actions).flatten(1)
        distribution = torch.distributions.Normal(output, self.log_std.exp(), validate_args=False)
        entropy = (self.log_std + 0.5 + 0.5 * math.log(2 * math.pi)).sum().expand(len(output))
        return distribution.log_prob(actions).sum(-1), entropy

    def _features(self, observations: Any) -> Tensor:
        space = self.observation_space
        if isinstance(space, spaces.Discrete):
            rows = torch.as_tensor(observations, device=self.device) - int(space.start)
            return nn.functional.one_hot(rows, int(space.n)).float()
        return self._tensor(observations).flatten(1)

    def _tensor(self, values: NDArray[Any]) -> Tensor:
        return torch.as_tensor(values, dtype=torch.float32, device=self.device)

    def _shaped(self, actions: NDArray[Any]) -> NDArray[Any]:
        return actions.reshape(len(actions), *(self.action_space.shape or ()))


def _check_spaces(observation_space: spaces.Space, action_space: spaces.Space) -> None:
    refuse_text("mlp", observation_space, action_space)
    for role, space in (("observations", observation_space), ("actions", action_space)):
        if not isinstance(space, spaces.Discrete | spaces.Box):
            raise ValueError(
                f"the mlp policy takes Box or Discrete {role}, got {space}: wrap the environment, for instance with "
                "gymnasium.wrappers.FlattenObservation"
            )


def _network(sizes: Sequence[int], generator: torch.Generator) -> nn.Sequential:
    layers: list[nn.Module] = []
    for i, (width_in, width_out) in enumerate(pairwise(sizes)):
        is_last = i == len(sizes) - 2
        # nn.Linear would draw its weights from torch's global generator
        layer = nn.utils.skip_init(nn.Linear, width_in, width_out)
        assert isinstance(layer, nn.Linear)
        nn.init.orthogonal_(layer.weight, gain=0.01 if is_last else math.sqrt(2), generator=generator)
        nn.init.zeros_(layer.bias)
        layers += [layer] if is_last else [layer, nn.Tanh()]
    return nn.Sequential(*layers)
