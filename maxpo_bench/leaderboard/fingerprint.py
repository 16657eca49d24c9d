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

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

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


@dataclass(frozen=True, eq=False)
class SettingNoise:
    """Sampled gradients of the bandits of one reward domain and (n, K), as far as they show who is a copy.

    Attributes:
        bandits: their names.
        noise: inner products of each block's summed gradient with the exact one, less their mean over blocks, [I, B].
        roots: square roots of the blocks' summed squares, [I, B].
    """

    bandits: tuple[str, ...]
    noise: Array
    roots: Array

    @cached_property
    def contrast(self) -> float:
        """Log ratio of the first bandit's squares to the last's: free of scale, to tell most entries apart fast."""
        first, last = (float((self.roots[at] ** 2).sum()) for at in (0, -1))
        return math.log(first / last) if first > 0 and last > 0 else math.nan


Setting = tuple[str, str, str]
Signature = dict[Setting, SettingNoise]


def signature_of(noise: Sequence[BlockSums | None]) -> Signature:
    """Return what near-duplicates share up to a factor, for each reward domain and (n, K) that was measured.

    Args:
        noise: block sums of one entry for each bandit of a suite.
    """
    settings: dict[Setting, list[BlockSums]] = {}
    for sums in noise:
        if sums is not None:
            family, n, k, _ = sums.instance.split("-")
            settings.setdefault((FAMILIES[family].domain, n, k), []).append(sums)
    return {
        setting: SettingNoise(
            tuple(sums.instance for sums in found),
            np.array([_noise(sums) for sums in found]),
            np.sqrt([sums.sum_sq for sums in found]),
        )
        for setting, found in settings.items()
    }


def is_near_duplicate(new: Sequence[BlockSums | None], old: Sequence[BlockSums | None]) -> bool:
    """Is one entry a near-duplicate of another, by the block sums of both on one suite? See :func:`is_copy`."""
    return is_copy(signature_of(new), signature_of(old))


def is_copy(new: Signature, old: Signature) -> bool:
    """Are the sampled gradients equal up to a positive factor for each reward domain and (n, K), and not all zero?

    Wherever ``new`` was measured ``old`` must have been, and the other way round within the same domain: one for 0/1
    rewards only can be a copy of one for all rewards.

    Args:
        new: signature of one entry.
        old: that of another on the same suite.
    """
    domains = {domain for domain, _, _ in new}
    shared = {setting: found for setting, found in old.items() if setting[0] in domains}
    if new.keys() != shared.keys() or not any(found.roots.any() for found in new.values()):
        return False
    pairs = [(found, shared[setting]) for setting, found in new.items()]
    if any(abs(ours.contrast - theirs.contrast) > 5 * TOLERANCE for ours, theirs in pairs):
        return False
    return all(ours.bandits == theirs.bandits and _are_proportional(ours, theirs) for ours, theirs in pairs)


def _are_proportional(ours: SettingNoise, theirs: SettingNoise) -> bool:
    """Compare the bandits of one setting under one factor, that of the best fit."""
    scale = np.linalg.norm(theirs.noise, axis=1, keepdims=True)
    if ((scale > 0) != ours.noise.any(axis=1, keepdims=True)).any():
        return False
    scale = np.where(scale > 0, scale, 1.0)
    left, right = ours.noise / scale, theirs.noise / scale
    if not right.any():
        return True
    factor = float((left * right).sum() / (right**2).sum())
    if factor <= 0:
        return False
    apart = np.abs(ours.roots / factor - theirs.roots) > TOLERANCE * theirs.roots
    return not apart.any() and bool((np.linalg.norm(left / factor - right, axis=1) <= TOLERANCE).all())


def _noise(sums: BlockSums) -> Array:
    """Inner products of the blocks' sums with the exact gradient, less their mean, [B]; rounding counts as zero."""
    dot = np.array(sums.dot)
    noise = dot - dot.mean()
    return np.where(np.abs(noise) > 1e-7 * np.abs(dot).max(initial=0.0), noise, 0.0)
