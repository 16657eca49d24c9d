"""Noise of an estimator on a suite's bandits: raw block sums by Monte-Carlo, and the metrics made from them.

The groups of a bandit are drawn from a seed of the suite, so every entry sees the same actions and comparisons are
paired. Only block sums are kept; they are enough for every metric and for a joint bootstrap over blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from maxpo_bench.leaderboard.submission import Candidate
from maxpo_bench.leaderboard.suite import Instance, Suite
from maxpo_bench.moments import enumerate_moments
from maxpo_bench.moments.instances import BanditInstance
from maxpo_bench.moments.sampling import sample_segments
from maxpo_bench.seeding import derive_seed

Array = NDArray[np.float64]
CAP = 1000.0  # infinite ratios to the reference count as this
SHARE = 0.95  # of the exact-gradient step, for B95


@dataclass(frozen=True)
class BlockSums:
    """Sums over the groups of each of B blocks on one bandit; g is one group's gradient estimate [arms].

    Attributes:
        instance: the bandit's name.
        num_groups: groups in all blocks together.
        truth_sq: squared norm of the exact gradient of J_K.
        constant: c where E[g] = c * gradient is certified (1 for an exact estimator), else None.
        sum_sq: sum of ||g||^2 per block, [B].
        dot: inner product of the sum of g and the exact gradient per block, [B].
        gram: inner products of the blocks' sums of g, [B, B]; None where ``constant`` makes it superfluous.
    """

    instance: str
    num_groups: int
    truth_sq: float
    constant: float | None
    sum_sq: list[float]
    dot: list[float]
    gram: list[list[float]] | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def certified_constant(candidate: Candidate, kind: str, n: int, k: int) -> float | None:
    """Return c of E[g] = c * gradient J_K at this (n, K) for a certified estimator, by enumeration; else None."""
    if kind == "exact":
        return 1.0
    if kind != "proportional":
        return None
    rewards = [0.0, 0.0, 1.0] if candidate.metadata.domain == "binary" else [-0.3, 0.2, 1.1]
    moments = enumerate_moments(candidate.build(k), rewards, [0.4, -0.2, 0.1], n)
    return float(moments.mean @ moments.truth / (moments.truth @ moments.truth))


def measure(candidate: Candidate, kind: str, suite: Suite, instance: Instance) -> BlockSums | None:
    """Measure one bandit; None where the estimator is not defined for its rewards or its (n, K)."""
    metadata = candidate.metadata
    if metadata.domain == "binary" and instance.domain != "binary":
        return None
    if instance.k < metadata.min_k or candidate.smallest_group(instance.k) > instance.n:
        return None
    bandit = BanditInstance.of(*instance.bandit())
    truth = bandit.gradient(instance.k)
    size, rest = divmod(suite.num_groups, suite.num_blocks)
    if rest:
        raise ValueError(f"suite {suite.name}: num_groups must be a multiple of num_blocks")
    estimator = candidate.build(instance.k)
    [blocks] = sample_segments([estimator], bandit, instance.n, [size] * suite.num_blocks, instance.seed)
    constant = certified_constant(candidate, kind, instance.n, instance.k)
    sums = blocks.mean * size
    return BlockSums(
        instance=instance.name,
        num_groups=suite.num_groups,
        truth_sq=float(truth @ truth),
        constant=constant,
        sum_sq=_rounded(blocks.square * size),
        dot=_rounded(sums @ truth),
        gram=None if constant is not None else [_rounded(row) for row in sums @ sums.T],
    )


def _rounded(values: Array) -> list[float]:
    """Nine significant digits: far below the sampling error, and short in JSON."""
    return [float(f"{value:.9g}") for value in values.tolist()]


@dataclass(frozen=True)
class NoiseMetrics:
    """Metrics of one bandit for R weightings of its blocks, each [R]."""

    cos: Array
    nsr: Array
    b95: Array
    variance: Array
    alignment: Array


def noise_metrics(sums: BlockSums, weights: Array) -> NoiseMetrics:
    """Cosine, NSR, B95 and total variance from block sums.

    ||E g||^2 is known where the estimator is certified (c^2 ||gradient||^2). Elsewhere it is estimated by
    ||mean g||^2 - w2 V/M, V being the total variance, M the number of groups and w2 the mean square of the blocks'
    weights, and the squared inner product with the exact gradient is corrected in the same way.

    Args:
        sums: raw sums of one bandit.
        weights: how much each block counts, [R, B], mean 1 over the blocks; ones give the plain estimate.
    """
    num_blocks = weights.shape[1]
    groups = float(sums.num_groups)
    mean_sq = weights @ np.array(sums.sum_sq) / groups
    excess = (weights**2).mean(1)
    if sums.constant is not None:
        norm_sq = np.full(len(weights), sums.constant**2 * sums.truth_sq)
        variance, cos = mean_sq - norm_sq, np.full(len(weights), np.sign(sums.constant))
        alignment = np.full(len(weights), sums.constant)
    else:
        raw = np.einsum("rb,bc,rc->r", weights, np.array(sums.gram), weights) / groups**2
        variance = (mean_sq - raw) * groups / (groups - 1)
        norm_sq = raw - excess * variance / groups
        dots = np.array(sums.dot) * num_blocks / groups
        dot = weights @ dots / num_blocks
        noise = float(np.var(dots, ddof=1)) / num_blocks
        with np.errstate(invalid="ignore", divide="ignore"):
            cos_sq = np.maximum(dot**2 - excess * noise, 0.0) / (sums.truth_sq * norm_sq)
        cos = np.sign(dot) * np.sqrt(np.where(norm_sq > 0, np.clip(cos_sq, 0.0, 1.0), 0.0))
        alignment = dot / sums.truth_sq
    with np.errstate(divide="ignore", invalid="ignore"):
        nsr = np.where(norm_sq > 0, variance / norm_sq, np.inf)
        solved = (cos > 0) & (cos**2 > SHARE)
        b95 = np.where(solved, SHARE * nsr / np.where(solved, cos**2 - SHARE, 1.0), np.inf)
    return NoiseMetrics(cos, nsr, b95, variance, alignment)


def bootstrap_weights(instance: str, num_blocks: int, replicates: int) -> Array:
    """Plain weights and multinomial resampling weights of one bandit, [1 + replicates, B]; equal for every entry."""
    rng = np.random.default_rng(derive_seed(0, "bootstrap", instance))
    drawn = rng.multinomial(num_blocks, np.full(num_blocks, 1.0 / num_blocks), size=replicates)
    return np.concatenate([np.ones((1, num_blocks)), drawn.astype(np.float64)])


def jackknife_weights(num_blocks: int) -> Array:
    """Plain weights, and those without each block in turn, [1 + B, B]."""
    without = (1.0 - np.eye(num_blocks)) * (num_blocks / (num_blocks - 1))
    return np.concatenate([np.ones((1, num_blocks)), without])


def log_ratios(
    entry: Sequence[BlockSums | None],
    reference: Sequence[BlockSums | None],
    metric: Literal["b95", "variance"],
    weights: Callable[[str, int], Array],
) -> Array | None:
    """Log of the geometric mean over bandits of a metric relative to the reference's, one for each weighting, [R].

    "b95" is B95, infinite ones counting as `CAP` times the reference's. "variance" is the total variance after matching
    the scale, V / alignment^2 with alignment = <E g, gradient> / ||gradient||^2.

    Args:
        entry: block sums per bandit of the suite.
        reference: the same of the reference.
        metric: which one.
        weights: weights of the blocks, [R, B], from a bandit's name and its number of blocks.

    Returns:
        None where a bandit is missing, or where an alignment is not positive.
    """
    logs = 0.0
    for sums, base in zip(entry, reference, strict=True):
        if sums is None or base is None:
            return None
        rows = weights(base.instance, len(base.sum_sq))
        ours, theirs = noise_metrics(sums, rows), noise_metrics(base, rows)
        if metric == "b95":
            logs += np.log(np.minimum(ours.b95 / theirs.b95, CAP))
        elif (ours.alignment <= 0).any():
            return None
        else:
            logs += np.log(ours.variance / ours.alignment**2) - np.log(theirs.variance / theirs.alignment**2)
    return np.asarray(logs) / len(reference)


def jackknife_columns(entry: Sequence[BlockSums | None], reference: Sequence[BlockSums | None]) -> Array | None:
    """Pseudo-values [B] of the log B95 ratio, one per block of all bandits together; None where a bandit is missing.

    They are independent of each other, and paired with those of every other entry.
    """
    logs = log_ratios(entry, reference, "b95", lambda instance, num_blocks: jackknife_weights(num_blocks))
    return None if logs is None else (len(logs) - 1) * logs[0] - (len(logs) - 2) * logs[1:]
