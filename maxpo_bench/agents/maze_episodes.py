"""Episodes and gradients of the tabular maze policy without stepping through the maze.

With dead ends of one step an episode is its number of correct steps, so one uniform number through the inverse of that
number's distribution is an episode, and the policy gradient of a whole group needs only sums of advantages over the
episodes that reach each state.

Everything is batched over the leading axis ``R`` (runs, or groups of one run). Each row's result is bitwise the same
whatever the other rows are: sums over states run in order, and the states beyond a row's last visited one add zeros.

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

FIRST_WINDOW = 64


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


def correct_signs(layout: MazeLayout) -> Floats:
    """Return `[L]` +1 where action 1 is the correct one and -1 where action 0 is.

    Raises:
        ValueError: the layout has dead ends longer than one step, where an episode is more than its length.
    """
    longest = int(np.max(layout.dead_end_lengths))
    if longest != 1:
        raise ValueError(
            f"the population trainer needs dead ends of one step, this layout has dead ends of up to {longest}: "
            "generate it with dead_end_length=1, or train step by step with maxpo_bench.agents.make_agent"
        )
    return np.where(np.asarray(layout.correct_actions) == 1, 1.0, -1.0)


def success_probabilities(theta: Floats, bias: Floats, signs: Floats) -> Floats:
    """Return `[R, W]` probabilities of the correct action.

    Args:
        theta: `[R, W]` logit of action 1 in each state; the logit of action 0 is its negative.
        bias: `[R]` global logit of action 1; that of action 0 is its negative.
        signs: `[W]` of `correct_signs`, or `[R, W]` with a maze for each row.
    """
    gap = 2.0 * signs * (theta + bias[:, None])
    return 1.0 / (1.0 + np.exp(-np.clip(gap, -700.0, 700.0)))


def sample(theta: Floats, bias: Floats, signs: Floats, uniforms: Floats, window: int = FIRST_WINDOW) -> Episodes:
    """Turn one uniform number per episode into the episode's length: length = #{s : P(length > s) > u}.

    Args:
        theta: `[R, L]` logits of action 1.
        bias: `[R]` global logit of action 1.
        signs: `[L]` of `correct_signs`, or `[R, L]` with a maze for each row.
        uniforms: `[R, n]` in [0, 1).
        window: how many states to try first; it is doubled until every episode has ended.
    """
    limit = signs.shape[-1]
    lowest = uniforms.min(axis=1)
    window = min(max(window, 1), limit)
    while True:
        success = success_probabilities(theta[:, :window], bias, signs[..., :window])
        survival = np.cumprod(success, axis=1, dtype=np.float64)
        if window == limit or np.all(survival[:, -1] <= lowest):
            return Episodes(_count_greater(survival, uniforms), success)
        window = min(2 * window, limit)


def lengths_of(success: Floats, uniforms: Floats) -> Ints:
    """Return the lengths `[R, n]` of episodes: length = #{s : P(length > s) > u}.

    Args:
        success: `[R, W]` probability of the correct action in each state.
        uniforms: `[R, n]` in [0, 1).
    """
    return _count_greater(np.cumprod(success, axis=1, dtype=np.float64), uniforms)


def _count_greater(descending: Floats, values: Floats) -> Ints:
    """Return, for each of `values` `[R, n]`, how many of its row of `descending` `[R, W]` are greater, by bisection."""
    low = np.zeros(values.shape, dtype=np.int64)
    high = np.full(values.shape, descending.shape[1], dtype=np.int64)
    for _ in range(int(descending.shape[1]).bit_length()):
        middle = (low + high) // 2
        is_open = low < high
        is_greater = np.take_along_axis(descending, np.minimum(middle, descending.shape[1] - 1), axis=1) > values
        low = np.where(is_open & is_greater, middle + 1, low)
        high = np.where(is_open & ~is_greater, middle, high)
    return low


def reaching_sums(episodes: Episodes, weights: Floats) -> Floats:
    """Return `[R, W + 1]` sums of `weights` `[R, n]` over the episodes with length >= s, for s = 0 .. W."""
    rows, states = episodes.lengths.shape[0], episodes.window + 1
    cell = np.arange(rows)[:, None] * states + episodes.lengths
    ending = np.asarray(np.bincount(cell.ravel(), weights.ravel(), rows * states), np.float64).reshape(rows, states)
    return np.cumsum(ending[:, ::-1], axis=1)[:, ::-1]


def score_sum(episodes: Episodes, advantages: Floats, signs: Floats) -> Floats:
    """Return `[R, W]` sum_i A_i dPsi_i / dtheta[s, 1], with Psi_i the log-likelihood of episode i (Eq 122-124).

    An episode that passes state s contributes A_i (1 - p_s), one that fails there -A_i p_s, both with the sign of the
    correct action. The derivative by the logit of action 0 is the negative; by the global bias, the sum over states.

    Args:
        episodes: of the current policy.
        advantages: `[R, n]`.
        signs: `[L]` of `correct_signs`, or `[R, L]` with a maze for each row.
    """
    reaching = reaching_sums(episodes, advantages)
    return signs[..., : episodes.window] * (reaching[:, 1:] - reaching[:, :-1] * episodes.success)


def entropy_sum(episodes: Episodes, signs: Floats) -> Floats:
    """Return `[R, W]` sum over episodes and their visited states of dH(pi(.|s)) / dtheta[s, 1].

    The derivative is exact for each visited state (-y p (1 - p), with y the logit gap of action 1 over action 0); how
    often a state is visited is taken as given, so that no gradient flows through the visits.
    """
    visits = reaching_sums(episodes, np.ones(episodes.lengths.shape))[:, :-1]
    success = np.clip(episodes.success, 1e-300, 1.0)
    failure = np.clip(1.0 - success, 1e-300, 1.0)
    gap = signs[..., : episodes.window] * (np.log(success) - np.log(failure))
    return -visits * gap * success * failure


def total(per_state: Floats) -> Floats:
    """Return `[R]` sums over states of `[R, W]`, in order, so that further zeros change no bit of the result."""
    return np.cumsum(per_state, axis=1)[:, -1]
