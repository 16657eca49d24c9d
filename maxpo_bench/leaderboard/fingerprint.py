"""Relatives and near-duplicates: how alike two stored estimators are, up to a positive factor for each (n, K).

*Fingerprints* are answers to fixed public groups. They say who is whose closest relative, and nothing depends on them:
an estimator may know those groups and answer them differently.

*Near-duplicates* are found by what the suite's own groups gave: the block sums that the score is made of. All entries
are measured on the same groups, so that those of a copy are the same at whatever time it was scored, and those of a mix
0.9995 A + 0.0005 B differ from A's by some ten thousandths. To pass for another estimator one has to answer the scored
groups differently, by more than `TOLERANCE` of the noise, and then the score is that of the other answers: there is
nothing to be gained. (An estimator that is unbiased elsewhere and not on those groups is no way out either: the
leave-one-out identity is checked on groups of the same bandits.)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from maxpo_bench.leaderboard.noise import BlockSums
from maxpo_bench.leaderboard.submission import Candidate
from maxpo_bench.leaderboard.suite import FAMILIES
from maxpo_bench.seeding import derive_seed

PAIRS = ((6, 2), (8, 3), (16, 4), (32, 8))
GROUPS = 6
TOLERANCE = 1e-3
"""Largest difference of near-duplicates, relative to the noise of either on the same groups."""

Array = NDArray[np.float64]
Fingerprint = dict[str, list[float]]


def _inputs(domain: str, n: int) -> torch.Tensor:
    rng = np.random.default_rng(derive_seed(0, "fingerprint", domain, n))
    values = rng.standard_normal((GROUPS, n)) if domain == "real" else (rng.random((GROUPS, n)) < 0.3).astype(float)
    return torch.from_numpy(values)


def fingerprint(candidate: Candidate) -> Fingerprint:
    """Advantages on fixed groups, normalised to length 1, per reward domain and (n, K); zeros stay zeros."""
    found: Fingerprint = {}
    for domain in ("binary",) if candidate.metadata.domain == "binary" else ("binary", "real"):
        for n, k in PAIRS:
            if not candidate.supports(n, k):
                continue
            advantages = candidate.build(k)(_inputs(domain, n)).flatten()
            norm = float(advantages.norm())
            unit = advantages / norm if norm > 0 else advantages
            found[f"{domain}-n{n}-k{k}"] = [float(f"{value:.10g}") for value in unit.tolist()]
    return found


def similarity(first: Fingerprint, second: Fingerprint) -> float | None:
    """How alike two estimators answer the fixed groups: cosine of their advantages, mean over the (n, K) they share.

    Args:
        first: fingerprint of one.
        second: fingerprint of the other.

    Returns:
        In [0, 1], 1 for rescaled copies, opposite answers counting as 0; None where they share no (n, K) or one of them
        answers zeros only.
    """
    pairs = [(np.array(first[key]), np.array(second[key])) for key in first if key in second]
    if not any(left.any() for left, _ in pairs) or not any(right.any() for _, right in pairs):
        return None
    return float(np.clip(np.mean([max(float(left @ right), 0.0) for left, right in pairs]), 0.0, 1.0))


def is_near_duplicate(new: Sequence[BlockSums | None], old: Sequence[BlockSums | None]) -> bool:
    """Are the sampled gradients equal up to a positive factor for each reward domain and (n, K), and not all zero?

    Compared are, block by block, the inner product of the summed gradients with the exact one (without its mean over
    blocks: the noise, which is proportional for proportional answers) and the summed squares. Wherever ``new`` was
    measured ``old`` must have been, and the other way round within the same domain: one for 0/1 rewards only can
    be a copy of one for all rewards.

    Args:
        new: block sums of one entry for each bandit of a suite.
        old: the same of the other.
    """
    pairs = [(ours, theirs) for ours, theirs in zip(new, old, strict=True) if ours is not None and theirs is not None]
    domains = {_setting(ours)[0] for ours in new if ours is not None}
    only_new = [ours for ours, theirs in zip(new, old, strict=True) if ours is not None and theirs is None]
    only_old = [
        theirs
        for ours, theirs in zip(new, old, strict=True)
        if theirs is not None and ours is None and _setting(theirs)[0] in domains
    ]
    if not pairs or only_new or only_old or not any(any(ours.sum_sq) for ours, _ in pairs):
        return False
    settings: dict[tuple[str, str, str], list[tuple[BlockSums, BlockSums]]] = {}
    for ours, theirs in pairs:
        settings.setdefault(_setting(ours), []).append((ours, theirs))
    return all(_are_proportional(found) for found in settings.values())


def _setting(sums: BlockSums) -> tuple[str, str, str]:
    """Reward domain and (n, K) of a bandit by its name."""
    family, n, k, _ = sums.instance.split("-")
    return FAMILIES[family].domain, n, k


def _are_proportional(pairs: Sequence[tuple[BlockSums, BlockSums]]) -> bool:
    """Compare the bandits of one domain and (n, K) under one factor, that of the best fit."""
    ours, theirs = (np.array([_noise(pair[side]) for pair in pairs]) for side in (0, 1))
    scale = np.linalg.norm(theirs, axis=1, keepdims=True)
    if ((scale == 0) != (np.linalg.norm(ours, axis=1, keepdims=True) == 0)).any():
        return False
    scale = np.where(scale > 0, scale, 1.0)
    fitted = float((theirs / scale).ravel() @ (theirs / scale).ravel())
    if fitted == 0.0:
        return True
    factor = float((ours / scale).ravel() @ (theirs / scale).ravel()) / fitted
    if factor <= 0:
        return False
    squares, others = (np.sqrt([pair[side].sum_sq for pair in pairs]) for side in (0, 1))
    apart = np.abs(squares / factor - others) > TOLERANCE * others
    return not apart.any() and bool((np.linalg.norm((ours / factor - theirs) / scale, axis=1) <= TOLERANCE).all())


def _noise(sums: BlockSums) -> Array:
    """Inner products of the blocks' sums with the exact gradient, less their mean, [B]; rounding counts as zero."""
    dot = np.array(sums.dot)
    noise = dot - dot.mean()
    return np.where(np.abs(noise) > 1e-7 * np.abs(dot).max(initial=0.0), noise, 0.0)
