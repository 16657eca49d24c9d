"""What the population trainer changes and keeps: parameters of P runs, their optimizer, the records of an iteration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from maxpo_bench.agents import maze_compiled as compiled
from maxpo_bench.agents.maze_episodes import Floats, path_signs
from maxpo_bench.estimators import max_at_k
from maxpo_bench.seeding import derive_seed

if TYPE_CHECKING:
    from maxpo_bench.envs.maze import MazeLayout

Optimizer = Literal["sgd", "adam"]


class Runs:
    """What an iteration changes: half the logit gaps `[P, 2 L + 1]` of P runs, and what their optimizer remembers."""

    def __init__(self, layouts: Sequence[MazeLayout], rates: Floats, n: int, optimizer: Optimizer) -> None:
        runs, length = len(layouts), layouts[0].length
        self.layouts, self.rates, self.optimizer = layouts, rates, optimizer
        self.signs = np.stack([path_signs(maze) for maze in layouts])
        self.is_long = np.stack([np.asarray(maze.dead_end_lengths) == 2 for maze in layouts])
        self.has_turns = bool(self.is_long.any())
        self.params, self.gradient = np.zeros((runs, 2 * length + 1)), np.zeros((runs, 2 * length + 1))
        self.success = np.zeros((runs, length))
        self.lengths, self.turns = np.zeros((runs, n), dtype=np.int64), np.zeros((runs, n if self.has_turns else 0))
        self.visited = np.zeros(runs, dtype=np.int64)
        if optimizer == "adam":
            self.first, self.second = np.zeros_like(self.params), np.zeros_like(self.params)
            self.reached = np.zeros(runs, dtype=np.int64)

    def draw(self, uniforms: Floats, turn_uniforms: Floats | None) -> None:
        """Draw a group per run."""
        compiled.draw_rows(self.params, self.signs, uniforms, self.success, self.lengths, self.visited)
        if turn_uniforms is not None:
            compiled.draw_turns(self.params, self.is_long, self.lengths, turn_uniforms, self.turns)

    def ascend(self, weights: Floats, entropy: float, step: int) -> None:
        """Ascend along sum_i w_i Psi_i + entropy * (sum of the visited states' entropies); `step` counts from 1."""
        compiled.gradient_rows(self.success, self.signs, self.lengths, self.turns, self.visited, weights, self.gradient)
        if entropy:
            is_long = self.is_long if self.has_turns else self.is_long[:, :0]
            compiled.add_entropy_rows(self.params, is_long, self.lengths, self.visited, entropy, self.gradient)
        if self.optimizer == "sgd":
            compiled.sgd_rows(self.params, self.gradient, self.visited, self.has_turns, self.rates)
        else:
            moments = self.first, self.second, self.visited, self.reached
            compiled.adam_rows(self.params, self.gradient, *moments, self.has_turns, self.rates, step)

    def full(self) -> tuple[Floats, Floats]:
        """Both logits of all states: theta `[P, S, 2]`, S being the largest layout's states, and bias `[P, 2]`."""
        runs, length = self.signs.shape
        theta = np.zeros((runs, max(maze.num_states for maze in self.layouts), 2))
        theta[:, :length, 1] = self.params[:, :length]
        for run, maze in enumerate(self.layouts if self.has_turns else ()):
            long = self.is_long[run]
            theta[run, maze.dead_end_states[long], 1] = self.params[run, length : 2 * length][long]
        theta[:, :, 0] = -theta[:, :, 1]
        bias = self.params[:, 2 * length]
        return theta, np.stack([-bias, bias], axis=-1)

    def p_action_1(self) -> Floats:
        """`[P]` probability of action 1 under the global bias alone."""
        return 1.0 / (1.0 + np.exp(np.clip(-2.0 * self.params[:, -1], -700.0, 700.0)))


class Records:
    """Means over the iterations between two records."""

    def __init__(self, length: int, k: int, record_every: int) -> None:
        self.length, self.k, self.record_every = length, k, record_every
        self.block: list[NDArray[np.int64]] = []
        self.rows: dict[str, list[Floats]] = {
            name: [] for name in ("return_mean", "max_at_k", "env_steps", "p_action_1")
        }

    def add(self, lengths: NDArray[np.int64], runs: Runs) -> bool:
        """Count an iteration's lengths `[P, n]`; return whether a record was written."""
        if len(self.block) == self.record_every - 1:
            self.rows["p_action_1"].append(runs.p_action_1())
        self.block.append(lengths.copy())
        if len(self.block) < self.record_every:
            return False
        returns = np.stack(self.block).astype(np.float64)
        self.rows["return_mean"].append(_mean_by_run(returns.mean(axis=2)))
        self.rows["max_at_k"].append(_mean_by_run(max_at_k(torch.from_numpy(returns), self.k).numpy()))
        turns = 1 + runs.is_long if runs.has_turns else 1
        self.rows["env_steps"].append(_env_steps(np.stack(self.block), self.length, turns))
        self.block = []
        return True


def _mean_by_run(values: Floats) -> Floats:
    """Return the means `[P]` of `[T, P]`, each of its own contiguous row: to the last bit alike whatever P is."""
    return np.ascontiguousarray(values.T).mean(axis=1)


def _env_steps(lengths: NDArray[np.int64], length: int, dead_end_lengths: NDArray[np.int64] | int) -> Floats:
    """Return `[P]` environment steps of episodes `[T, P, n]`: the correct ones and those in the dead ends, if any."""
    steps = np.where(lengths < length, 1, 0)
    if not isinstance(dead_end_lengths, int):
        at = np.minimum(lengths, length - 1)
        steps = steps * dead_end_lengths[np.arange(lengths.shape[1])[None, :, None], at]
    return (lengths + steps).sum(axis=(0, 2)).astype(np.float64)


def uniform_rows(seeds: Sequence[int], what: str, n: int, iterations: int, block: int = 64) -> Iterator[Floats]:
    """Yield `[P, n]` uniform numbers per iteration, each row from its own run's generator."""
    generators = [np.random.default_rng(derive_seed(int(seed), "maze_population", what)) for seed in seeds]
    for start in range(0, iterations, block):
        size = min(block, iterations - start)
        yield from np.stack([generator.random((size, n)) for generator in generators], axis=1)
