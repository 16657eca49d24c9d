"""Do exact moments agree with enumeration on small bandits, and with sampled moments on large ones?"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from maxpo_bench.estimators import get_estimator
from maxpo_bench.moments import MonteCarloMoments, enumerate_moments, exact_moments, paired_moments
from maxpo_bench.reproduce.bandit.sizes import Size
from maxpo_bench.seeding import derive_seed

FloatArray = NDArray[np.float64]
NAMES = ("ei", "ei_l1o", "ei_l2o")
SMALL = ((2, 8), (3, 5), (3, 10), (4, 6), (5, 5), (6, 4))
"""Arms and n of the bandits that are enumerated."""
ARMS_COMPARED = 20
Row = dict[str, Any]


def enumeration_differences(seed: int) -> list[Row]:
    """Compare mean and total variance for every K, with normal rewards and, from three arms on, with tied ones.

    The difference of a mean is relative to its largest component.
    """
    rows = []
    for arms, n in SMALL:
        rng = np.random.default_rng(derive_seed(seed, "enumeration", arms, n))
        for is_tied in (False, True) if arms > 2 else (False,):
            rewards, logits = rng.standard_normal(arms), rng.standard_normal(arms)
            if is_tied:
                rewards[1] = rewards[0]
            for k in range(1, n):
                estimators = [get_estimator(name, k) for name in NAMES]
                found = exact_moments(estimators, rewards[None], logits[None], n)
                for estimator, moments in zip(estimators, found, strict=True):
                    truth = enumerate_moments(estimator, rewards, logits, n)
                    difference = max(
                        relative(moments.mean[0], truth.mean),
                        relative(moments.total_variance, np.array([truth.total_variance])),
                    )
                    place = {"arms": arms, "n": n, "k": k, "is_tied": is_tied}
                    rows.append({**place, "estimator": estimator.name, "difference": difference})
    return rows


def relative(found: FloatArray, truth: FloatArray) -> float:
    """Largest difference relative to the largest true value."""
    return float(np.abs(found - truth).max() / np.abs(truth).max())


def grid(size: Size) -> list[tuple[int, int, int]]:
    """Arms, n and K of every cell of the figures: arms at one K, and K at one number of arms."""
    cells = [(arms, n, size.k) for n in size.group_sizes for arms in size.arms]
    cells += [(size.many_arms, n, k) for n in size.group_sizes for k in size.objectives_of(n)]
    return sorted(set(cells))


def sampling_scores(
    arms: int, n: int, k: int, num_groups: int, arm_rewards: FloatArray, logits: FloatArray, seed: int
) -> Row:
    """Compare exact with sampled moments of the three estimators on one bandit, in standard errors.

    Standard errors come from the segments of the sample, so that differences over them follow Student's t; they are
    turned into the z-scores of the same probability. Of the mean, the 20 most probable arms' components and the
    projection on the exact mean are compared.

    Args:
        arms: A.
        n: samples per group.
        k: objective size.
        num_groups: sampled groups.
        arm_rewards: `[1, A]`.
        logits: `[1, A]`.
        seed: of the samples.
    """
    estimators = [get_estimator(name, k) for name in NAMES]
    exact = exact_moments(estimators, arm_rewards, logits, n)
    sampled = paired_moments(
        estimators, arm_rewards[0], logits[0], n, num_groups, derive_seed(seed, "agreement", arms, n, k)
    )
    likely = np.argsort(logits[0])[::-1][:ARMS_COMPARED]
    rows = {}
    for estimator, truth, found in zip(estimators, exact, sampled, strict=True):
        variance = (found.total_variance - truth.total_variance[0]) / found.standard_error("total_variance")
        components = (found.mean - truth.mean[0])[likely] / found.mean_standard_error[likely]
        scores = [*components, projection_score(found, truth.mean[0])]
        rows[estimator.name] = {
            "z_of_variance": normal_score(float(variance), found),
            "z_of_mean": max((normal_score(float(score), found) for score in scores), key=abs),
        }
    return {
        "arms": arms,
        "n": n,
        "k": k,
        "groups": num_groups,
        "largest_z_of_mean": max(abs(row["z_of_mean"]) for row in rows.values()),
        "largest_z_of_variance": max(abs(row["z_of_variance"]) for row in rows.values()),
        "estimators": rows,
    }


def projection_score(found: MonteCarloMoments, truth: FloatArray) -> float:
    """Difference of the sampled mean's projection on the exact mean, over its standard error."""
    direction = truth / np.linalg.norm(truth)
    error = found.standard_error(lambda moments: float(moments.mean @ direction))
    return float((found.mean - truth) @ direction) / error


def normal_score(t: float, found: MonteCarloMoments) -> float:
    """Return the z-score that is as improbable as Student's t of the sample's segments, with the same sign."""
    tail = stats.t.logsf(abs(t), found.segments.sizes.size - 1)
    return float(np.copysign(-stats.norm.ppf(np.exp(tail)), t))
