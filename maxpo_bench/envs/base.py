"""What the numeric environments share: seeding, refusal to step a finished episode, rendering.

An environment of the suite says where an episode starts and what a step does; everything about the life of episodes
is here for a single environment, and in `vector_base` for a batch.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.spaces import Discrete
from numpy.typing import ArrayLike, NDArray

from maxpo_bench.envs.checks import (
    StrictArguments,
    check_action,
    check_options,
    check_policy,
    check_render_mode,
)
from maxpo_bench.envs.episodes import EpisodeHistory, EpisodeLog
from maxpo_bench.envs.streams import check_seed, stream_keys

RENDER_MODES = ["ansi", "rgb_array"]
START_STATE = 0
Frame = NDArray[np.uint8]


class TabularTask(StrictArguments):
    """The part that a scalar environment and its vector version have in common: the task, without any episode."""

    name: ClassVar[str]
    _shown_policy: NDArray[np.float64] | None = None

    @property
    @abstractmethod
    def num_states(self) -> int:
        """Number of observations, terminal ones included."""

    @property
    @abstractmethod
    def num_actions(self) -> int:
        """Number of actions."""

    @property
    @abstractmethod
    def optimal_value(self) -> float:
        """The highest expected return of any policy."""

    @abstractmethod
    def exact_value(self, policy: ArrayLike, k: int = 1) -> float:
        """Return J_k, the exact expected best return of ``k`` episodes, of a policy ``[num_states, num_actions]``."""

    @abstractmethod
    def _configuration(self) -> tuple[Any, ...]:
        """Everything that the constructor's arguments decided."""

    @abstractmethod
    def _draw(self, mode: str, state: int, episode_return: float, history: EpisodeHistory) -> str | Frame:
        """Draw one environment, as text or as an image ``[height, width, 3]``."""

    def show_policy(self, policy: ArrayLike | None) -> None:
        """Let the renderings show a policy too.

        Args:
            policy: probabilities ``[num_states, num_actions]``, or ``[num_actions]`` for the same in every state; None
                shows none.

        Raises:
            ValueError: the shape is wrong, or it holds no probabilities.
        """
        if policy is None:
            self._shown_policy = None
            return
        table = np.asarray(policy, dtype=np.float64)
        if table.ndim == 1:
            table = np.tile(table, (self.num_states, 1))
        self._shown_policy = check_policy(table, self.num_states, self.num_actions).copy()

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return self._configuration() == other._configuration()  # pyright: ignore[reportAttributeAccessIssue]

    def __hash__(self) -> int:
        return hash((type(self), self._configuration()))


class TabularEnv(TabularTask, gym.Env[Any, Any]):
    """One environment. Subclasses call `_set_up` at the end of their constructor and define `_transition`."""

    metadata: dict[str, Any] = {"render_modes": RENDER_MODES, "render_fps": 10}  # noqa: RUF012 (Gymnasium's declaration)

    def _set_up(self, render_mode: str | None) -> None:
        self.render_mode = check_render_mode(render_mode, RENDER_MODES)
        self.observation_space = Discrete(self.num_states)
        self.action_space = Discrete(self.num_actions)
        self._log = None if render_mode is None else EpisodeLog(1)
        self._key, self._counter = np.zeros(1, dtype=np.uint64), np.zeros(1, dtype=np.uint64)
        self._has_key = False
        self._state, self._return = START_STATE, 0.0
        self._is_over, self._was_reset = True, False

    @abstractmethod
    def _transition(self, state: int, action: int) -> tuple[int, float, bool]:
        """Return the next state, the reward and whether the episode is over."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        """Start an episode.

        Args:
            seed: starts the stream of random numbers anew; None goes on with it. It never changes the instance.
            options: none are known.

        Returns:
            The start state, 0, and an empty dictionary.

        Raises:
            UnknownNameError: an option is given.
            TypeError: the seed is no integer.
            ValueError: the seed is not in [0, 2**63).
        """
        check_options(options, (), self.name)
        if seed is not None:
            super().reset(seed=check_seed(seed))
        if seed is not None or not self._has_key:
            start = self.np_random.integers(2**63, size=1) if seed is None else np.array([seed])
            self._key, self._counter, self._has_key = stream_keys(start), np.zeros(1, dtype=np.uint64), True
        self._state, self._return = START_STATE, 0.0
        self._is_over, self._was_reset = False, True
        return self._state, {}

    def step(self, action: Any) -> tuple[int, float, bool, bool, dict[str, Any]]:
        """Take one action.

        Args:
            action: an integer in [0, num_actions).

        Returns:
            The next state, the reward, terminated, truncated (always False) and an empty dictionary.

        Raises:
            ResetNeeded: the episode is over, or none has begun.
            TypeError: the action is no integer.
            ValueError: the action is out of range.
        """
        if self._is_over:
            reason = "the episode is over" if self._was_reset else "no episode has begun"
            raise ResetNeeded(f"{self.name}: {reason}: call reset() before the next step()")
        self._state, reward, self._is_over = self._transition(self._state, check_action(action, self.num_actions))
        self._return += reward
        if self._is_over and self._log is not None:
            self._log.record(np.array([True]), np.array([self._end()]), np.array([self._return]))
        return self._state, reward, self._is_over, False, {}

    def _end(self) -> int:
        """Where the episode ended, for the renderings."""
        return self._state

    def render(self) -> Any:
        """Draw the environment: text for ``"ansi"``, an image ``[height, width, 3]`` for ``"rgb_array"``."""
        if self.render_mode is None or self._log is None:
            gym.logger.warn(f'{self.name} was made without a render_mode: pass render_mode="rgb_array" or "ansi"')
            return None
        return self._draw(self.render_mode, self._state, self._return, self._log.history())
