"""`maxpo/WideMaze-v0`: the maze with more than two actions in each state and noise in the rewards."""

from __future__ import annotations

from gymnasium.vector import AutoresetMode

from maxpo_bench.envs.maze_layout import DeadEndLength, MazeLayout
from maxpo_bench.envs.noisy_maze import NoisyMaze, ScalarNoisyMaze, VectorNoisyMaze


class WideMazeEnv(ScalarNoisyMaze):
    """A maze with several actions in each state, one of them correct, and noise in the rewards.

    **Mission.** Walk as far as you can, as in ``maxpo/Maze-v0`` (arXiv 2606.06080, Sec. 5.1 and App. G.2), which has
    two actions and exact rewards. Here a wrong habit can be wrong in many ways, and a return is the number of correct
    steps plus noise that grows with the length of the walk: the best of a group is partly the luckiest one.

    **Observation.** ``Discrete(num_states)``: path states 0 .. length-1, the goal ``length``, the wall ``length + 1``,
    then the dead ends, if any.

    **Action.** ``Discrete(num_actions)``. One leads forward in each state, all others are wrong.

    **Reward.** +1 for each correct step, else 0, plus ``reward_noise`` times a standard normal number, on every step.

    **Episode.** Terminates at the goal, or in the wall after a wrong action: at once where the dead end has length 1;
    where it has length 2 any wrong action leads into that state's dead end, in which any action ends the episode.
    It is never truncated. ``info`` is empty.

    **Seeds.** ``instance`` decides the layout; with two actions it is that of ``maxpo/Maze-v0``. ``reset(seed=...)``
    decides the noise and nothing else. Stepping a finished episode raises ``gymnasium.error.ResetNeeded``.

    **Ids.** ``maxpo/WideMaze-v0`` with ``gymnasium.make`` and, as `WideMazeVectorEnv`, with ``gymnasium.make_vec``.

    Args:
        length: number of states on the path, at least 1.
        majority_share: share of states whose correct action is 1, in [0, 1]: exactly
            ``round(majority_share * length)`` of them; in the rest each other action is right equally often, to one.
        dead_end_length: 1, 2, or "mixed" for one of both in each state, decided by the instance.
        num_actions: number of actions, at least 2.
        reward_noise: standard deviation of the noise on every reward, at least 0.
        instance: which maze, any integer.
        render_mode: None, "ansi" or "rgb_array".

    Raises:
        TypeError: an argument is unknown or of the wrong type.
        ValueError: an argument is out of range.
    """

    name = "maxpo/WideMaze-v0"
    title = "Wide maze"

    def __init__(
        self,
        length: int = 1000,
        majority_share: float = 0.8,
        dead_end_length: DeadEndLength = 1,
        num_actions: int = 4,
        reward_noise: float = 0.5,
        instance: int = 0,
        render_mode: str | None = None,
    ) -> None:
        layout = MazeLayout.generate(length, majority_share, dead_end_length, instance, num_actions)
        self._set_maze(NoisyMaze(layout, 0.0, reward_noise))
        self._set_up(render_mode)


class WideMazeVectorEnv(VectorNoisyMaze):
    """A batch of walks through one wide maze, in NumPy, without a loop over environments.

    With the same list of seeds and the same actions, `WideMazeEnv` gives identical episodes. All environments share
    one layout.

    Args:
        num_envs: batch size, at least 1.
        length: as for `WideMazeEnv`.
        majority_share: as for `WideMazeEnv`.
        dead_end_length: as for `WideMazeEnv`.
        num_actions: as for `WideMazeEnv`.
        reward_noise: as for `WideMazeEnv`.
        instance: as for `WideMazeEnv`.
        render_mode: as for `WideMazeEnv`; `render` then gives a tuple with one frame per environment.
        autoreset_mode: DISABLED (with masked reset), NEXT_STEP or SAME_STEP, as a member of ``AutoresetMode``, its
            value ("SameStep") or its name.

    Raises:
        TypeError: an argument is unknown or of the wrong type.
        ValueError: an argument is out of range.
    """

    name = WideMazeEnv.name
    title = WideMazeEnv.title

    def __init__(
        self,
        num_envs: int = 1,
        length: int = 1000,
        majority_share: float = 0.8,
        dead_end_length: DeadEndLength = 1,
        num_actions: int = 4,
        reward_noise: float = 0.5,
        instance: int = 0,
        render_mode: str | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.DISABLED,
    ) -> None:
        layout = MazeLayout.generate(length, majority_share, dead_end_length, instance, num_actions)
        self._set_maze(NoisyMaze(layout, 0.0, reward_noise))
        self._set_up(num_envs, autoreset_mode, render_mode)
