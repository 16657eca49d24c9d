"""Does an estimator know the suite's groups? Their seeds are public, so that all entries share them.

A source can draw those groups by itself and answer them with less noise than it has. So it is measured once more on the
same bandits with groups that nobody can foresee; an estimator that knows nothing has the same second moment there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from scipy.stats import t

from maxpo_bench.leaderboard.noise import BlockSums, measure
from maxpo_bench.leaderboard.submission import Candidate
from maxpo_bench.leaderboard.suite import Suite

BLOCKS = 4
"""Blocks of fresh groups for each bandit, of the suite's own size."""

FALSE_ALARM = 1e-7


def knows_the_groups(
    candidate: Candidate,
    constants: Mapping[tuple[int, int], float | None],
    suite: Suite,
    noise: Sequence[BlockSums | None],
) -> str:
    """Compare E ||g_hat||^2 on the suite's groups with that on fresh ones, by a t-test over the bandits.

    Args:
        candidate: with a secret; one without is not examined.
        constants: the certified c for each (n, K).
        suite: whose bandits.
        noise: block sums on the suite's own groups, one for each bandit.

    Returns:
        How they differ, in words; "" if they do not. An honest estimator is accused with probability `FALSE_ALARM`.
    """
    if not candidate.secret or candidate.is_stateful:
        return ""
    share = replace(suite, num_groups=suite.num_groups // suite.num_blocks * BLOCKS, num_blocks=BLOCKS)
    logs = []
    for instance, known in zip(suite.instances(candidate.secret), noise, strict=True):
        fresh = None if known is None else measure(candidate, constants.get((instance.n, instance.k)), share, instance)
        if known is not None and fresh is not None and min(*known.sum_sq, *fresh.sum_sq) > 0.0:
            logs.append(_log_mean(known) - _log_mean(fresh))
    if len(logs) < 2:
        return ""
    differences = np.array(logs)
    error = max(float(differences.std(ddof=1)) / np.sqrt(len(logs)), 1e-9)
    if abs(float(differences.mean())) < error * float(t.isf(FALSE_ALARM / 2, len(logs) - 1)):
        return ""
    return (
        f"on the suite's public groups the mean of ||g_hat||^2 is {float(np.exp(differences.mean())):.3g} times that "
        f"on fresh groups of the same {len(logs)} bandits (t = {float(differences.mean()) / error:.1f})"
    )


def _log_mean(sums: BlockSums) -> float:
    """Log of the mean of ||g_hat||^2, without the bias that the log of a mean of few blocks has."""
    per_block = np.array(sums.sum_sq) * len(sums.sum_sq) / sums.num_groups
    mean = float(per_block.mean())
    return float(np.log(mean)) + float(per_block.var(ddof=1)) / (2.0 * len(per_block) * mean**2)
