"""What the numeric environments share: seeding, autoreset, masked reset, refusal to step a finished episode, rendering.

An environment of the suite says where an episode starts and what a step does; everything about the life of episodes
is here, once for a single environment and once for a batch in NumPy.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.spaces import Discrete
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space
from numpy.typing import ArrayLike, NDArray

from maxpo_bench.envs.checks import (
    StrictArguments,
    check_action,
    check_actions,
    check_integer,
    check_options,
    check_policy,
    check_render_mode,
    check_reset_mask,
    parse_autoreset_mode,
)
from maxpo_bench.envs.episodes import EpisodeHistory, EpisodeLog
from maxpo_bench.envs.streams import check_seed, episode_seeds, stream_keys

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
        self._key: NDArray[np.uint64] | None = None
        self._counter = np.zeros(1, dtype=np.uint64)
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
            self._key, self._counter = stream_keys(np.array([seed])), np.zeros(1, dtype=np.uint64)
        elif self._key is None:
            self._key = stream_keys(self.np_random.integers(2**63, size=1))
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


class TabularVectorEnv(TabularTask, gym.vector.VectorEnv[Any, Any, Any]):
    """A batch of one environment in NumPy. Subclasses call `_set_up` and define `_transition`."""

    metadata: dict[str, Any] = {  # noqa: RUF012 (Gymnasium's declaration)
        "render_modes": RENDER_MODES,
        "render_fps": 10,
        "autoreset_mode": AutoresetMode.DISABLED,
    }

    def _set_up(self, num_envs: int, autoreset_mode: AutoresetMode | str, render_mode: str | None) -> None:
        self.num_envs = check_integer("num_envs", num_envs, 1)
        self.autoreset_mode = parse_autoreset_mode(autoreset_mode)
        self.metadata = {**type(self).metadata, "autoreset_mode": self.autoreset_mode}
        self.render_mode = check_render_mode(render_mode, RENDER_MODES)
        self.single_observation_space = Discrete(self.num_states)
        self.single_action_space = Discrete(self.num_actions)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self._log = None if render_mode is None else EpisodeLog(self.num_envs)
        self._keys = np.zeros(self.num_envs, dtype=np.uint64)
        self._has_key = np.zeros(self.num_envs, dtype=bool)
        self._counters = np.zeros(self.num_envs, dtype=np.uint64)
        self._states = np.full(self.num_envs, START_STATE, dtype=np.int64)
        self._returns = np.zeros(self.num_envs)
        self._is_over = np.ones(self.num_envs, dtype=bool)
        self._was_reset = np.zeros(self.num_envs, dtype=bool)

    @abstractmethod
    def _transition(
        self, states: NDArray[np.int64], actions: NDArray[np.int64], live: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
        """Return new arrays ``[num_envs]``: next states, rewards, terminated; those of no ``live`` entry are ignored."""

    def reset(
        self, *, seed: Any = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.int64], dict[str, Any]]:
        """Start episodes in all environments, or in those of a mask.

        Args:
            seed: None goes on with each environment's stream; a list has one seed, or None, per environment, which
                then does exactly what a scalar environment with that seed does; an integer stands for the list
                ``episode_seeds(seed, num_envs)``, derived by hashing. It never changes the instance.
            options: ``{"reset_mask": Boolean array [num_envs]}`` resets only the environments where it is True.

        Returns:
            The current states ``[num_envs]`` of all environments and an empty dictionary.

        Raises:
            UnknownNameError: an unknown option.
            TypeError: a seed or the mask has the wrong type.
            ValueError: a seed is not in [0, 2**63), the list has the wrong length or the mask the wrong shape.
        """
        check_options(options, ("reset_mask",), self.name)
        mask = np.ones(self.num_envs, dtype=bool)
        if options is not None and "reset_mask" in options:
            mask = check_reset_mask(options["reset_mask"], self.num_envs)
        self._seed(seed, mask)
        self._begin(mask)
        self._was_reset |= mask
        return self._states.copy(), {}

    def _seed(self, seed: Any, mask: NDArray[np.bool_]) -> None:
        if isinstance(seed, list | tuple | np.ndarray):
            chosen, seeds = _seed_list(seed, self.num_envs)
        elif seed is not None:
            super().reset(seed=check_seed(seed))
            chosen, seeds = np.ones(self.num_envs, dtype=bool), episode_seeds(seed, self.num_envs)
        else:
            chosen, seeds = np.zeros(self.num_envs, dtype=bool), np.zeros(self.num_envs, dtype=np.int64)
        fresh = mask & ~chosen & ~self._has_key
        if fresh.any():
            seeds[fresh] = self.np_random.integers(2**63, size=int(fresh.sum()))
        new = (mask & chosen) | fresh
        self._keys[new] = stream_keys(seeds[new])
        self._counters[new] = 0
        self._has_key |= new

    def _begin(self, which: NDArray[np.bool_]) -> None:
        self._states[which] = START_STATE
        self._returns[which] = 0.0
        self._is_over[which] = False

    def step(
        self, actions: Any
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Take one action in each environment.

        What happens to finished ones is the autoreset mode's: DISABLED raises until they are reset; NEXT_STEP starts
        their next episode with this call, ignoring the action, with reward 0; SAME_STEP has started it already and
        gave the last state in ``info["final_obs"]`` where ``info["_final_obs"]`` is True.

        Args:
            actions: integers ``[num_envs]`` in [0, num_actions).

        Returns:
            States, rewards, terminated, truncated (always False), each a new array ``[num_envs]``, and the info.

        Raises:
            ResetNeeded: an environment's episode is over (mode DISABLED), or none has begun.
            TypeError: the actions are no integers.
            ValueError: the actions have the wrong shape or are out of range.
        """
        restart = self._require_episodes()
        live = ~restart
        states, rewards, terminated = self._transition(
            self._states, check_actions(actions, self.num_actions, live), live
        )
        rewards[restart], terminated[restart] = 0.0, False
        ends = self._ends(states, np.asarray(actions))
        self._states, self._is_over = states, terminated.copy()
        self._returns += rewards
        if self._log is not None:
            self._log.record(terminated, ends, self._returns)
        self._begin(restart)
        info: dict[str, Any] = {}
        if self.autoreset_mode is AutoresetMode.SAME_STEP and terminated.any():
            info = self._final_info(terminated)
            self._begin(terminated)
        return self._states.copy(), rewards, terminated, np.zeros(self.num_envs, dtype=bool), info

    def _require_episodes(self) -> NDArray[np.bool_]:
        """Return which environments restart in this step, or raise if one may not be stepped."""
        if not self._was_reset.all():
            raise ResetNeeded(f"{self.name}: no episode has begun {_where(~self._was_reset)}: call reset() first")
        if self.autoreset_mode is AutoresetMode.DISABLED and self._is_over.any():
            raise ResetNeeded(
                f"{self.name}: the episode is over {_where(self._is_over)}: call "
                f'reset(options={{"reset_mask": terminated}}) before the next step(), or make the environment with '
                f'autoreset_mode="NextStep" or "SameStep"'
            )
        return self._is_over.copy()

    def _final_info(self, finished: NDArray[np.bool_]) -> dict[str, Any]:
        final = np.full(self.num_envs, None, dtype=object)
        final[finished] = self._states[finished]
        return {"final_obs": final, "_final_obs": finished.copy(), "final_info": {}, "_final_info": finished.copy()}

    def _ends(self, states: NDArray[np.int64], actions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where an episode that is over now has ended, ``[num_envs]``, for the renderings."""
        del actions
        return states

    def render(self) -> Any:
        """Draw every environment: a tuple of ``num_envs`` texts or images, as Gymnasium's vector environments give."""
        log = self._log
        if self.render_mode is None or log is None:
            gym.logger.warn(f'{self.name} was made without a render_mode: pass render_mode="rgb_array" or "ansi"')
            return None
        mode = self.render_mode
        pasts = zip(self._states.tolist(), self._returns.tolist(), map(log.history, range(self.num_envs)), strict=True)
        return tuple(self._draw(mode, *past) for past in pasts)


def _seed_list(seed: Any, num_envs: int) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Return which environments get a seed and the seeds ``[num_envs]``, 0 where there is none."""
    given = np.empty(len(seed), dtype=object)
    given[:] = list(seed)
    if given.shape != (num_envs,):
        raise ValueError(f"reset(seed=[...]) must have one seed per environment, {num_envs}, got {len(seed)}")
    chosen = np.not_equal(given, None).astype(bool)
    seeds = np.zeros(num_envs, dtype=np.int64)
    if chosen.any():
        for extreme in (*{type(value) for value in given[chosen]},):
            if extreme is bool or not issubclass(extreme, int | np.integer):
                raise TypeError(f"reset(seed=[...]) must hold integers or None, got a {extreme.__name__}")
        check_seed(given[chosen].min())
        check_seed(given[chosen].max())
        seeds[chosen] = given[chosen].astype(np.int64)
    return chosen, seeds


def _where(which: NDArray[np.bool_]) -> str:
    indices = np.flatnonzero(which)
    shown = ", ".join(map(str, indices[:5]))
    return f"in environment{'s' if indices.size > 1 else ''} {shown}{', ...' if indices.size > 5 else ''}"
