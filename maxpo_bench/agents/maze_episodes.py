"""Episodes and gradients of a maze policy without stepping through the maze.

The return of an episode is its number of correct steps, so one uniform number through the inverse of that number's
distribution is an episode, and the policy gradient of a whole group needs only sums of advantages over the episodes
that reach each state. The loops are in `maze_compiled`.

Everything is batched over the leading axis ``R`` (runs, or groups of one run); each row's result is bitwise the same
whatever the other rows are.

Shape letters: ``R`` rows, ``n`` episodes per group, ``L`` length of the correct path, ``W`` <= ``L`` states computed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from maxpo_bench.envs.maze import MazeLayout

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Episodes:
    """Groups of episodes of one policy per row.

    Attributes:
        lengths: `[R, n]` correct steps of each episode, which is also its return.
        success: `[R, W]` probability of the correct action in the first `W` states; every visited state is among them.
    """

    lengths: Ints
    success: Floats

    @property
    def window(self) -> int:
        """`W`, the number of states computed."""
        return self.success.shape[1]


def path_signs(layout: MazeLayout) -> Floats:
    """Return `[L]` +1 where action 1 is the correct one and -1 where action 0 is.

    Raises:
        ValueError: the layout has more than two actions.
    """
    if layout.num_actions != 2:
        raise ValueError(
            f"the population form takes mazes with two actions, this layout has {layout.num_actions}: train step by "
            "step with maxpo_bench.agents.make_agent"
        )
    return np.where(np.asarray(layout.correct_actions) == 1, 1.0, -1.0)


def correct_signs(layout: MazeLayout) -> Floats:
    """Return `path_signs` of a layout whose dead ends all have one step.

    Raises:
        ValueError: the layout has more than two actions, or dead ends longer than one step, where an episode is more
            than its length.
    """
    longest = int(np.max(layout.dead_end_lengths))
    if longest != 1:
        raise ValueError(
            f"this needs dead ends of one step, the layout has dead ends of up to {longest}: "
            "generate it with dead_end_length=1, or train step by step with maxpo_bench.agents.make_agent"
        )
    return path_signs(layout)


def sample(theta: Floats, bias: Floats, signs: Floats, uniforms: Floats) -> Episodes:
    """Turn one uniform number per episode into the episode's length: length = #{s : P(length > s) > u}.

    Args:
        theta: `[R, L]` logits of action 1 in each state; the logit of action 0 is its negative.
        bias: `[R]` global logit of action 1; that of action 0 is its negative.
        signs: `[L]` of `path_signs`, or `[R, L]` with a maze for each row.
        uniforms: `[R, n]` in [0, 1).
    """
    from maxpo_bench.agents.maze_compiled import draw_rows

    rows, length = theta.shape
    params = np.concatenate([theta, np.zeros_like(theta), bias[:, None]], axis=1)
    success, lengths = np.zeros((rows, length)), np.zeros(uniforms.shape, dtype=np.int64)
    visited = np.zeros(rows, dtype=np.int64)
    draw_rows(params, _by_row(signs, theta.shape), np.ascontiguousarray(uniforms), success, lengths, visited)
    return Episodes(lengths, success[:, : visited.max()])


def lengths_of(success: Floats, uniforms: Floats) -> Ints:
    """Return the lengths `[R, n]` of episodes: length = #{s : P(length > s) > u}.

    Args:
        success: `[R, W]` probability of the correct action in each state.
        uniforms: `[R, n]` in [0, 1).
    """
    from maxpo_bench.agents.maze_compiled import draw_lengths

    survival = np.cumprod(success, axis=1, dtype=np.float64)
    lengths = np.zeros(uniforms.shape, dtype=np.int64)
    for row in range(len(lengths)):
        draw_lengths(survival[row], survival.shape[1], uniforms[row], lengths[row])
    return lengths


def score_sum(episodes: Episodes, advantages: Floats, signs: Floats) -> Floats:
    """Return `[R, W]` sum_i A_i dPsi_i / dtheta[s, 1], with Psi_i the log-likelihood of episode i (Eq 122-124).

    An episode that passes state s contributes A_i (1 - p_s), one that fails there -A_i p_s, both with the sign of the
    correct action. The derivative by the logit of action 0 is the negative; by the global bias, the sum over states.

    Args:
        episodes: of the current policy.
        advantages: `[R, n]`.
        signs: `[L]` of `path_signs`, or `[R, L]` with a maze for each row.
    """
    from maxpo_bench.agents.maze_compiled import score_row

    scores = np.zeros(episodes.success.shape)
    by_row = _by_row(signs[..., : episodes.window], scores.shape)
    success = np.ascontiguousarray(episodes.success)
    for row in range(len(scores)):
        score_row(success[row], by_row[row], episodes.lengths[row], episodes.window, advantages[row], scores[row])
    return scores


def entropy_sum(episodes: Episodes, signs: Floats) -> Floats:
    """Return `[R, W]` sum over episodes and their visited states of dH(pi(.|s)) / dtheta[s, 1].

    The derivative is exact for each visited state (-y p (1 - p), with y the logit gap of action 1 over action 0); how
    often a state is visited is taken as given, so that no gradient flows through the visits.

    Args:
        episodes: of the current policy.
        signs: `[L]` of `path_signs`, or `[R, L]` with a maze for each row.
    """
    from maxpo_bench.agents.maze_compiled import add_entropy_rows

    success = np.clip(episodes.success, 1e-300, 1.0)
    failure = np.clip(1.0 - success, 1e-300, 1.0)
    rows, window = success.shape
    params = np.zeros((rows, 2 * window + 1))
    params[:, :window] = signs[..., :window] * (np.log(success) - np.log(failure)) / 2.0
    result, visited = np.zeros_like(params), np.full(rows, window, dtype=np.int64)
    add_entropy_rows(params, np.zeros((rows, 0), dtype=np.bool_), episodes.lengths, visited, 1.0, result)
    return result[:, :window]


def total(per_state: Floats) -> Floats:
    """Return `[R]` sums over states of `[R, W]`, in order, so that further zeros change no bit of the result."""
    return np.cumsum(per_state, axis=1)[:, -1]


def _by_row(signs: Floats, shape: tuple[int, ...]) -> Floats:
    """Return signs `[R, L]`, contiguous, one row per maze."""
    return np.ascontiguousarray(np.broadcast_to(signs[..., : shape[1]], shape))
