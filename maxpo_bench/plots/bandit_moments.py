"""Bias and total variance of estimators on the paper's bandits: exact where they can be, sampled where not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from maxpo_bench.seeding import derive_seed

if TYPE_CHECKING:
    from maxpo_bench.estimators import Estimator

Floats = NDArray[np.float64]
Kind = Literal["exact", "sampled"]


@dataclass(frozen=True, eq=False)
class Bandits:
    """Several bandits of the paper (Eq 109): rewards and logits N(0, 1) per arm.

    Attributes:
        instances: number of each, B of them.
        arm_rewards: `[B, A]`.
        logits: `[B, A]`.
        streams: seed of the actions sampled in each, the same for all estimators.
    """

    instances: tuple[int, ...]
    arm_rewards: Floats
    logits: Floats
    streams: tuple[int, ...]

    @classmethod
    def generate(cls, seed: int, instances: Iterable[int], num_arms: int) -> Bandits:
        """Make the bandits of a seed; the first arms of a larger bandit are those of a smaller one.

        Args:
            seed: root of rewards, logits and action streams.
            instances: which ones.
            num_arms: A, at least 1.
        """
        from maxpo_bench.envs import BanditInstance

        numbers = tuple(instances)
        made = [BanditInstance.generate(num_arms, derive_seed(seed, "figure", "bandit", each)) for each in numbers]
        return cls(
            numbers,
            np.stack([bandit.arm_rewards for bandit in made]),
            np.stack([bandit.initial_logits for bandit in made]),
            tuple(derive_seed(seed, "figure", "actions", each) for each in numbers),
        )

    def score_square(self) -> Floats:
        """Return E||grad log pi(a)||^2 = 1 - ||pi||^2 of each bandit (Eq 120), `[B]`."""
        weights = np.exp(self.logits - self.logits.max(axis=1, keepdims=True))
        policy = weights / weights.sum(axis=1, keepdims=True)
        return 1.0 - np.square(policy).sum(axis=1)


@dataclass(frozen=True, eq=False)
class Spread:
    """What is known of one estimator's gradient estimate on each of B bandits.

    Attributes:
        kind: "exact", or "sampled" for estimators that are no sums over reward gaps, be it on these bandits alone.
        total_variance: trace of the covariance of one estimate, `[B]` (Eq 111, 112).
        bias: ``||E g - grad J_K||``, `[B]`; None where it was sampled.
    """

    kind: Kind
    total_variance: Floats
    bias: Floats | None = None

    def error_after(self, num_groups: Sequence[int]) -> Floats:
        """Return the root mean square error of the mean of M estimates, sqrt(bias^2 + variance / M), `[M, B]`.

        Raises:
            ValueError: the bias is not known exactly.
        """
        if self.bias is None:
            raise ValueError("the error after M groups needs an exact bias: sample it with bias_curve")
        counts = np.asarray(num_groups, dtype=np.float64)[:, None]
        return np.sqrt(np.square(self.bias) + self.total_variance / counts)


def kind_of(estimator: Estimator, n: int) -> Kind:
    """Return whether an estimator passes for a sum over reward gaps in groups of ``n``: "exact", else "sampled".

    It is tried on random groups only; `spreads` tries the bandits' own rewards too.
    """
    from maxpo_bench.moments.gap_table import gap_table

    return "sampled" if gap_table(estimator, n) is None else "exact"


def spreads(
    estimators: Sequence[Estimator],
    bandits: Bandits,
    n: int,
    *,
    num_groups: int,
    device: str = "cpu",
) -> list[Spread]:
    """Return bias and variance of several estimators on the same bandits.

    Args:
        estimators: each with its own K.
        bandits: B of them.
        n: samples per group.
        num_groups: groups that a variance is sampled on, on each bandit and the same for all estimators.
        device: of the computation.

    Raises:
        CertificateError: an estimator fails on some group, or its moments overflow.
        ValueError: a group size that an estimator does not take.
    """
    found: list[Spread | None] = [None] * len(estimators)
    places = [place for place, estimator in enumerate(estimators) if kind_of(estimator, n) == "exact"]
    for place, spread in zip(places, _exact([estimators[place] for place in places], bandits, n, device), strict=True):
        found[place] = spread
    missing = [estimator for estimator, spread in zip(estimators, found, strict=True) if spread is None]
    sampled = iter(_sampled(missing, bandits, n, num_groups, device) if missing else [])
    return [next(sampled) if spread is None else spread for spread in found]


def sampled_errors(
    estimator: Estimator, bandits: Bandits, n: int, num_groups: Sequence[int], *, device: str = "cpu"
) -> Floats:
    """Return ``||mean of the first M estimates - grad J_K||`` (Eq 110) on each bandit, `[M, B]`.

    Args:
        estimator: any.
        bandits: B of them.
        n: samples per group.
        num_groups: M, ascending, each at least 2.
        device: of the computation.
    """
    from maxpo_bench.moments import bias_curve

    curves = [
        bias_curve(estimator, rewards, logits, n, num_groups, stream, device=device).bias
        for rewards, logits, stream in zip(bandits.arm_rewards, bandits.logits, bandits.streams, strict=True)
    ]
    return np.stack(curves, axis=1)


def _exact(estimators: Sequence[Estimator], bandits: Bandits, n: int, device: str) -> Sequence[Spread | None]:
    """Exact spreads, all at once; None for those that are no gap sums on these bandits, or where n is too large."""
    from maxpo_bench.moments import CertificateError
    from maxpo_bench.moments.exact import exact_moments

    if not estimators:
        return []
    try:
        moments = exact_moments(estimators, bandits.arm_rewards, bandits.logits, n, device=device)
    except CertificateError:
        raise
    except ValueError:
        if len(estimators) == 1:
            return [None]
        return [spread for each in estimators for spread in _exact([each], bandits, n, device)]
    return [Spread("exact", each.total_variance, each.bias) for each in moments]


def _sampled(estimators: Sequence[Estimator], bandits: Bandits, n: int, num_groups: int, device: str) -> list[Spread]:
    from maxpo_bench.moments import paired_moments

    variances = np.empty((len(estimators), len(bandits.instances)))
    for place, (rewards, logits, stream) in enumerate(
        zip(bandits.arm_rewards, bandits.logits, bandits.streams, strict=True)
    ):
        moments = paired_moments(estimators, rewards, logits, n, num_groups, stream, device=device)
        variances[:, place] = [each.total_variance for each in moments]
    return [Spread("sampled", row) for row in variances]
