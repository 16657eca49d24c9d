"""Bias(M) against the number of batches, the paper's protocol for its bias figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike

from maxpo_bench.estimators import Estimator
from maxpo_bench.moments.gradient import FloatArray
from maxpo_bench.moments.instances import BanditInstance
from maxpo_bench.moments.monte_carlo import MonteCarloMoments
from maxpo_bench.moments.multisets import IntArray
from maxpo_bench.moments.sampling import sample_segments


@dataclass(frozen=True, eq=False)
class BiasCurve:
    """Sampled bias of one estimator on one bandit.

    Args:
        num_groups: M, ascending, [T].
        bias: ``||mean of the first M estimates - g||_2``, Eq 110 of arXiv 2606.06080, [T].
        total_variance: trace of the sample covariance over the first M estimates, Eq 111 and 112, [T].
    """

    num_groups: IntArray
    bias: FloatArray
    total_variance: FloatArray


def bias_curve(
    estimator: Estimator,
    arm_rewards: ArrayLike | torch.Tensor,
    logits: ArrayLike | torch.Tensor,
    n: int,
    num_groups: Sequence[int],
    seed: int = 0,
    *,
    device: str | torch.device = "cpu",
) -> BiasCurve:
    """Sample one stream of groups and return bias and total variance after each number of them.

    Args:
        estimator: any estimator.
        arm_rewards: rewards of the arms, [A], or [Q, A] for Q questions that share the logits.
        logits: the policy's logits, [A].
        n: samples per group.
        num_groups: numbers of groups M, each >= 2 and different; the order does not matter.
        seed: of the actions, which are those of ``paired_moments`` with the same seed and device.
        device: as in ``paired_moments``.

    Raises:
        CertificateError: the estimator fails on some group (the message shows it).
        ValueError: no or repeated numbers of groups, one below 2, shapes that don't fit, or no such device.
    """
    counts = np.array(sorted(num_groups), dtype=np.int64)
    if counts.size == 0 or counts[0] < 2 or (np.diff(counts) == 0).any():
        raise ValueError(f"num_groups must be different numbers of at least 2, got {list(num_groups)}")
    instance = BanditInstance.of(arm_rewards, logits)
    sizes = np.diff(counts, prepend=0).tolist()
    segments = sample_segments([estimator], instance, n, sizes, seed, device=device)[0]
    truth = instance.gradient(estimator.k)
    prefixes = [
        MonteCarloMoments.from_segments(segments.select(slice(0, end + 1)), truth) for end in range(counts.size)
    ]
    return BiasCurve(
        num_groups=counts,
        bias=np.array([prefix.bias for prefix in prefixes]),
        total_variance=np.array([prefix.total_variance for prefix in prefixes]),
    )
