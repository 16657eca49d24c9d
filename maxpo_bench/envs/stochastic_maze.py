"""`maxpo/StochasticMaze-v0`: the maze in which even the right choice can fail."""

from __future__ import annotations

from gymnasium.vector import AutoresetMode

from maxpo_bench.envs.maze_layout import DeadEndLength, MazeLayout
from maxpo_bench.envs.noisy_maze import NoisyMaze, ScalarNoisyMaze, VectorNoisyMaze


class StochasticMazeEnv(ScalarNoisyMaze):
    """A maze in which the environment sometimes acts by itself and rewards may carry noise.

    **Mission.** Walk as far as you can, as in ``maxpo/Maze-v0`` (arXiv 2606.06080, Sec. 5.1 and App. G.2), which has no
    chance besides the policy's own. With the default ``slip`` of 0.002 a step fails with probability 0.001 although the
    right action was chosen: the best policy reaches the goal in 37 of 100 episodes and earns 632 of 1000 steps on
    average, so that chance spreads its returns over the whole path, without ending most walks early.

    **Observation.** ``Discrete(num_states)``: path states 0 .. length-1, the goal ``length``, the wall ``length + 1``,
    then the dead ends, if any.

    **Action.** ``Discrete(2)``. With probability ``slip`` the environment replaces it, before the transition, by one of
    the two with equal probability (which may be the chosen one).

    **Reward.** +1 for each correct step, else 0, plus ``reward_noise`` times a standard normal number, on every step.

    **Episode.** Terminates at the goal, or in the wall after a wrong action: at once where the dead end has length 1;
    where it has length 2 the wrong action leads into that state's dead end, in which any action ends the episode.
    It is never truncated. ``info`` is empty.

    **Seeds.** ``instance`` decides the layout, which is that of ``maxpo/Maze-v0``; ``reset(seed=...)`` decides slips
    and noise and nothing else. Stepping a finished episode raises ``gymnasium.error.ResetNeeded``.

    **Ids.** ``maxpo/StochasticMaze-v0`` with ``gymnasium.make`` and, as `StochasticMazeVectorEnv`, with
    ``gymnasium.make_vec``.

    Args:
        length: number of states on the path, at least 1.
        majority_share: share of states whose correct action is 1, in [0, 1]: exactly
            ``round(majority_share * length)`` of them.
        dead_end_length: 1, 2, or "mixed" for one of both in each state, decided by the instance.
        slip: probability that the chosen action is replaced, in [0, 1].
        reward_noise: standard deviation of the noise on every reward, at least 0.
        instance: which maze, any integer.
        render_mode: None, "ansi" or "rgb_array".

    Raises:
        TypeError: an argument is unknown or of the wrong type.
        ValueError: an argument is out of range.
    """

    name = "maxpo/StochasticMaze-v0"
    title = "Stochastic maze"

    def __init__(
        self,
        length: int = 1000,
        majority_share: float = 0.8,
        dead_end_length: DeadEndLength = 1,
        slip: float = 0.002,
        reward_noise: float = 0.0,
        instance: int = 0,
        render_mode: str | None = None,
    ) -> None:
        layout = MazeLayout.generate(length, majority_share, dead_end_length, instance)
        self._set_maze(NoisyMaze(layout, slip, reward_noise))
        self._set_up(render_mode)


class StochasticMazeVectorEnv(VectorNoisyMaze):
    """A batch of walks through one stochastic maze, in NumPy, without a loop over environments.

    With the same list of seeds and the same actions, `StochasticMazeEnv` gives identical episodes. All environments
    share one layout.

    Args:
        num_envs: batch size, at least 1.
        length: as for `StochasticMazeEnv`.
        majority_share: as for `StochasticMazeEnv`.
        dead_end_length: as for `StochasticMazeEnv`.
        slip: as for `StochasticMazeEnv`.
        reward_noise: as for `StochasticMazeEnv`.
        instance: as for `StochasticMazeEnv`.
        render_mode: as for `StochasticMazeEnv`; `render` then gives a tuple with one frame per environment.
        autoreset_mode: DISABLED (with masked reset), NEXT_STEP or SAME_STEP, as a member of ``AutoresetMode``, its
            value ("SameStep") or its name.

    Raises:
        TypeError: an argument is unknown or of the wrong type.
        ValueError: an argument is out of range.
    """

    name = StochasticMazeEnv.name
    title = StochasticMazeEnv.title

    def __init__(
        self,
        num_envs: int = 1,
        length: int = 1000,
        majority_share: float = 0.8,
        dead_end_length: DeadEndLength = 1,
        slip: float = 0.002,
        reward_noise: float = 0.0,
        instance: int = 0,
        render_mode: str | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.DISABLED,
    ) -> None:
        layout = MazeLayout.generate(length, majority_share, dead_end_length, instance)
        self._set_maze(NoisyMaze(layout, slip, reward_noise))
        self._set_up(num_envs, autoreset_mode, render_mode)
