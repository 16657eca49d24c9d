"""Does an estimator know the suite's groups? Their seeds are public, so that all entries share them.

A source can draw those groups by itself and answer them with less noise than it has. So it is measured once more on the
same bandits with as many groups that nobody can foresee; what knows nothing has the same moments on both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, ttest_ind_from_stats

from maxpo_bench.leaderboard.noise import BlockSums, measure
from maxpo_bench.leaderboard.submission import Candidate
from maxpo_bench.leaderboard.suite import Suite

Array = NDArray[np.float64]
FALSE_ALARM = 1e-7
"""Probability that an honest estimator is accused, for a whole suite."""

MOMENTS = {"sum_sq": "the mean of ||g_hat||^2", "dot": "the mean of g_hat along the gradient"}


def knows_the_groups(
    candidate: Candidate,
    constants: Mapping[tuple[int, int], float | None],
    suite: Suite,
    noise: Sequence[BlockSums | None],
    report: Callable[[float], None] | None = None,
) -> str:
    """Compare the moments on the suite's groups with those on fresh ones, bandit by bandit and over all bandits.

    Known and fresh groups come in equally many blocks, so that differences are symmetric whatever the tails, for which
    Student's t errs on the side of the accused.

    Args:
        candidate: with a secret; one without is not examined.
        constants: the certified c for each (n, K).
        suite: whose bandits.
        noise: block sums on the suite's own groups, one for each bandit.
        report: called with the share done.

    Returns:
        How they differ, in words; "" if they do not.
    """
    if not candidate.secret:
        return ""
    scores: dict[str, list[float]] = {moment: [] for moment in MOMENTS}
    instances = suite.instances(candidate.secret)
    limit = float(norm.isf(FALSE_ALARM / (4 * len(instances) * len(MOMENTS))))
    for done, (instance, known) in enumerate(zip(instances, noise, strict=True)):
        if report:
            report(done / len(instances))
        if known is None:
            continue
        fresh = measure(candidate, constants.get((instance.n, instance.k)), suite, instance)
        assert fresh is not None  # as it was defined on the bandit before
        for moment, words in MOMENTS.items():
            first, second = np.array(getattr(known, moment)), np.array(getattr(fresh, moment))
            scores[moment].append(_score(first, second))
            if abs(scores[moment][-1]) > limit:
                return _accusation(f"on {instance.name} {words}", first, second, scores[moment][-1])
    for moment, words in MOMENTS.items():
        total = sum(scores[moment]) / math.sqrt(max(len(scores[moment]), 1))
        if abs(total) > float(norm.isf(FALSE_ALARM / (4 * len(MOMENTS)))):
            return f"over all bandits {words} on the suite's public groups is not that on fresh ones (z = {total:.1f})"
    return ""


def _score(known: Array, fresh: Array) -> float:
    """Welch's t-test of the blocks' means as a standard normal score; blocks that are all alike differ or do not."""
    if np.ptp(known) == np.ptp(fresh) == 0.0:
        apart = float(known[0] - fresh[0])
        return 0.0 if abs(apart) <= 1e-9 * max(abs(known[0]), abs(fresh[0])) else math.copysign(math.inf, apart)
    moments = [(float(blocks.mean()), float(blocks.std(ddof=1)), len(blocks)) for blocks in (known, fresh)]
    found = np.array(ttest_ind_from_stats(*moments[0], *moments[1], equal_var=False), dtype=np.float64)
    return math.copysign(float(norm.isf(max(found[1] / 2, 1e-300))), found[0])


def _accusation(what: str, known: Array, fresh: Array, score: float) -> str:
    return (
        f"{what}, summed over a block, is {known.mean():.4g} on the suite's public groups and {fresh.mean():.4g} on "
        f"fresh ones (z = {score:.1f})"
    )
