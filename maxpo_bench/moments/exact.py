"""Exact bias and variance of gap-sum estimators on softmax bandits of any size: no enumeration, no sampling.

The mean of the gradient estimate has a closed form, its total variance comes from the dynamic programme of
``count_chain``. Many bandits are computed at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike

from maxpo_bench.estimators import Estimator
from maxpo_bench.estimators.checks import check_k
from maxpo_bench.moments.blackbox import check_estimators, check_finite
from maxpo_bench.moments.count_chain import Arms, Squares, Tables, second_moments, sum_from_next
from maxpo_bench.moments.device import find_device
from maxpo_bench.moments.gap_table import GapTable, gap_table
from maxpo_bench.moments.gradient import FloatArray
from maxpo_bench.moments.instances import as_floats
from maxpo_bench.objectives import max_at_k_gradient
from maxpo_bench.seeding import derive_seed

LARGEST_GROUP = 512
"""Group sizes up to here: e^-n is a normal number, with room for products."""

CHUNK = 128
"""Bandits that are computed at once."""

Progress = Callable[[float], None]


@dataclass(frozen=True, eq=False, repr=False)
class BanditMoments:
    """Exact moments of one estimator's gradient estimate, factor included, on B bandits.

    Args:
        mean: E[g_hat], [B, A].
        total_variance: trace of the covariance of one estimate (Eq 111 of arXiv 2606.06080), [B].
        truth: exact gradient of max@K with respect to the logits, [B, A].
    """

    mean: FloatArray
    total_variance: FloatArray
    truth: FloatArray

    def __repr__(self) -> str:
        bandits, arms = self.mean.shape
        means = f"mean bias {self.bias.mean():.4g}, mean total variance {self.total_variance.mean():.4g}"
        return f"BanditMoments({bandits} bandits of {arms} arms, {means})"

    @property
    def bias(self) -> FloatArray:
        """``||E g_hat - grad J_K||_2``, [B]."""
        return np.linalg.norm(self.mean - self.truth, axis=1)

    def error_after(self, num_groups: ArrayLike) -> FloatArray:
        """Return the root mean square of Bias(M) (Eq 110 of arXiv 2606.06080), sqrt(bias^2 + variance / M), [M, B].

        Args:
            num_groups: numbers M of independent estimates that are averaged, [M].
        """
        return np.sqrt(self.bias**2 + self.total_variance / np.asarray(num_groups, dtype=np.float64)[:, None])


def exact_moments(
    estimators: Sequence[Estimator],
    arm_rewards: ArrayLike | torch.Tensor,
    logits: ArrayLike | torch.Tensor,
    n: int,
    *,
    device: str | torch.device = "cpu",
    progress: Progress | None = None,
) -> list[BanditMoments]:
    """Return the exact moments of each estimator on B softmax bandits with A arms.

    A group is n i.i.d. actions, g_hat = scale_factor(n) * sum_i A_i (e_{a_i} - pi). Tied rewards are exact.
    Rounding: means of estimators that don't see a shift of the rewards keep all digits. A variance is exact to about
    1e-15 of the sum of squares that it is made of; where it is nothing beside that (an estimator that is not centred,
    under a policy that is all but certain of one arm; one that sees a shift of the rewards, with a wide range of them)
    it keeps fewer digits. Time O(B A n D) with D between about 5 (arms much rarer than 1/n) and n; memory O(B (A + n))
    for each estimator.

    Args:
        estimators: gap sums (see ``gap_table``), each with its own K and scale: from ``get_estimator``, or from
            ``as_estimator`` for a function of your own.
        arm_rewards: [B, A] (or [A] for one bandit), finite.
        logits: of the policy, the same shape, finite.
        n: samples per group, up to 512.
        device: torch device that computes.
        progress: called with the share that is done, in (0, 1].

    Returns:
        One for each estimator, in their order.

    Raises:
        CertificateError: an estimator fails on some group (the message shows it), or its moments overflow float64.
        TypeError: no estimator.
        ValueError: an estimator that is no gap sum, a group size that one does not take or that is too large, shapes
            that don't fit, values that are not finite, or no such device.
    """
    check_estimators(estimators)
    rewards, logit_rows = _checked(arm_rewards, logits, n)
    tables = [_table(estimator, n, rewards) for estimator in estimators]
    if not tables:
        return []
    mean = np.empty((len(tables), *rewards.shape))
    variance = np.empty((len(tables), len(rewards)))
    device = find_device(device)
    stacked, order = Tables.of(tables, device)
    for start in range(0, len(rewards), CHUNK):
        part = slice(start, min(start + CHUNK, len(rewards)))

        def report(arms: int, in_all: int, part: slice = part) -> None:
            if progress is not None:
                progress((part.start + (part.stop - part.start) * arms / in_all) / len(rewards))

        mean[order, part], variance[order, part] = _chunk(stacked, rewards[part], logit_rows[part], device, report)
    factors = np.array([estimator.scale_factor(n) for estimator in estimators])
    mean *= factors[:, None, None]
    variance *= factors[:, None] ** 2
    for i, estimator in enumerate(estimators):
        check_finite(estimator, mean[i], variance[i])
    return [
        BanditMoments(mean[i], variance[i], _truth(logit_rows, rewards, estimator.k))
        for i, estimator in enumerate(estimators)
    ]


def _checked(arm_rewards: ArrayLike | torch.Tensor, logits: ArrayLike | torch.Tensor, n: int) -> tuple[FloatArray, ...]:
    rewards, logit_rows = (np.atleast_2d(as_floats(values)) for values in (arm_rewards, logits))
    if rewards.shape != logit_rows.shape or rewards.ndim != 2 or rewards.size == 0:
        raise ValueError(
            f"arm_rewards and logits must both be [B, A] with at least one arm, got shapes {list(rewards.shape)} and "
            f"{list(logit_rows.shape)}"
        )
    if not (np.isfinite(rewards).all() and np.isfinite(logit_rows).all()):
        raise ValueError("arm_rewards and logits must be finite")
    n = check_k(n, "n")
    if n > LARGEST_GROUP:
        raise ValueError(f"exact moments take groups of up to {LARGEST_GROUP}, got n={n}: use paired_moments")
    return rewards, logit_rows


def _table(estimator: Estimator, n: int, rewards: FloatArray) -> GapTable:
    """Return the table of an estimator, tested on groups of the bandits' own rewards too."""
    estimator.check_group_size(n)
    rng = np.random.default_rng(derive_seed(0, "exact moments", n))
    bandits = rng.integers(0, len(rewards), (64, 1))
    probes = rewards[bandits, rng.integers(0, rewards.shape[1], (64, n))]
    table = gap_table(estimator, n, probes)
    if table is None:
        raise ValueError(
            f"{estimator.name} (k={estimator.k}) is no sum over reward gaps, so its exact moments on large bandits are "
            "unknown: use gradient_moments, or paired_moments for several estimators on the same groups"
        )
    return table


