"""Moments of a black box: by enumeration where a group has few outcomes, else by sampling."""

from __future__ import annotations

import torch
from numpy.typing import ArrayLike

from maxpo_bench.estimators import Estimator
from maxpo_bench.moments.enumeration import ExactMoments, enumerate_moments
from maxpo_bench.moments.monte_carlo import MonteCarloMoments, monte_carlo_moments
from maxpo_bench.moments.multisets import TooManyOutcomesError


def gradient_moments(
    estimator: Estimator,
    arm_rewards: ArrayLike | torch.Tensor,
    logits: ArrayLike | torch.Tensor,
    n: int,
    num_groups: int | None = None,
    seed: int = 0,
    *,
    device: str | torch.device = "cpu",
) -> ExactMoments | MonteCarloMoments:
    """Return the moments of any estimator's gradient estimate on one bandit, exact ones where that is possible.

    An estimator that is permutation equivariant, which is checked, needs C(A+n-1, n) multisets of actions; another one
    all A^n tuples. Where these are more than 300 000, groups are sampled; the class of the result tells. For sums over
    reward gaps on large bandits see ``exact_moments``.

    Args:
        estimator: any estimator.
        arm_rewards: rewards of the arms, [A], or [Q, A] for Q questions that share the logits.
        logits: the policy's logits, [A].
        n: samples per group.
        num_groups: groups to sample; None takes more and more until they are max(1000, 50 * NSR), a million at most.
            Not used where outcomes are enumerated.
        seed: of the orders in which rows are presented, or of the sampled actions.
        device: torch device that samples, as in ``monte_carlo_moments``.

    Raises:
        CertificateError: the estimator fails on some group (the message shows it).
        ValueError: a group size that the estimator does not take, or shapes that don't fit.
    """
    try:
        return enumerate_moments(estimator, arm_rewards, logits, n, seed=seed)
    except TooManyOutcomesError:
        return monte_carlo_moments(estimator, arm_rewards, logits, n, num_groups, seed, device=device)
