"""Sampled moments of any estimator's policy gradient, for bandits that are too large to enumerate (up to 10^4 arms).

Estimators that are compared are given the same actions (common random numbers): one seed, one set of groups.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from maxpo_bench.estimators import Estimator
from maxpo_bench.moments.gradient import FloatArray, GradientMoments, finite_or_none
from maxpo_bench.moments.instances import BanditInstance
from maxpo_bench.moments.sampling import sample_segments
from maxpo_bench.moments.sampling_sums import Segments

MIN_GROUPS = 1000
GROUPS_PER_NSR = 50
MAX_SEGMENTS = 32
FEWEST_GROUPS = 10

Metric = str | Callable[["MonteCarloMoments"], float]


@dataclass(frozen=True, eq=False, repr=False)
class MonteCarloMoments(GradientMoments):
    """Estimated moments of a gradient estimate, with standard errors.

    ``mean``, ``total_variance`` (Eq 111 and 112 of arXiv 2606.06080, unbiased) and ``bias`` (Eq 110 at
    M = ``num_groups``, which contains the noise of the mean) are plain sample statistics. ``mean_square``, and with it
    ``nsr``, ``cosine``, ``eta`` and ``b95``, are corrected for the noise that squaring adds: ``||mean||^2 - V / M``.

    Args:
        mean, total_variance, truth, advantage_rms, group_mean_rms: as in the base class, estimated.
        segments: averages over at most 32 consecutive segments of the M estimates; standard errors are delete-one
            jackknife over them.
    """

    segments: Segments

    @classmethod
    def from_segments(cls, segments: Segments, truth: FloatArray) -> MonteCarloMoments:
        """Combine segments of independent estimates, at least two in all."""
        groups = int(segments.sizes.sum())
        weights = segments.sizes / groups
        mean = weights @ segments.mean
        spread = float(weights @ segments.square - mean @ mean)
        return cls(
            mean=mean,
            total_variance=max(0.0, spread) * groups / (groups - 1),
            truth=truth,
            advantage_rms=math.sqrt(weights @ segments.advantage_square),
            group_mean_rms=math.sqrt(weights @ segments.group_mean_square),
            segments=segments,
        )

    @property
    def num_groups(self) -> int:
        """M: number of independent gradient estimates."""
        return int(self.segments.sizes.sum())

    @property
    def mean_square(self) -> float:
        """Unbiased estimate of ``||E g_hat||^2``, ``||mean||^2 - V / M``; may be negative where noise prevails."""
        return float(self.mean @ self.mean) - self.total_variance / self.num_groups

    @property
    def cosine(self) -> float:
        """cos(E g_hat, g), its square corrected for the noise of the mean in numerator and denominator; in [-1, 1]."""
        truth_square = float(self.truth @ self.truth)
        if self.is_null or truth_square == 0.0 or self.mean_square <= 0.0:
            return 0.0
        along = self.segments.mean @ self.truth
        projection = float(self.mean @ self.truth)
        noise = along.var(ddof=1) / along.size
        square = max(0.0, projection**2 - noise) / (self.mean_square * truth_square)
        return math.copysign(min(1.0, math.sqrt(square)), projection)

    @property
    def bias_debiased(self) -> float:
        """``||E g_hat - g||`` corrected for the noise of the mean: sqrt of max(0, Bias(M)^2 - V / M)."""
        return math.sqrt(max(0.0, self.bias**2 - self.total_variance / self.num_groups))

    @property
    def mean_standard_error(self) -> FloatArray:
        """Standard error of each component of ``mean``, [A]."""
        return self.segments.mean.std(axis=0, ddof=1) / math.sqrt(self.segments.sizes.size)

    @property
    def has_enough_groups(self) -> bool:
        """Is M at least max(1000, 50 * NSR)?"""
        return self.num_groups >= required_groups(self.nsr)

    def standard_error(self, metric: Metric) -> float:
        """Return the jackknife standard error of a metric; infinite where the metric is.

        Args:
            metric: name of a float property (``"nsr"``, ``"total_variance"``), or a function of the moments.
        """
        return _jackknife_error(np.array([_read(part, metric) for part in self.leave_one_out()]))

    def leave_one_out(self) -> list[MonteCarloMoments]:
        """Return the moments without each of the segments in turn."""
        every = np.arange(self.segments.sizes.size)
        return [self.from_segments(self.segments.select(np.delete(every, i)), self.truth) for i in every]

    def to_dict(self) -> dict[str, Any]:
        """Metrics, the number of groups and standard errors as plain JSON values; ``None`` stands for infinity."""
        names = ("cosine", "nsr", "b95", "total_variance")
        errors = {f"{name}_se": finite_or_none(self.standard_error(name)) for name in names}
        corrected = {"bias_debiased": self.bias_debiased, "num_groups": self.num_groups}
        return super().to_dict() | corrected | errors


def monte_carlo_moments(
    estimator: Estimator,
    arm_rewards: ArrayLike | torch.Tensor,
    logits: ArrayLike | torch.Tensor,
    n: int,
    num_groups: int | None = None,
    seed: int = 0,
    *,
    max_groups: int = 1_000_000,
    device: str | torch.device = "cpu",
) -> MonteCarloMoments:
    """Return sampled moments of one estimator; see :func:`paired_moments`."""
    return paired_moments([estimator], arm_rewards, logits, n, num_groups, seed, max_groups=max_groups, device=device)[
        0
    ]


def paired_moments(
    estimators: Sequence[Estimator],
    arm_rewards: ArrayLike | torch.Tensor,
    logits: ArrayLike | torch.Tensor,
    n: int,
    num_groups: int | None = None,
    seed: int = 0,
    *,
    max_groups: int = 1_000_000,
    device: str | torch.device = "cpu",
) -> list[MonteCarloMoments]:
    """Return sampled moments of several estimators on the same groups.

    Args:
        estimators: each with its own k and scale.
        arm_rewards: rewards of the arms, [A], or [Q, A] for Q questions that share the logits.
        logits: the policy's logits, [A].
        n: samples per group.
        num_groups: M, at least 10; None takes more and more until M >= max(1000, 50 * NSR) for every estimator.
        seed: of the actions; calls with the same seed, n, logits and kind of device see the same actions.
        max_groups: most groups that ``num_groups=None`` takes; ``has_enough_groups`` tells whether they were enough.
        device: "cpu" for the compiled path; "cuda" or another torch device draws, evaluates and adds up there, with
            another stream of actions.

    Raises:
        CertificateError: an estimator fails on some group (the message shows it).
        ValueError: too few groups, a group size that an estimator does not take, shapes that don't fit, or a device
            that is not there.
    """
    instance = BanditInstance.of(arm_rewards, logits)
    if num_groups is not None:
        return _sampled(estimators, instance, n, num_groups, seed, device)
    groups = min(MIN_GROUPS, max_groups)
    while True:
        moments = _sampled(estimators, instance, n, groups, seed, device)
        if groups >= max_groups or all(each.has_enough_groups for each in moments):
            return moments
        needed = max(required_groups(each.nsr) for each in moments)
        groups = int(min(max_groups, max(2 * groups, min(needed, 8 * groups))))


def required_groups(nsr: float) -> float:
    """Return max(1000, 50 * NSR): groups at which the noise of the mean is at most a fiftieth of its square."""
    return max(float(MIN_GROUPS), GROUPS_PER_NSR * nsr)


def paired_log_ratio(first: MonteCarloMoments, second: MonteCarloMoments, metric: Metric) -> tuple[float, float]:
    """Return log(first's metric / second's metric) and its standard error, for moments from the same groups.

    The jackknife leaves the same segment out of both, so that noise which they share cancels.

    Raises:
        ValueError: the two were sampled with different numbers of groups.
    """
    if not np.array_equal(first.segments.sizes, second.segments.sizes):
        raise ValueError(
            f"paired moments need the same groups, got {first.num_groups} and {second.num_groups}: "
            "sample both with one call of paired_moments"
        )

    def log_ratio(one: MonteCarloMoments, other: MonteCarloMoments) -> float:
        top, bottom = _read(one, metric), _read(other, metric)
        if not (0.0 < top < math.inf and 0.0 < bottom < math.inf):
            return math.inf if top > bottom else -math.inf if top < bottom else math.nan
        return math.log(top / bottom)

    pairs = zip(first.leave_one_out(), second.leave_one_out(), strict=True)
    return log_ratio(first, second), _jackknife_error(np.array([log_ratio(one, other) for one, other in pairs]))


def _sampled(
    estimators: Sequence[Estimator],
    instance: BanditInstance,
    n: int,
    num_groups: int,
    seed: int,
    device: str | torch.device,
) -> list[MonteCarloMoments]:
    if num_groups < FEWEST_GROUPS:
        raise ValueError(f"num_groups must be at least {FEWEST_GROUPS}, got {num_groups}: standard errors need several")
    parts = min(MAX_SEGMENTS, num_groups // 2)
    sizes = [len(part) for part in np.array_split(np.empty(num_groups, dtype=np.bool_), parts)]
    sampled = sample_segments(estimators, instance, n, sizes, seed, device=device)
    truths = {k: instance.gradient(k) for k in {estimator.k for estimator in estimators}}
    return [
        MonteCarloMoments.from_segments(segments, truths[estimator.k])
        for estimator, segments in zip(estimators, sampled, strict=True)
    ]


def _read(moments: MonteCarloMoments, metric: Metric) -> float:
    return float(getattr(moments, metric) if isinstance(metric, str) else metric(moments))


def _jackknife_error(left_out: NDArray[np.float64]) -> float:
    """Standard error from delete-one replicates."""
    if not np.isfinite(left_out).all():
        return math.inf
    return math.sqrt((left_out.size - 1) * left_out.var())
