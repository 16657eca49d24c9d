"""Compiled loops of the maze's population form: draw episodes, sum their scores, ascend.

Numba is imported with this module, so import it lazily. Every loop goes over rows (runs, or groups of one run) that
know nothing of each other, so a row's result is bitwise the same whatever the other rows are.

Shape letters: ``R`` rows, ``n`` episodes per group, ``L`` length of the path. A row's parameters ``[2 L + 1]`` are half
the logit gaps, action 1's logit where that of action 0 is its negative: of the path's states, of their dead ends (those
of one step have none and stay 0), and of the global bias.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from maxpo_bench.compiled import compiled

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

LARGEST_GAP = 700.0


@compiled
def sigmoid(gap: float) -> float:
    """1 / (1 + exp(-gap)), the gap clipped so that nothing overflows."""
    return 1.0 / (1.0 + math.exp(-min(max(gap, -LARGEST_GAP), LARGEST_GAP)))


@compiled
def draw_lengths(survival: Floats, visited: int, uniforms: Floats, lengths: Ints) -> None:
    """Write how many of the first ``visited`` of the descending ``survival`` are greater than each uniform number."""
    for i in range(uniforms.size):
        low, high = 0, visited
        while low < high:
            middle = (low + high) // 2
            if survival[middle] > uniforms[i]:
                low = middle + 1
            else:
                high = middle
        lengths[i] = low


@compiled
def draw_rows(params: Floats, signs: Floats, uniforms: Floats, success: Floats, lengths: Ints, visited: Ints) -> None:
    """Draw a group of episodes per row: length = #{s : P(length > s) > u}.

    Args:
        params: `[R, 2 L + 1]`.
        signs: `[R, L]`, +1 where action 1 is correct, else -1.
        uniforms: `[R, n]` in [0, 1).
        success: written, `[R, L]`: probability of the correct action in the first ``visited`` states.
        lengths: written, `[R, n]`.
        visited: written, `[R]`: the states that some episode of the row visits.
    """
    rows, length = signs.shape
    survival = np.empty(length)
    for r in range(rows):
        bias, lowest, alive, s = params[r, 2 * length], uniforms[r].min(), 1.0, 0
        while s < length and alive > lowest:
            success[r, s] = sigmoid(2.0 * signs[r, s] * (params[r, s] + bias))
            alive *= success[r, s]
            survival[s] = alive
            s += 1
        visited[r] = s
        draw_lengths(survival, s, uniforms[r], lengths[r])


@compiled
def draw_turns(params: Floats, is_long: Flags, lengths: Ints, uniforms: Floats, turns: Floats) -> None:
    """Draw the action in the dead ends of two steps; it decides nothing, but its score is part of the gradient.

    Args:
        params: `[R, 2 L + 1]`.
        is_long: `[R, L]`: has the state's dead end two steps?
        lengths: `[R, n]`.
        uniforms: `[R, n]` in [0, 1): action 1 where below its probability.
        turns: written, `[R, n]`: 1 - p of the dead end's action 1 where it was taken, -p where action 0 was, and 0 in
            episodes without that step.
    """
    length = is_long.shape[1]
    for r in range(lengths.shape[0]):
        for i in range(lengths.shape[1]):
            s = lengths[r, i]
            turns[r, i] = 0.0
            if s < length and is_long[r, s]:
                p = sigmoid(2.0 * (params[r, length + s] + params[r, 2 * length]))
                turns[r, i] = (1.0 if uniforms[r, i] < p else 0.0) - p


@compiled
def score_row(success: Floats, signs: Floats, lengths: Ints, visited: int, weights: Floats, scores: Floats) -> float:
    """Write sum_i w_i dPsi_i / dtheta[s, 1] of a row's visited path states into ``scores``; return their sum.

    An episode that passes state s contributes w_i (1 - p_s), one that fails there -w_i p_s, both with the sign of the
    correct action (Eq 122-124).
    """
    ending = np.zeros(visited + 1)
    for i in range(lengths.size):
        ending[lengths[i]] += weights[i]
    above = ending[visited]
    for s in range(visited - 1, -1, -1):
        here = above + ending[s]
        scores[s] = signs[s] * (above - here * success[s])
        above = here
    total = 0.0
    for s in range(visited):
        total += scores[s]
    return total


@compiled
def gradient_rows(
    success: Floats,
    signs: Floats,
    lengths: Ints,
    turns: Floats,
    visited: Ints,
    weights: Floats,
    gradient: Floats,
) -> None:
    """Write the gradient sum_i w_i Psi_i by the parameters, up to the visited states of each row.

    Args:
        success: `[R, L]` of `draw_rows`.
        signs: `[R, L]`.
        lengths: `[R, n]`.
        turns: `[R, n]` of `draw_turns`, or `[R, 0]` where no dead end has two steps.
        visited: `[R]`.
        weights: `[R, n]`.
        gradient: written, `[R, 2 L + 1]`; beyond the visited states it keeps what it holds.
    """
    length = signs.shape[1]
    for r in range(lengths.shape[0]):
        row = gradient[r]
        total = score_row(success[r], signs[r], lengths[r], visited[r], weights[r], row)
        if turns.shape[1] > 0:
            row[length : length + visited[r]] = 0.0
            for i in range(lengths.shape[1]):
                if turns[r, i] != 0.0:
                    part = weights[r, i] * turns[r, i]
                    row[length + lengths[r, i]] += part
                    total += part
        row[2 * length] = total


@compiled
def add_entropy_rows(
    params: Floats, is_long: Flags, lengths: Ints, visited: Ints, factor: float, gradient: Floats
) -> None:
    """Add ``factor`` times the gradient of the entropies of all visited states; visits are taken as given.

    The derivative of a state's entropy by the logit of action 1 is -y p (1 - p), y being the logit gap of action 1.

    Args:
        params: `[R, 2 L + 1]`.
        is_long: `[R, L]`, or `[R, 0]` where no dead end has two steps.
        lengths: `[R, n]`.
        visited: `[R]`.
        factor: of the sum over episodes and visited states.
        gradient: added to, `[R, 2 L + 1]`.
    """
    length = (params.shape[1] - 1) // 2
    for r in range(lengths.shape[0]):
        visits = np.zeros(visited[r] + 1)
        for i in range(lengths.shape[1]):
            visits[lengths[r, i]] += 1.0
        reaching = visits[visited[r]]
        for s in range(visited[r] - 1, -1, -1):
            reaching += visits[s]
            change = -factor * reaching * _entropy_slope(params[r, s] + params[r, 2 * length])
            if is_long.shape[1] > 0 and is_long[r, s]:
                turn = -factor * visits[s] * _entropy_slope(params[r, length + s] + params[r, 2 * length])
                gradient[r, length + s] += turn
                gradient[r, 2 * length] += turn
            gradient[r, s] += change
            gradient[r, 2 * length] += change


@compiled
def _entropy_slope(half_gap: float) -> float:
    """Return y p (1 - p) for the logit gap y = 2 * half_gap."""
    p = sigmoid(2.0 * half_gap)
    return 2.0 * half_gap * p * (1.0 - p)


@compiled
def sgd_rows(params: Floats, gradient: Floats, visited: Ints, has_turns: bool, rates: Floats) -> None:
    """Ascend: add ``rates`` `[R]` times the gradient of each row's visited states and bias."""
    length = (params.shape[1] - 1) // 2
    for r in range(params.shape[0]):
        for s in range(visited[r]):
            params[r, s] += rates[r] * gradient[r, s]
        if has_turns:
            for s in range(length, length + visited[r]):
                params[r, s] += rates[r] * gradient[r, s]
        params[r, 2 * length] += rates[r] * gradient[r, 2 * length]


