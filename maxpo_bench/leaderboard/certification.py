"""What is certified of a candidate on small bandits, and held against groups like those that are scored."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from maxpo_bench.leaderboard.examination import noise_rows
from maxpo_bench.leaderboard.submission import Candidate
from maxpo_bench.leaderboard.suite import Instance, Suite
from maxpo_bench.moments import Certificate, certify
from maxpo_bench.moments.identity import draw_from, identity_residuals
from maxpo_bench.moments.instances import BanditInstance
from maxpo_bench.moments.judge import TOLERANCE
from maxpo_bench.seeding import derive_seed

Array = NDArray[np.float64]
DRAWS = 4
"""Sets of n + 1 rewards drawn from each bandit of a suite."""

DRAWS_OF_CHECK = 24
"""Sets of n + 1 rewards for each (n, K) of a suite when nothing is scored: three from each family of bandits."""


def certify_candidate(
    candidate: Candidate, suite: Suite | None = None, *, salt: str = "", common: bool = False
) -> Certificate:
    """Certify a candidate at every (n, K) of the default grid and, if given, of a suite that it is declared for.

    Args:
        candidate: its rows are asked among noise.
        suite: whose (n, K) are examined too.
        salt: enters the seed of the hidden bandits.
        common: use the same bandits for every candidate, so that figures can be compared. Otherwise they follow from
            the candidate's digest and secret, which it cannot know.

    Raises:
        SubmissionError: it is declared for no (n, K) of the suite.
    """
    scored = [] if suite is None else [*suite.pairs, (suite.maze.n, suite.maze.k)]
    return certify(
        candidate.build_hidden,
        scale=candidate.metadata.scale,
        domain=candidate.metadata.domain,
        min_group_size=candidate.smallest_group,
        pairs=candidate.certificate_pairs(scored),
        seed=derive_seed(0, "certificate", *(["common"] if common else [candidate.digest, candidate.secret]), salt),
    )


def contradicted_on(candidate: Candidate, constant: float, instance: Instance) -> str:
    """Hold a certified constant against groups of one bandit, by the leave-one-out identity: without sampling error.

    Returns:
        How the answers break E[g_hat] = c * gradient, in words; "" if they do not.
    """
    rng = np.random.default_rng(derive_seed(instance.group_seed, "identity", candidate.digest, candidate.secret))
    draws = draw_from(BanditInstance.of(*instance.bandit()), instance.n, DRAWS, rng)
    return _broken(candidate, instance.k, draws, constant, rng)


def contradicted_at(candidate: Candidate, certificate: Certificate, suite: Suite) -> str:
    """The same for the (n, K) of a suite at which nothing was certified, on groups of random bandits of its families.

    Of an exact estimator the constant is 1 there too; of a proportional one it is not known, but it must be one number.
    """
    if certificate.kind not in ("exact", "proportional"):
        return ""
    rng = np.random.default_rng(derive_seed(0, "identity", candidate.digest, candidate.secret))
    for n, k in suite.pairs:
        if not candidate.supports(n, k) or (n, k) in certificate.pairs:
            continue
        draws = noise_rows(rng, candidate.metadata.domain, DRAWS_OF_CHECK, n + 1)
        if candidate.metadata.domain == "real":
            returns = rng.geometric(0.01, size=(DRAWS_OF_CHECK, n + 1)).astype(np.float64)  # as in a maze
            draws = np.concatenate([draws, returns])
        broken = _broken(candidate, k, draws, 1.0 if certificate.kind == "exact" else None, rng)
        if broken:
            return broken
    return ""


def contradicted_in_training(candidate: Candidate, constant: float, k: int, steps: Sequence[Array]) -> str:
    """The same on rewards that came up in training, so that no other answers are given there.

    Args:
        candidate: the estimator.
        constant: its certified c at the (n, K) of the training.
        k: that K.
        steps: rewards [runs, n] of pairs of consecutive steps, one pair after the other: a step's n rewards and one of
            the next step's are n + 1 returns of, nearly, one policy.
    """
    rng = np.random.default_rng(derive_seed(0, "training", candidate.digest, candidate.secret))
    draws = []
    for first, second in zip(steps[::2], steps[1::2], strict=False):
        run, extra = rng.integers(len(first)), rng.integers(first.shape[1])
        draws.append(np.append(first[run], second[run, extra]))
    return _broken(candidate, k, rng.permutation(np.array(draws), axis=1), constant, rng) if draws else ""


def _broken(candidate: Candidate, k: int, draws: Array, constant: float | None, rng: np.random.Generator) -> str:
    result = identity_residuals(candidate.build_hidden(k), draws, rng=rng)
    if constant is None:
        known = result.constants[np.isfinite(result.constants)]
        constant = float(np.median(known)) if len(known) else 0.0
    violations = result.violations(constant, TOLERANCE)
    if not violations:
        return ""
    n = draws.shape[1] - 1
    return (
        f"at n={n}, K={k} the groups out of {n + 1} rewards break the leave-one-out identity ({violations[0]}): "
        f"E[g_hat] is not {constant:.6g} times the gradient of max@{k}, which small bandits did not show"
    )
