"""The networks of P runs: draw their episodes, ascend, read them out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray

from maxpo_bench.agents.maze_episodes import Episodes, Floats, Ints, correct_signs, entropy_sum, lengths_of, score_sum
from maxpo_bench.agents.mlp import MLPPolicy
from maxpo_bench.agents.mlp_ascent import make_ascent
from maxpo_bench.agents.mlp_network import PathNetwork, named
from maxpo_bench.estimators import Estimator
from maxpo_bench.seeding import derive_seed

if TYPE_CHECKING:
    from maxpo_bench.envs.maze import MazeLayout

FIRST_WINDOW = 64
SPARE_STATES = 16


class MLPRuns:
    """The networks and optimizers of P runs.

    Args:
        mazes: `[P]`, of one length.
        rates: `[P]` learning rates.
        seeds: `[P]`.
        optimizer: "sgd" or "adam".
        hidden_sizes: widths of the tanh layers.

    Attributes:
        networks: `[P]`.
        signs: `[P, L]` of `correct_signs`.
        success: `[P, W]` probabilities of the correct action when the episodes were last drawn, 0 where not computed.
    """

    def __init__(
        self,
        mazes: Sequence[MazeLayout],
        rates: Floats,
        seeds: Sequence[int],
        optimizer: str,
        hidden_sizes: Sequence[int],
    ) -> None:
        self.signs = np.stack([correct_signs(maze) for maze in mazes])
        self.rates, self.seeds = rates, seeds
        self.ascents = [make_ascent(optimizer, float(rate)) for rate in rates]
        initial = {seed: _initial_policy(mazes[0].num_states, hidden_sizes, seed) for seed in set(seeds)}
        self.networks: list[PathNetwork] = []
        for seed in seeds:
            self.networks.append(PathNetwork(initial[seed], self.networks[0] if self.networks else None))
        self.num_states = mazes[0].num_states
        self.success = np.full((len(mazes), FIRST_WINDOW), 0.5)

    def iterate(self, estimator: Estimator, uniforms: Floats, factor: float, entropy_factor: float) -> Ints:
        """Sample a group per run, ascend once, return the lengths `[P, n]`."""
        episodes = self.sample(uniforms)
        advantages = estimator(torch.from_numpy(episodes.lengths.astype(np.float64))).numpy()
        derivative = score_sum(episodes, factor * advantages, self.signs)
        if entropy_factor:
            derivative += entropy_factor * entropy_sum(episodes, self.signs)
        visited = np.minimum(episodes.lengths.max(axis=1) + 1, self.signs.shape[1])
        with torch.inference_mode():
            self._ascend(derivative, visited)
        return episodes.lengths

    def sample(self, uniforms: Floats) -> Episodes:
        """Turn uniform numbers `[P, n]` into episodes, computing each path until all of its episodes have ended.

        The first guess of how far that is comes from the policy before; where it is too short it is doubled.

        Raises:
            FloatingPointError: a run's probabilities are not numbers.
        """
        limit = self.signs.shape[1]
        known = np.zeros(len(self.networks), dtype=np.int64)
        windows = lengths_of(self.success, uniforms.min(axis=1, keepdims=True) / 2)[:, 0] + SPARE_STATES
        while True:
            windows = np.minimum(windows, limit)
            self._look(known, windows)
            lengths = lengths_of(self.success, uniforms)
            is_open = (lengths.max(axis=1) >= windows) & (windows < limit)
            if not is_open.any():
                return Episodes(lengths, self.success)
            known, windows = windows, np.where(is_open, 2 * windows, windows)

    def _look(self, known: Ints, windows: Ints) -> None:
        """Extend `success` from each run's first `known` states to its first `windows`; 0 where nothing is known."""
        width = int(windows.max())
        gap = np.zeros((len(self.networks), width))
        with torch.inference_mode(), np.errstate(invalid="ignore"):
            for row, network in enumerate(self.networks):
                start, stop = int(known[row]), int(windows[row])
                if start < stop:
                    network.forward(start, stop)
                logits = network.logits[:stop].numpy()
                np.subtract(logits[:, 1], logits[:, 0], out=gap[row, :stop], dtype=np.float64)
        self.success = np.where(np.arange(width) < windows[:, None], _sigmoid(self.signs[:, :width] * gap), 0.0)
        self._check()

    def _check(self) -> None:
        """Raise FloatingPointError for a run whose probabilities are not numbers."""
        for row in np.flatnonzero(np.isnan(self.success).any(axis=1)):
            raise FloatingPointError(
                f"run {row}'s network (learning rate {self.rates[row]:g}, seed {self.seeds[int(row)]}) overflowed: "
                "lower its learning rate"
            )

    def _ascend(self, derivative: Floats, visited: Ints) -> None:
        """Ascend from derivatives `[P, W]` by the logit of action 1 in each run's first `visited` `[P]` states."""
        by_logit = torch.from_numpy(derivative).to(self.networks[0].parameters.dtype)
        for row, (network, ascent) in enumerate(zip(self.networks, self.ascents, strict=True)):
            network.backward(by_logit[row, : visited[row]])
            size = network.size(network.reach)
            ascent.step(network.parameters[:size], network.gradient[:size])

    def p_action_1(self) -> Floats:
        """`[P]` probability of action 1 under the last layer's bias vector alone."""
        bias = self._bias()
        return _sigmoid(bias[:, 1] - bias[:, 0])

    def full(self) -> tuple[Floats, Floats]:
        """The last layer's bias vector `[P, 2]`, and what is left of the logits of all states `[P, S, 2]`."""
        with one_thread(), torch.inference_mode():
            for network in self.networks:
                network.forward(0, self.num_states)
        bias = self._bias()
        return np.stack([network.logits.double().numpy() for network in self.networks]) - bias[:, None], bias

    def parameters(self) -> dict[str, NDArray[np.float32]]:
        """Parameters of all runs `[P, ...]` by name."""
        runs = [named(network.layers) for network in self.networks]
        return {name: np.stack([run[name].numpy() for run in runs]) for name in runs[0]}

    def _bias(self) -> Floats:
        return np.stack([network.layers[-1].bias.double().numpy() for network in self.networks])


def _initial_policy(num_states: int, hidden_sizes: Sequence[int], seed: int) -> MLPPolicy:
    """The policy that `GroupPolicyGradient(policy="mlp", seed=seed)` starts from, made with torch's threads."""
    return MLPPolicy(
        spaces.Discrete(num_states),
        spaces.Discrete(2),
        hidden_sizes=tuple(hidden_sizes),
        seed=derive_seed(int(seed), "policy"),
    )


def _sigmoid(gap: Floats) -> Floats:
    """1 / (1 + exp(-gap)) without overflow."""
    return 1.0 / (1.0 + np.exp(-np.clip(gap, -700.0, 700.0)))


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch work with one thread: its sums depend on the number, and small matrices gain nothing from more."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
