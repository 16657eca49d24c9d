"""What the numeric vector environments share: seeds, all three autoreset modes, masked reset, refusals."""

from __future__ import annotations

from abc import abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.spaces import Discrete
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from maxpo_bench.envs.base import RENDER_MODES, START_STATE, TabularTask
from maxpo_bench.envs.checks import (
    check_actions,
    check_integer,
    check_options,
    check_render_mode,
    check_reset_mask,
    parse_autoreset_mode,
)
from maxpo_bench.envs.episodes import EpisodeLog
from maxpo_bench.envs.seeded_batch import SeededBatch

if TYPE_CHECKING:
    from maxpo_bench.envs.table_stepper import Table, TableStepper

FEWEST_COMPILED = 256


class TabularVectorEnv(TabularTask, SeededBatch):
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
        self._set_up_streams(self.num_envs)
        self._states = np.full(self.num_envs, START_STATE, dtype=np.int64)
        self._returns = np.zeros(self.num_envs)
        self._is_over = np.ones(self.num_envs, dtype=bool)
        self._was_reset = np.zeros(self.num_envs, dtype=bool)
        self._has_begun = False
        self._everyone = np.ones(self.num_envs, dtype=bool)
        self._everyone.flags.writeable = False

    @abstractmethod
    def _transition(
        self, states: NDArray[np.int64], actions: NDArray[np.int64], live: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
        """Return new arrays ``[num_envs]``: next states, rewards, terminated; only ``live`` entries count.

        It leaves its arguments as they are. The actions that are not live are valid ones too.
        """

    def _table(self) -> Table | None:
        """Return the dynamics, if a table is all there is to `_transition`; a class defines both or neither."""
        return None

    @cached_property
    def _stepper(self) -> TableStepper | None:
        """What steps a large batch faster; importing Numba takes as long as many thousand steps of a small one."""
        table = self._table()
        is_same = _definer(type(self), "_table") is _definer(type(self), "_transition")
        if table is None or not is_same or self._log is not None or self.num_envs < FEWEST_COMPILED:
            return None
        from maxpo_bench.envs.table_stepper import TableStepper

        return TableStepper(table, self.autoreset_mode, self.num_envs)

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
        if seed is None and self._has_begun and self._stepper is not None:
            observations = self._stepper.restart(self._states, self._is_over, options)
            if observations is not None:
                return observations, {}
        check_options(options, ("reset_mask",), self.name)
        mask = self._everyone
        if options is not None and "reset_mask" in options:
            mask = check_reset_mask(options["reset_mask"], self.num_envs)
        if seed is not None or not self._has_begun:
            self._seed(seed, mask)
            self._was_reset |= mask
            self._has_begun = bool(self._was_reset.all())
        self._begin_except(~mask)
        return self._states.copy(), {}

    def _begin_except(self, going_on: NDArray[np.bool_]) -> None:
        """Start an episode in all other environments, by products: assignments by mask stumble over random masks."""
        self._states *= going_on
        self._is_over &= going_on
        if self._log is not None:
            self._returns *= going_on

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
        if self._has_begun and self._stepper is not None:
            done = self._stepper.step(self._states, self._is_over, actions)
            if done is not None:
                return done
        self._require_episodes()
        restart = self._is_over if self.autoreset_mode is AutoresetMode.NEXT_STEP and _any(self._is_over) else None
        live = self._everyone if restart is None else ~restart
        if not self._are_valid(actions):
            actions = check_actions(actions, self.num_actions, live)
        self._states, rewards, terminated = self._transition(self._states, actions, live)
        if restart is not None:
            # the bits, since 0 times infinity is not 0
            bits = rewards.view(np.int64)
            bits *= live
            terminated &= live
        if self._log is not None:
            self._returns += rewards
            self._log.record(terminated, self._ends(self._states, actions), self._returns)
        self._is_over = terminated.copy()
        if restart is not None:
            self._begin_except(live)
        info: dict[str, Any] = {}
        if self.autoreset_mode is AutoresetMode.SAME_STEP and _any(terminated):
            info = self._final_info(terminated)
            self._begin_except(~terminated)
        return self._states.copy(), rewards, terminated, np.zeros(self.num_envs, dtype=bool), info

    def _require_episodes(self) -> None:
        """Raise if an environment may not be stepped."""
        if not self._has_begun:
            raise ResetNeeded(
                f"{self.name}: no episode has begun {environments_where(~self._was_reset)}: call reset() first"
            )
        if self.autoreset_mode is AutoresetMode.DISABLED and _any(self._is_over):
            raise ResetNeeded(
                f"{self.name}: the episode is over {environments_where(self._is_over)}: call "
                f'reset(options={{"reset_mask": terminated}}) before the next step(), or make the environment with '
                f'autoreset_mode="NextStep" or "SameStep"'
            )

    def _are_valid(self, actions: Any) -> bool:
        """Whether actions can be taken as they are: the common case, seen at the price of one pass over them."""
        return (
            type(actions) is np.ndarray
            and actions.dtype == np.int64
            and actions.shape == self._everyone.shape
            # a negative number is a large one without its sign
            and bool(actions.view(np.uint64).max() < self.num_actions)
        )

    def _final_info(self, finished: NDArray[np.bool_]) -> dict[str, Any]:
        final = self._states.astype(object)
        final[~finished] = None
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


def _definer(kind: type, name: str) -> type:
    """Return the class that defines what a class inherits under a name."""
    return next(each for each in kind.__mro__ if name in vars(each))


def _any(which: NDArray[np.bool_]) -> bool:
    """Whether one entry is True, in half the time of ``which.any()``."""
    return bool(np.count_nonzero(which))


def environments_where(which: NDArray[np.bool_]) -> str:
    """Say which environments a mask ``[num_envs]`` takes, for messages."""
    indices = np.flatnonzero(which)
    shown = ", ".join(map(str, indices[:5]))
    return f"in environment{'s' if indices.size > 1 else ''} {shown}{', ...' if indices.size > 5 else ''}"
