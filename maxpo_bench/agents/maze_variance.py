"""How much noise the L2O baseline takes out of the maze's policy gradient (Eq 125)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from maxpo_bench.agents.maze_episodes import Episodes, Floats, Ints, correct_signs, sample, score_sum, total
from maxpo_bench.estimators import Estimator, get_estimator
from maxpo_bench.seeding import derive_seed

if TYPE_CHECKING:
    from maxpo_bench.envs.maze import MazeLayout

CHUNK_CELLS = 2_000_000
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
        layout: a maze with dead ends of one step.
        theta: `[S, 2]` logits of the layout's states.
        bias: `[2]` global bias vector.
        n: episodes per group.
        k: objective size, 1 <= k <= n - 1.
        num_groups: independent groups, at least 3.
        seed: root of the random stream.

    Raises:
        ValueError: fewer than 3 groups, k out of range, dead ends of two steps, or arrays of other shapes.
    """
    if num_groups < 3:
        raise ValueError(f"num_groups must be at least 3 for an interval, got {num_groups}")
    signs = correct_signs(layout)
    if np.shape(theta) != (layout.num_states, 2) or np.shape(bias) != (2,):
        raise ValueError(
            f"theta must be [{layout.num_states}, 2] and bias [2], got {np.shape(theta)} and {np.shape(bias)}"
        )
    estimators = [get_estimator("ei", k), get_estimator("ei_l2o", k)]
    for estimator in estimators:
        estimator.check_group_size(n)
    uniforms = np.random.default_rng(derive_seed(seed, "maze_variance", n, k)).random((num_groups, n))
    half_theta, half_bias = (theta[: signs.size, 1] - theta[: signs.size, 0]) / 2.0, (bias[1] - bias[0]) / 2.0
    lowest = np.array([[uniforms.min()]])
    visited = sample(half_theta[None], np.array([half_bias]), signs, lowest)
    episodes = sample(
        half_theta[None], np.array([half_bias]), signs, uniforms.reshape(1, -1), int(visited.lengths.max()) + 1
    )
    lengths = episodes.lengths.reshape(num_groups, n)
    moments = [_leave_one_out(lengths, episodes.success, signs, estimator) for estimator in estimators]
    return _ratio(moments[0], moments[1], num_groups)


def _leave_one_out(lengths: Ints, success: Floats, signs: Floats, estimator: Estimator) -> Floats:
    """Return `[1 + M]` total variances: of all M groups first, then with each group left out."""
    groups, n = lengths.shape
    gradient_sum = np.zeros(success.shape[1] + 1)
    for chunk in _gradients(lengths, success, signs, estimator):
        gradient_sum += chunk.sum(axis=0)
    squares, products = np.zeros(groups), np.zeros(groups)
    start = 0
    for chunk in _gradients(lengths, success, signs, estimator):
        rows = slice(start, start + chunk.shape[0])
        squares[rows] = np.einsum("md,md->m", chunk, chunk)
        products[rows] = chunk @ gradient_sum
        start = rows.stop
    norm, square_sum = float(gradient_sum @ gradient_sum), float(squares.sum())
    everything = (square_sum - norm / groups) / (groups - 1)
    others = (square_sum - squares - (norm - 2.0 * products + squares) / (groups - 1)) / (groups - 2)
    return np.concatenate([[everything], others]) / n**2


def _gradients(lengths: Ints, success: Floats, signs: Floats, estimator: Estimator) -> Iterator[Floats]:
    """Yield `[m, W + 1]` gradients sum_i A_i Psi_i, times sqrt(2) since each state has two opposite logits."""
    width = success.shape[1]
    size = max(1, CHUNK_CELLS // width)
    for start in range(0, lengths.shape[0], size):
        part = lengths[start : start + size]
        advantages = estimator(torch.from_numpy(part.astype(np.float64))).numpy()
        episodes = Episodes(part, np.broadcast_to(success, (part.shape[0], width)))
        per_state = score_sum(episodes, advantages, signs)
        yield np.sqrt(2.0) * np.concatenate([per_state, total(per_state)[:, None]], axis=1)


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
