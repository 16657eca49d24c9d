"""`maxpo/Maze-v0`: a long corridor with one correct path and a tempting habit, and what all mazes share."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import ArrayLike, NDArray

from maxpo_bench.envs.base import Frame, TabularEnv, TabularTask
from maxpo_bench.envs.episodes import EpisodeHistory
from maxpo_bench.envs.maze_layout import DeadEndLength, MazeLayout, TransitionTable
from maxpo_bench.envs.vector_base import TabularVectorEnv

__all__ = ["DeadEndLength", "MazeEnv", "MazeLayout", "MazeTask", "MazeVectorEnv", "ScalarMaze", "VectorMaze"]


class MazeTask(TabularTask):
    """What all mazes share: the layout, its exact values and its pictures."""

    title: ClassVar[str] = "Maze"
    layout: MazeLayout

    @property
    def num_states(self) -> int:
        """Path, goal, wall and dead ends."""
        return self.layout.num_states

    @property
    def num_actions(self) -> int:
        """Number of actions, in every state the same."""
        return self.layout.num_actions

    @property
    def optimal_value(self) -> float:
        """The length of the path: the correct action everywhere earns it, and no return is higher."""
        return float(self.layout.length)

    def exact_value(self, policy: ArrayLike, k: int = 1) -> float:
        """Return J_k, the exact expected best return of ``k`` episodes.

        Args:
            policy: probabilities ``[num_states, num_actions]``.
            k: number of episodes, at least 1; 1 gives the expected return.
        """
        return self.layout.max_at_k(policy, k)

    def _success_probabilities(self, policy: ArrayLike) -> NDArray[np.float64]:
        return self.layout.success_probabilities(policy)

    def _draw(self, mode: str, state: int, episode_return: float, history: EpisodeHistory) -> str | Frame:
        from maxpo_bench.envs.maze_picture import maze_frame, maze_text

        success = None if self._shown_policy is None else self._success_probabilities(self._shown_policy)
        steps = int(history.ends[-1] if state == self.layout.wall else self.layout.correct_steps[state])
        draw = maze_text if mode == "ansi" else maze_frame
        return draw(self.layout, state, steps, history, success, self.title, episode_return)


class ScalarMaze(MazeTask, TabularEnv):
    """One walk through a maze."""

    def _transition(self, state: int, action: int) -> tuple[int, float, bool]:
        table = self.layout.transitions
        at = state, action
        return int(table.next_state[at]), float(table.reward[at]), bool(table.terminated[at])

    def _end(self) -> int:
        return int(self._return)

    def _configuration(self) -> tuple[Any, ...]:
        return self.layout, self.render_mode


class VectorMaze(MazeTask, TabularVectorEnv):
    """A batch of walks through one maze."""

    def _transition(
        self, states: NDArray[np.int64], actions: NDArray[np.int64], live: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
        del live
        table, number = self.layout.transitions, self.num_actions
        place = states + states if number == 2 else states * number  # in the tables' rows; an addition is faster
        place += actions
        return table.next_state.take(place), table.reward.take(place), table.terminated.take(place)

    def _table(self) -> TransitionTable:
        return self.layout.transitions

    def _ends(self, states: NDArray[np.int64], actions: NDArray[np.int64]) -> NDArray[np.int64]:
        del states, actions
        return self._returns.astype(np.int64)

    def _configuration(self) -> tuple[Any, ...]:
        return self.layout, self.render_mode, self.num_envs, self.autoreset_mode


class MazeEnv(ScalarMaze):
    """A long path on which one of two actions leads forward, mostly the same one.

    **Mission.** Walk as far as you can. The correct action is 1 in most states, so always taking it earns something:
    the local optimum that, says the paper, discourages learning (arXiv 2606.06080, Sec. 5.1 and App. G.2, Fig. 6).

    **Observation.** ``Discrete(num_states)``: path states 0 .. length-1, the goal ``length``, the wall ``length + 1``,
    then the dead ends, if any.

    **Action.** ``Discrete(2)``.

    **Reward.** +1 for each correct step, else 0; the return is the number of correct steps, at most ``length``.

    **Episode.** Terminates at the goal, or in the wall after a wrong action: at once where the dead end has length 1;
    where it has length 2 the wrong action leads into that state's dead end, in which any action ends the episode.
    It is deterministic and never truncated. ``info`` is empty.

    **Seeds.** ``instance`` decides the layout. ``reset(seed=...)`` seeds ``np_random`` and changes nothing else: there
    is no chance in this task. Stepping a finished episode raises ``gymnasium.error.ResetNeeded``.

    **Ids.** ``maxpo/Maze-v0`` with ``gymnasium.make`` and, as `MazeVectorEnv`, with ``gymnasium.make_vec``.

    Args:
        length: number of states on the path, at least 1 (paper: 1000).
        majority_share: share of states whose correct action is 1, in [0, 1]: exactly
            ``round(majority_share * length)`` of them.
        dead_end_length: 1, 2, or "mixed" for one of both in each state, decided by the instance.
        instance: which maze, any integer.
        render_mode: None, "ansi" or "rgb_array".

    Raises:
        TypeError: an argument is unknown or of the wrong type.
        ValueError: an argument is out of range.
    """

    name = "maxpo/Maze-v0"

    def __init__(
        self,
        length: int = 1000,
        majority_share: float = 0.8,
        dead_end_length: DeadEndLength = 1,
        instance: int = 0,
        render_mode: str | None = None,
    ) -> None:
        self.layout = MazeLayout.generate(length, majority_share, dead_end_length, instance)
        self._set_up(render_mode)


class MazeVectorEnv(VectorMaze):
    """A batch of walks through one maze, in NumPy, without a loop over environments.

    Spaces, rewards and dynamics are those of `MazeEnv`: with the same actions both give identical episodes. All
    environments share one layout.

    Args:
        num_envs: batch size, at least 1.
        length: as for `MazeEnv`.
        majority_share: as for `MazeEnv`.
        dead_end_length: as for `MazeEnv`.
        instance: as for `MazeEnv`.
        render_mode: as for `MazeEnv`; `render` then gives a tuple with one frame per environment.
        autoreset_mode: DISABLED (with masked reset), NEXT_STEP or SAME_STEP, as a member of ``AutoresetMode``, its
            value ("SameStep") or its name.

    Raises:
        TypeError: an argument is unknown or of the wrong type.
        ValueError: an argument is out of range.
    """

    name = MazeEnv.name

    def __init__(
        self,
        num_envs: int = 1,
        length: int = 1000,
        majority_share: float = 0.8,
        dead_end_length: DeadEndLength = 1,
        instance: int = 0,
        render_mode: str | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.DISABLED,
    ) -> None:
        self.layout = MazeLayout.generate(length, majority_share, dead_end_length, instance)
        self._set_up(num_envs, autoreset_mode, render_mode)