@compiled
def adam_rows(
    params: Floats,
    gradient: Floats,
    first: Floats,
    second: Floats,
    visited: Ints,
    reached: Ints,
    has_turns: bool,
    rates: Floats,
    step: int,
) -> None:
    """Ascend by Adam (Kingma and Ba, arXiv 1412.6980, with torch's defaults): beta .9 and .999, eps 1e-8.

    The opposite logits of a state have opposite gradients, so that Adam moves them oppositely, as it moves one number.

    Args:
        params: changed, `[R, 2 L + 1]`.
        gradient: `[R, 2 L + 1]`; overwritten by 0 in the states that this group did not visit.
        first: changed, `[R, 2 L + 1]`: running mean of the gradient.
        second: changed, `[R, 2 L + 1]`: running mean of its squares.
        visited: `[R]`.
        reached: changed, `[R]`: states that were ever visited; beyond, there is nothing to move.
        has_turns: are there dead ends of two steps?
        rates: `[R]`.
        step: number of this step, from 1.
    """
    length = (params.shape[1] - 1) // 2
    correction, root = 1.0 - 0.9**step, math.sqrt(1.0 - 0.999**step)
    for r in range(params.shape[0]):
        reached[r] = max(reached[r], visited[r])
        scale = rates[r] / correction
        for part in range(2 if has_turns else 1):
            gradient[r, part * length + visited[r] : part * length + reached[r]] = 0.0
            _adam(params[r], gradient[r], first[r], second[r], part * length, part * length + reached[r], scale, root)
        _adam(params[r], gradient[r], first[r], second[r], 2 * length, 2 * length + 1, scale, root)


@compiled
def _adam(
    params: Floats,
    gradient: Floats,
    first: Floats,
    second: Floats,
    start: int,
    stop: int,
    scale: float,
    root: float,
) -> None:
    for s in range(start, stop):
        first[s] += (1.0 - 0.9) * (gradient[s] - first[s])
        second[s] = 0.999 * second[s] + (1.0 - 0.999) * gradient[s] * gradient[s]
        params[s] += scale * first[s] / (math.sqrt(second[s]) / root + 1e-8)


@compiled
def spread_rows(
    success: Floats,
    signs: Floats,
    lengths: Ints,
    turns: Floats,
    weights: Floats,
    gradient_sum: Floats,
    squares: Floats,
    products: Floats,
) -> None:
    """Sum the gradients of the groups of one policy, then square each and multiply it with the sum.

    Args:
        success: `[L]` of the policy.
        signs: `[L]`.
        lengths: `[M, n]`.
        turns: `[M, n]`, or `[M, 0]`.
        weights: `[M, n]`.
        gradient_sum: zeros, `[2 L + 1]`; the sum over groups of sum_i w_i Psi_i.
        squares: written, `[M]`: ||g_m||^2.
        products: written, `[M]`: g_m times the sum.
    """
    groups, length = lengths.shape[0], signs.size
    row, one = np.zeros((1, 2 * length + 1)), np.zeros(1, np.int64)
    for sweep in range(2):
        for m in range(groups):
            one[0] = min(lengths[m].max() + 1, length)
            group = slice(m, m + 1)
            gradient_rows(
                success.reshape(1, -1), signs.reshape(1, -1), lengths[group], turns[group], one, weights[group], row
            )
            square, product = 0.0, 0.0
            for part in range(3):
                start = part * length
                stop = start + (one[0] if part < 2 else 1)
                if part == 1 and turns.shape[1] == 0:
                    continue
                for s in range(start, stop):
                    if sweep == 0:
                        gradient_sum[s] += row[0, s]
                    else:
                        square += row[0, s] * row[0, s]
                        product += row[0, s] * gradient_sum[s]
            squares[m], products[m] = square, product
