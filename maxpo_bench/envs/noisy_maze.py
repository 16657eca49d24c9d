"""Mazes with chance: actions that slip and rewards with noise, their exact values, and stepping through them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maxpo_bench.envs.checks import check_integer, check_real
from maxpo_bench.envs.maze import MazeTask, ScalarMaze, VectorMaze
from maxpo_bench.envs.maze_layout import MazeLayout, best_of
from maxpo_bench.envs.mixture import expected_best
from maxpo_bench.envs.streams import UInt64Array, standard_normal, uniform


@dataclass(frozen=True)
class NoisyMaze:
    """A maze whose environment sometimes acts by itself and whose rewards carry noise.

    Args:
        layout: the maze without chance.
        slip: probability that the chosen action is replaced by one drawn uniformly from all actions, in [0, 1].
        reward_noise: standard deviation of the normal noise on every step's reward, at least 0.

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: an argument is out of range.
    """

    layout: MazeLayout
    slip: float = 0.0
    reward_noise: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "slip", check_real("slip", self.slip, 0.0, 1.0))
        object.__setattr__(self, "reward_noise", check_real("reward_noise", self.reward_noise, 0.0))

    @property
    def numbers_per_step(self) -> int:
        """How many random numbers a step takes."""
        return int(self.slip > 0) + int(self.reward_noise > 0)

    @property
    def optimal_return(self) -> float:
        """The highest expected return of any policy: sum_t q^t, t = 1 .. length, with q = 1 - slip + slip / A.

        The correct action everywhere makes every S_t as large as it can be.
        """
        success = 1.0 - self.slip + self.slip / self.layout.num_actions
        return float(np.power(success, np.arange(1, self.layout.length + 1)).sum())

    def success_probabilities(self, policy: ArrayLike) -> NDArray[np.float64]:
        """Return ``[length]``: the probability of a step forward in each path state, chosen or slipped.

        Args:
            policy: probabilities ``[num_states, num_actions]``.
        """
        chosen = self.layout.success_probabilities(policy)
        return (1.0 - self.slip) * chosen + self.slip / self.layout.num_actions

    def max_at_k(self, policy: ArrayLike, k: int = 1) -> float:
        """Return J_k, the exact expected best return of ``k`` episodes.

        With T correct steps, which happens with probability S_T (1 - p_T), the return is normal around T, its
        variance being the number of steps times that of the noise. Without noise J_k is the sum of 1 - (1 - S_t)^k,
        with noise an integral over the mixture of these normals, by quadrature to about 1e-12.

        Args:
            policy: probabilities ``[num_states, num_actions]``.
            k: number of episodes, at least 1.
        """
        k = check_integer("k", k, 1)
        success = self.success_probabilities(policy)
        survival = np.cumprod(success, dtype=np.float64)
        if k == 1 or self.reward_noise == 0:
            return best_of(survival, k)
        weights = np.append(1.0, survival) * np.append(1.0 - success, 1.0)
        correct_steps = np.arange(self.layout.length + 1)
        steps = correct_steps + np.append(self.layout.dead_end_lengths, 0)
        return expected_best(correct_steps.astype(np.float64), self.reward_noise * np.sqrt(steps), weights, k)

    def act(self, actions: NDArray[np.int64], keys: UInt64Array, counters: UInt64Array) -> NDArray[np.int64]:
        """Return the actions ``[N]`` that happen: those chosen, or others where the streams say that they slip."""
        if self.slip == 0:
            return actions
        chance, last = uniform(keys, counters), self.layout.num_actions - 1
        slipped = np.minimum((chance / self.slip * self.layout.num_actions).astype(np.int64), last)
        return np.where(chance < self.slip, slipped, actions)

    def noise(self, keys: UInt64Array, counters: UInt64Array) -> NDArray[np.float64] | float:
        """Return what is added to the rewards ``[N]`` of one step, from the numbers after those of `act`."""
        if self.reward_noise == 0:
            return 0.0
        return self.reward_noise * standard_normal(keys, counters + np.uint64(self.slip > 0))


class NoisyMazeTask(MazeTask):
    """What all mazes with chance share. Subclasses call `_set_maze` before `_set_up`."""

    maze: NoisyMaze

    def _set_maze(self, maze: NoisyMaze) -> None:
        self.maze, self.layout = maze, maze.layout

    @property
    def optimal_value(self) -> float:
        """The highest expected return of any policy, that of the correct action everywhere: sum of q^t.

        q is the probability of a step forward then, t = 1 .. length. Without noise, or with all dead ends of length 1,
        the same policy has the highest J_k for every k; else a wrong action in the last state can be worth its reward
        for the noise of one more step.
        """
        return self.maze.optimal_return

    def exact_value(self, policy: ArrayLike, k: int = 1) -> float:
        """Return J_k, the exact expected best return of ``k`` episodes.

        Args:
            policy: probabilities ``[num_states, num_actions]``.
            k: number of episodes, at least 1; 1 gives the expected return.
        """
        return self.maze.max_at_k(policy, k)

    def _success_probabilities(self, policy: ArrayLike) -> NDArray[np.float64]:
        return self.maze.success_probabilities(policy)


class ScalarNoisyMaze(NoisyMazeTask, ScalarMaze):
    """One walk through a maze with chance."""

    _reached = 0

    def _transition(self, state: int, action: int) -> tuple[int, float, bool]:
        actions = self.maze.act(np.array([action]), self._key, self._counter)
        next_state, reward, terminated = super()._transition(state, int(actions[0]))
        self._reached = int(self.layout.correct_steps[state] + reward)
        reward += float(np.sum(self.maze.noise(self._key, self._counter)))
        self._counter += np.uint64(self.maze.numbers_per_step)
        return next_state, reward, terminated

    def _end(self) -> int:
        return self._reached

    def _configuration(self) -> tuple[Any, ...]:
        return self.maze, self.render_mode


class VectorNoisyMaze(NoisyMazeTask, VectorMaze):
    """A batch of walks through one maze with chance."""

    _reached: NDArray[np.int64]

    def _transition(
        self, states: NDArray[np.int64], actions: NDArray[np.int64], live: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
        actions = self.maze.act(actions, self._keys, self._counters)
        next_states, rewards, terminated = super()._transition(states, actions, live)
        if self._log is not None:
            self._reached = self.layout.correct_steps[states] + rewards.astype(np.int64)
        rewards += self.maze.noise(self._keys, self._counters)
        self._counters += live * np.uint64(self.maze.numbers_per_step)
        return next_states, rewards, terminated

    def _ends(self, states: NDArray[np.int64], actions: NDArray[np.int64]) -> NDArray[np.int64]:
        del states, actions
        return self._reached

    def _configuration(self) -> tuple[Any, ...]:
        return self.maze, self.render_mode, self.num_envs, self.autoreset_mode
