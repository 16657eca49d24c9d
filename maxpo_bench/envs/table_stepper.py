"""Steps and masked resets of large batches whose dynamics are a table, in one compiled pass each.

`TabularVectorEnv` does the same with NumPy operations, one after the other, and whatever is out of the ordinary (other
types, actions out of range, finished episodes) is left to it: nothing is done then, and None returned.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from maxpo_bench.envs.table_loops import restart, step_all, step_and_restart, step_or_restart

Step = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]
_INT, _BOOL = np.dtype(np.int64), np.dtype(np.bool_)


class Table(Protocol):
    """Dynamics as arrays ``[num_states, num_actions]``; what leads on from a final state is never used."""

    @property
    def next_state(self) -> NDArray[np.int64]:
        """The following state."""
        ...

    @property
    def reward(self) -> NDArray[np.float64]:
        """The step's reward."""
        ...

    @property
    def terminated(self) -> NDArray[np.bool_]:
        """Whether the step ends the episode."""
        ...


class TableStepper:
    """Steps one batch.

    Args:
        table: the dynamics.
        mode: what becomes of finished episodes.
        num_envs: size of the batch.
    """

    def __init__(self, table: Table, mode: AutoresetMode, num_envs: int) -> None:
        self._num_states, num_actions = table.next_state.shape
        self._tables = num_actions, table.next_state.ravel(), table.reward.ravel(), table.terminated.ravel()
        self._mode, self._shape = mode, (num_envs,)
        # the states as Python integers, and None: making them anew would take most of a step
        self._objects = np.array([*range(self._num_states), None], dtype=object)

    def step(self, states: NDArray[np.int64], over: NDArray[np.bool_], actions: Any) -> Step | None:
        """Step all environments; see `TabularVectorEnv.step`.

        Args:
            states: ``[num_envs]``, written.
            over: ``[num_envs]`` whether the episode is over, written.
            actions: as the user gave them.
        """
        if not self._is_plain(actions, _INT):
            return None
        observations, rewards = np.empty(self._shape, dtype=np.int64), np.empty(self._shape)
        terminated, info = np.empty(self._shape, dtype=np.bool_), {}
        outputs = observations, rewards, terminated
        if self._mode is AutoresetMode.SAME_STEP:
            finals = np.empty(self._shape, dtype=np.int64)
            ended = step_and_restart(states, over, actions, *self._tables, *outputs, finals, self._num_states)
            if ended < 0:
                return None
            if ended:
                info = {"final_obs": self._objects.take(finals), "_final_obs": terminated.copy()}
                info |= {"final_info": {}, "_final_info": terminated.copy()}
        else:
            loop = step_all if self._mode is AutoresetMode.DISABLED else step_or_restart
            if not loop(states, over, actions, *self._tables, *outputs):
                return None
        return observations, rewards, terminated, np.zeros(self._shape, dtype=np.bool_), info

    def restart(
        self, states: NDArray[np.int64], over: NDArray[np.bool_], options: dict[str, Any] | None
    ) -> NDArray[np.int64] | None:
        """Restart those that ``options["reset_mask"]`` chooses and return the current states, a new array."""
        mask = options.get("reset_mask") if type(options) is dict and len(options) == 1 else None
        if not self._is_plain(mask, _BOOL):
            return None
        observations = np.empty(self._shape, dtype=np.int64)
        return observations if restart(states, over, mask, observations) else None

    def _is_plain(self, values: Any, dtype: np.dtype[Any]) -> bool:
        """Whether the compiled loops take these values: others would have them compiled again."""
        is_fitting = type(values) is np.ndarray and values.dtype == dtype and values.shape == self._shape
        return is_fitting and values.flags.carray
