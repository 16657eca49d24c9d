"""What there is to say of a maze before anything is learned, exactly: where blind policies end and what they earn.

A blind policy takes action 1 with one probability q in every state (`MazeLayout.blind_policy`). Its best return is the
local optimum that the maze of the paper's App. G.2 (arXiv 2606.06080) is built around.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maxpo_bench.envs import MazeLayout
from maxpo_bench.envs.maze_layout import DeadEndLength
from maxpo_bench.plots.frames import Frame
from maxpo_bench.seeding import derive_seed

Floats = NDArray[np.float64]

SHARES = (0.7, 0.8, 0.9)
ENDS = (0.5, 0.8, 1.0)
INSTANCES = 100
POINTS = 101
_SEARCH_POINTS = 501
_PIECE = 64
_NEGLIGIBLE = 1e-18


def blind_returns(layout: MazeLayout, q: ArrayLike) -> Floats:
    """Return ``[Q]``: the exact expected returns of the blind policies of all q ``[Q]``, see `MazeLayout.blind_return`.

    The path is walked in pieces, up to where the rest can no longer be seen in any of the sums.
    """
    chances = np.atleast_1d(np.asarray(q, dtype=np.float64))
    survival, total = np.ones_like(chances), np.zeros_like(chances)
    for start in range(0, layout.length, _PIECE):
        steps = np.cumprod(_successes(layout, chances, start, start + _PIECE), axis=1, dtype=np.float64)
        total += survival * steps.sum(axis=1)
        survival *= steps[:, -1]
        if (survival * layout.length <= _NEGLIGIBLE * total).all():
            break
    return total


def _successes(layout: MazeLayout, chances: Floats, start: int, end: int) -> Floats:
    """Probabilities ``[Q, states]`` of the correct action in the path states start .. end-1 for each q ``[Q]``."""
    others = (1.0 - chances) / (layout.num_actions - 1)
    return np.where(layout.correct_actions[start:end] == 1, chances[:, None], others[:, None])


def blind_ends(layout: MazeLayout, q: float) -> Floats:
    """Return ``[length + 1]``: the probability that a blind policy's episode ends after each path state, goal last."""
    survival = np.concatenate([[1.0], layout.survival(layout.blind_policy(q)), [0.0]])
    return survival[:-1] - survival[1:]


def best_blind(layout: MazeLayout) -> tuple[float, float]:
    """Return (q, exact return) of the best blind policy: the best of 501 even steps, refined between its neighbours."""
    from scipy.optimize import minimize_scalar

    grid = np.linspace(0.0, 1.0, _SEARCH_POINTS)
    returns = blind_returns(layout, grid)
    place = int(returns.argmax())
    ends = float(grid[max(place - 1, 0)]), float(grid[min(place + 1, _SEARCH_POINTS - 1)])
    found: Any = minimize_scalar(
        lambda q: -blind_returns(layout, q)[0], bounds=ends, method="bounded", options={"xatol": 1e-10}
    )
    if -found.fun > returns[place]:
        return float(found.x), float(-found.fun)
    return float(grid[place]), float(returns[place])


def blind_table(
    shares: Sequence[float] = SHARES,
    lengths: Sequence[int] = (1000,),
    instances: int = INSTANCES,
    *,
    seed: int = 0,
    dead_end_length: DeadEndLength = "mixed",
) -> Frame:
    """Return what blind policies earn, one row per maze.

    Args:
        shares: majority shares.
        lengths: of the mazes.
        instances: mazes of each share and length.
        seed: root of the mazes' instances, which are the same numbers for every share and length.
        dead_end_length: see `MazeLayout.generate`; it changes no value here.

    Returns:
        A pandas DataFrame: majority_share, length, instance (0 .. instances - 1), always_1 (exact return of always
        taking action 1), matching (of taking it with probability majority_share), best_q and best_return (of the best
        blind policy), optimum (the path's length).
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for share in shares:
        for length in lengths:
            for index, layout in enumerate(_layouts(length, share, instances, seed, dead_end_length)):
                always, matching = blind_returns(layout, [1.0, share]).tolist()
                best_q, best_return = best_blind(layout)
                rows.append(
                    {
                        "majority_share": float(share),
                        "length": int(length),
                        "instance": index,
                        "always_1": always,
                        "matching": matching,
                        "best_q": best_q,
                        "best_return": best_return,
                        "optimum": float(length),
                    }
                )
    return pd.DataFrame(rows)


def maze_frame(
    layout: MazeLayout | None = None,
    *,
    ends: Sequence[float] = ENDS,
    shares: Sequence[float] = SHARES,
    instances: int = INSTANCES,
    points: int = POINTS,
    seed: int = 0,
) -> Frame:
    """Return the data of figure "maze": one maze, where blind policies end in it, and what they earn in many.

    Args:
        layout: the maze to draw; by default that of `maxpo/Maze-v0` with dead ends of one or two steps: 1000 states,
            action 1 right in 800, instance 0.
        ends: probabilities q of action 1, whose ends in that maze are computed.
        shares: majority shares of the many mazes, which are as long as the one drawn.
        instances: how many mazes of each share.
        points: values of q from 0 to 1.
        seed: root of the instances of the many mazes.

    Returns:
        A pandas DataFrame in long form. ``part`` says what a row is: "path", one per state, with state,
        correct_action and dead_end_length; "end", one per q and state up to the goal, with value the probability that
        the episode ends there; "return", one per majority_share, instance and q, with value the exact return; "best",
        one per majority_share and instance, with q and value of the best blind policy.
    """
    import pandas as pd

    if layout is None:
        layout = MazeLayout.generate(dead_end_length="mixed")
    states = np.arange(layout.length)
    parts = [
        pd.DataFrame(
            {
                "part": "path",
                "state": states,
                "correct_action": layout.correct_actions,
                "dead_end_length": layout.dead_end_lengths,
            }
        )
    ]
    for q in ends:
        columns = {"part": "end", "q": float(q), "state": np.arange(layout.length + 1), "value": blind_ends(layout, q)}
        parts.append(pd.DataFrame(columns))
    grid = np.linspace(0.0, 1.0, points)
    for share in shares:
        for index, maze in enumerate(_layouts(layout.length, share, instances, seed, 1)):
            place = {"majority_share": float(share), "instance": index}
            parts.append(pd.DataFrame({"part": "return", **place, "q": grid, "value": blind_returns(maze, grid)}))
            best_q, best_return = best_blind(maze)
            parts.append(pd.DataFrame({"part": "best", **place, "q": [best_q], "value": [best_return]}))
    return pd.concat(parts, ignore_index=True)


def _layouts(length: int, share: float, instances: int, seed: int, dead_end_length: DeadEndLength) -> list[MazeLayout]:
    """Mazes by number, as many as asked for."""
    if instances < 1:
        raise ValueError(f"instances must be at least 1, got {instances}")
    numbers = [derive_seed(seed, "figure", "maze", index) for index in range(instances)]
    return [MazeLayout.generate(length, share, dead_end_length, number) for number in numbers]