def _chunk(
    tables: Tables,
    rewards: FloatArray,
    logits: FloatArray,
    device: torch.device,
    report: Callable[[int, int], None],
) -> tuple[FloatArray, FloatArray]:
    """Mean [E, B, A] and total variance [E, B] of the unscaled estimates."""
    with torch.inference_mode():
        values, order = torch.from_numpy(rewards).to(device).sort(-1)
        policy = torch.from_numpy(logits).to(device).softmax(-1).gather(-1, order)
        gaps = torch.nn.functional.pad(values.diff(dim=-1), (0, 1))
        arms = Arms(policy.T.contiguous(), gaps.T.contiguous(), values[:, 0].contiguous())
        squares = second_moments(arms, tables, report)
        by_rank = _mean(arms, tables, squares)
        mean = torch.empty_like(by_rank).scatter_(-1, order.expand_as(by_rank), by_rank)
        variance = (squares.square - mean.square().sum(-1)).clamp_(min=0)
        return mean.cpu().numpy(), variance.cpu().numpy()


def _mean(arms: Arms, tables: Tables, squares: Squares) -> torch.Tensor:
    """E of the unscaled estimate by rank, [E, B, A]: pi_b (E[sum of A_i | a sample on b] - its mean over b)."""
    policy = arms.policy[:, None]
    below = arms.policy.cumsum(0)[:, None]
    above = sum_from_next(arms.policy)[:, None]
    gaps = arms.gaps[:, None]
    from_below = torch.where(above > 0, gaps * squares.paid_above / above, 0.0).cumsum(0)
    from_above = torch.where(below > 0, gaps * squares.paid_below / below, 0.0).flip(0).cumsum(0).flip(0)
    signal = from_above
    signal[1:] += from_below[:-1]
    signal = signal + tables.n * tables.offset[:, None] * arms.lowest
    centre = (policy * signal).sum(0)[tables.is_uncentred]
    signal[:, tables.is_uncentred] -= centre
    return (policy * signal).permute(1, 2, 0)


def _truth(logits: FloatArray, rewards: FloatArray, k: int) -> FloatArray:
    return max_at_k_gradient(torch.from_numpy(logits), torch.from_numpy(rewards), k).numpy()
