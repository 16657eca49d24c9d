"""How much noise the L2O baseline takes out of the maze's policy gradient (Eq 125)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from maxpo_bench.agents import maze_compiled as compiled
from maxpo_bench.agents.maze_episodes import Floats, Ints, path_signs
from maxpo_bench.estimators import Estimator, get_estimator
from maxpo_bench.seeding import derive_seed

if TYPE_CHECKING:
    from maxpo_bench.envs.maze import MazeLayout

Z_95 = 1.959963984540054


@dataclass(frozen=True)
class VarianceRatio:
    """Total gradient variance of one estimator over another's at one policy.

    Attributes:
        ratio: variance of EI+L2O over that of EI; NaN where EI's is 0 (all groups alike).
        low: lower end of the 95 % interval, from a jackknife over groups on the logarithm of the ratio.
        high: upper end.
        variance_ei: total variance of (1/n) sum_i EI_i Psi_i over all parameters, states' logits and global bias.
        variance_ei_l2o: the same with the L2O baseline.
        num_groups: groups that both were measured on, the same for both.
    """

    ratio: float
    low: float
    high: float
    variance_ei: float
    variance_ei_l2o: float
    num_groups: int


def variance_ratio(
    layout: MazeLayout, theta: Floats, bias: Floats, n: int, k: int, num_groups: int = 1000, seed: int = 0
) -> VarianceRatio:
    """Measure the ratio of total gradient variances EI+L2O / EI at one policy, on common random numbers (Eq 125).

    Args:
        layout: a maze.
        theta: `[S, 2]` logits of the layout's states.
        bias: `[2]` global bias vector.
        n: episodes per group.
        k: objective size, 1 <= k <= n - 1.
        num_groups: independent groups, at least 3.
        seed: root of the random stream.

    Raises:
        ValueError: fewer than 3 groups, k out of range, or arrays of other shapes.
    """
    if num_groups < 3:
        raise ValueError(f"num_groups must be at least 3 for an interval, got {num_groups}")
    if np.shape(theta) != (layout.num_states, 2) or np.shape(bias) != (2,):
        raise ValueError(
            f"theta must be [{layout.num_states}, 2] and bias [2], got {np.shape(theta)} and {np.shape(bias)}"
        )
    estimators = [get_estimator("ei", k), get_estimator("ei_l2o", k)]
    for estimator in estimators:
        estimator.check_group_size(n)
    groups = draw_groups(layout, theta, bias, n, num_groups, derive_seed(seed, "maze_variance", n, k))
    ei, l2o = (leave_one_out(groups, estimator) for estimator in estimators)
    return _ratio(ei, l2o, num_groups)


@dataclass(frozen=True)
class Groups:
    """Groups of episodes of one policy: `[M, n]` lengths and turns, `[L]` success probabilities and signs."""

    lengths: Ints
    turns: Floats
    success: Floats
    signs: Floats


def draw_groups(layout: MazeLayout, theta: Floats, bias: Floats, n: int, num_groups: int, seed: int) -> Groups:
    """Draw groups of episodes of a policy from the stream of a seed."""
    is_long = np.asarray(layout.dead_end_lengths) == 2
    half = (theta[:, 1] - theta[:, 0]) / 2.0
    dead_ends = np.where(is_long, half[layout.dead_end_states], 0.0)
    params = np.concatenate([half[: layout.length], dead_ends, [(bias[1] - bias[0]) / 2.0]])[None]
    rng, signs = np.random.default_rng(seed), path_signs(layout)[None]
    lengths, success = np.zeros((1, num_groups * n), dtype=np.int64), np.zeros(signs.shape)
    uniforms = rng.random(lengths.shape)
    compiled.draw_rows(params, signs, uniforms, success, lengths, np.zeros(1, dtype=np.int64))
    turns = np.zeros(lengths.shape if is_long.any() else (1, 0))
    if is_long.any():
        compiled.draw_turns(params, is_long[None], lengths, rng.random(lengths.shape), turns)
    return Groups(lengths.reshape(num_groups, n), turns.reshape(num_groups, -1), success[0], signs[0])


def leave_one_out(groups: Groups, estimator: Estimator) -> Floats:
    """Return `[1 + M]` total variances of (1/n) sum_i A_i Psi_i: of all M groups, then with each group left out."""
    count, n = groups.lengths.shape
    advantages = estimator(torch.from_numpy(groups.lengths.astype(np.float64))).numpy()
    gradient_sum = np.zeros(2 * groups.signs.size + 1)
    squares, products = np.zeros(count), np.zeros(count)
    compiled.spread_rows(
        groups.success, groups.signs, groups.lengths, groups.turns, advantages, gradient_sum, squares, products
    )
    norm, square_sum = float(gradient_sum @ gradient_sum), float(squares.sum())
    everything = (square_sum - norm / count) / (count - 1)
    others = (square_sum - squares - (norm - 2.0 * products + squares) / (count - 1)) / (count - 2)
    # both logits of a state and of the bias have the same squares: twice those of one of them
    return 2.0 * np.concatenate([[everything], others]) / n**2


def _ratio(ei: Floats, l2o: Floats, groups: int) -> VarianceRatio:
    """Combine the variances of all groups and of all but one into a ratio and its jackknife interval."""
    if min(ei.min(), l2o.min()) <= 0.0:
        ratio = float(l2o[0] / ei[0]) if ei[0] > 0 else float("nan")
        return VarianceRatio(ratio, float("nan"), float("nan"), float(ei[0]), float(l2o[0]), groups)
    logs = np.log(l2o / ei)
    error = np.sqrt((groups - 1) / groups * np.sum((logs[1:] - logs[1:].mean()) ** 2))
    return VarianceRatio(
        ratio=float(np.exp(logs[0])),
        low=float(np.exp(logs[0] - Z_95 * error)),
        high=float(np.exp(logs[0] + Z_95 * error)),
        variance_ei=float(ei[0]),
        variance_ei_l2o=float(l2o[0]),
        num_groups=groups,
    )
