"""The tabular softmax policy, with its gradients in closed form."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import ArrayLike, NDArray

from maxpo_bench.agents.collect import Rollout
from maxpo_bench.agents.policy import GroupPolicy

Floats = NDArray[np.float64]


class _Tables(NamedTuple):
    """pi, log pi `[S, A]` and the cumulative distribution without its last column, which is 1."""

    probs: Floats
    log_probs: Floats
    inner_cdf: Floats


class TabularPolicy(GroupPolicy):
    """pi(a|s) = softmax(theta[s] + b)[a] with one row of logits per state and one global bias vector (App. G.2).

    The score of a step is e_a - pi(s) in row s of theta, and the same in b, so no automatic differentiation is needed.
    Sampling and gradients run in NumPy on the memory of the float64 torch parameters. `S` states, `A` actions.

    Args:
        observation_space: Discrete.
        action_space: Discrete.
        bias: whether there is a global bias vector b; by default where there is more than one state.
        initial_logits: `[A]` or `[S, A]` values of theta at the start; zeros by default.
        seed: of `predict` until the agent sets its own stream; the parameters start without any randomness.

    Raises:
        ValueError: one of the spaces is not Discrete, or the initial logits have a wrong shape or are not finite.
    """

    is_on_cpu_only = True

    def __init__(
        self,
        observation_space: spaces.Space,
        action_space: spaces.Space,
        *,
        bias: bool | None = None,
        initial_logits: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        if not isinstance(observation_space, spaces.Discrete) or not isinstance(action_space, spaces.Discrete):
            raise ValueError(
                "the tabular policy needs Discrete observations and actions, got "
                f"{observation_space} and {action_space}: choose policy='mlp'"
            )
        super().__init__(observation_space, action_space, seed=seed)
        self.num_states, self.num_actions = int(observation_space.n), int(action_space.n)
        self._first_state = int(observation_space.start)
        logits = _starting_logits(initial_logits, self.num_states, self.num_actions)
        self.logits = torch.nn.Parameter(torch.from_numpy(logits))
        has_bias = self.num_states > 1 if bias is None else bias
        self.bias = torch.nn.Parameter(torch.zeros(self.num_actions, dtype=torch.float64)) if has_bias else None
        self.prepare()

    def prepare(self) -> None:
        """Compute the tables of probabilities from the parameters."""
        logits = self.logits.detach().numpy()
        if self.bias is not None:
            logits = logits + self.bias.detach().numpy()
        shifted = logits - logits.max(axis=1, keepdims=True)
        unnormalised = np.exp(shifted)
        total = unnormalised.sum(axis=1, keepdims=True)
        probs = unnormalised / total
        self._tables = _Tables(probs, shifted - np.log(total), np.cumsum(probs[:, :-1], axis=1))

    def probabilities(self) -> Floats:
        """Return pi as `[S, A]`, for the present parameters."""
        self.prepare()
        return self._tables.probs.copy()

    def sampled_probabilities(self) -> Floats:
        """Return pi as `[S, A]`, as it was when the policy was last prepared for sampling."""
        return self._tables.probs

    def action_1_probability(self) -> float | None:
        """Probability of action 1 under the global bias alone (App. G.2); None without a bias or two actions."""
        if self.bias is None or self.num_actions != 2:
            return None
        low, high = self.bias.detach().tolist()
        return float(1.0 / (1.0 + np.exp(np.clip(low - high, -700.0, 700.0))))

    def sample(self, observations: Any, rng: np.random.Generator) -> NDArray[np.int64]:
        """Draw actions `[m]` by inverting the cumulative distribution, one uniform number each."""
        rows = self._tables.inner_cdf[self._rows(observations)]
        is_past = rng.random(len(rows))[:, None] >= rows
        if self.num_actions == 2:  # one column is its own sum
            return is_past.ravel().astype(np.int64)
        return is_past.sum(axis=1)

    def best(self, observations: Any) -> NDArray[np.intp]:
        """Return the most probable actions `[m]`, the first of tied ones."""
        return self._tables.probs[self._rows(observations)].argmax(axis=1)

    def set_gradient(self, rollout: Rollout, weights: Floats, entropy_coef: float) -> float:
        """See `GroupPolicy.set_gradient`; dH/dtheta[s, a] = -pi_a (log pi_a + H)."""
        states, step_weights = self._rows(rollout.observations), weights[rollout.episode]
        probs, log_probs, _ = self._tables
        gradient = self._scores(states, rollout.actions, step_weights, self.num_states, probs)
        visits = np.bincount(states, minlength=self.num_states)
        entropy = -np.einsum("sa,sa->s", probs, log_probs)
        if entropy_coef:
            bonus = entropy_coef * visits / len(rollout.returns)
            gradient -= bonus[:, None] * probs * (log_probs + entropy[:, None])
        self.logits.grad = torch.from_numpy(gradient)
        if self.bias is not None:
            self.bias.grad = torch.from_numpy(gradient.sum(axis=0))
        return float(visits @ entropy) / rollout.num_steps

    def square_norms(self, rollout: Rollout, weights: Floats, parts: NDArray[np.intp], num_parts: int) -> Floats:
        """See `GroupPolicy.square_norms`."""
        states, step_weights = self._rows(rollout.observations), weights[rollout.episode]
        if num_parts == 1:
            return self._square_norm(
                self._scores(states, rollout.actions, step_weights, self.num_states, self._tables.probs)
            )
        keys, cell = np.unique(parts[rollout.episode] * self.num_states + states, return_inverse=True)
        key_part, key_state = np.divmod(keys, self.num_states)
        scores = self._scores(cell, rollout.actions, step_weights, len(keys), self._tables.probs[key_state])
        norms = _sums(key_part, np.einsum("ka,ka->k", scores, scores), num_parts)
        if self.bias is not None:
            sums = np.zeros((num_parts, self.num_actions))
            np.add.at(sums, key_part, scores)
            norms += np.einsum("pa,pa->p", sums, sums)
        return norms

    def _square_norm(self, gradient: Floats) -> Floats:
        """Return `[1]` the squared norm of a gradient `[S, A]` of theta and of what follows for b."""
        total = float(np.vdot(gradient, gradient))
        if self.bias is not None:
            sums = gradient.sum(axis=0)
            total += float(sums @ sums)
        return np.array([total])

    def _rows(self, observations: Any) -> Any:
        return observations - self._first_state if self._first_state else observations

    def _scores(self, cells: Any, actions: Any, weights: Floats, num_cells: int, probs: Floats) -> Floats:
        """Sum w (e_a - pi) over the steps of each cell: `[num_cells, A]`; `probs` is pi in each cell."""
        size = num_cells * self.num_actions
        taken = _sums(cells * self.num_actions + actions, weights, size).reshape(num_cells, self.num_actions)
        return taken - _sums(cells, weights, num_cells)[:, None] * probs


def _sums(cells: NDArray[np.intp], values: Floats, num_cells: int) -> Floats:
    """Sum the values that fall into each cell: `[num_cells]`."""
    return np.bincount(cells, values, num_cells).astype(np.float64, copy=False)


def _starting_logits(initial: ArrayLike | None, num_states: int, num_actions: int) -> Floats:
    shape = (num_states, num_actions)
    if initial is None:
        return np.zeros(shape)
    values = np.asarray(initial, dtype=np.float64)
    if values.shape not in (shape, shape[1:]) or not np.isfinite(values).all():
        raise ValueError(
            f"initial_logits must be finite numbers of shape {shape} or {shape[1:]}, got shape {values.shape}"
        )
    return np.broadcast_to(values, shape).copy()
