"""Noise of an estimator on a suite's bandits: raw block sums by Monte-Carlo, and the metrics made from them.

The groups of a bandit are drawn from a seed of the suite, so every entry sees the same actions and comparisons are
paired. Only block sums are kept; they are enough for every metric, its interval and the joint bootstrap of ranks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, t

from maxpo_bench.leaderboard.entry import B95_CAP, Interval
from maxpo_bench.leaderboard.submission import Candidate
from maxpo_bench.leaderboard.suite import Instance, Suite
from maxpo_bench.moments.gradient import ETA_TARGET
from maxpo_bench.moments.instances import BanditInstance
from maxpo_bench.moments.monte_carlo import required_groups
from maxpo_bench.moments.sampling import sample_segments
from maxpo_bench.moments.sampling_sums import Segments
from maxpo_bench.seeding import derive_seed

Array = NDArray[np.float64]
SIMULATIONS = 2000
FALSE_ALARM = 1e-7  # of the test of a certificate against the sampled gradients, for a whole suite


@dataclass(frozen=True)
class BlockSums:
    """Sums over the groups of each of B blocks on one bandit; g is one group's gradient estimate [arms].

    Attributes:
        instance: the bandit's name.
        num_groups: groups in all blocks together.
        truth_sq: squared norm of the exact gradient of J_K.
        constant: c where E[g] = c * gradient is certified at this (n, K) (1 for an exact estimator), else None.
        sum_sq: sum of ||g||^2 per block, [B].
        dot: inner product of the sum of g and the exact gradient per block, [B].
        gram: inner products of the blocks' sums of g, the lower triangle by rows: row b holds b + 1 values.
    """

    instance: str
    num_groups: int
    truth_sq: float
    constant: float | None
    sum_sq: list[float]
    dot: list[float]
    gram: list[list[float]]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    def full_gram(self) -> Array:
        """Inner products of the blocks' sums, [B, B]."""
        lower = np.zeros((len(self.gram), len(self.gram)))
        for row, values in enumerate(self.gram):
            lower[row, : row + 1] = values
        return lower + np.tril(lower, -1).T


def measure(candidate: Candidate, constant: float | None, suite: Suite, instance: Instance) -> BlockSums | None:
    """Measure one bandit; None where the estimator is not defined for its rewards or its (n, K).

    Args:
        candidate: what to measure.
        constant: c where the certificate found E[g] = c * gradient at the bandit's (n, K), else None.
        suite: number of groups and blocks.
        instance: the bandit.
    """
    if candidate.metadata.domain == "binary" and instance.domain != "binary":
        return None
    if not candidate.supports(instance.n, instance.k):
        return None
    bandit = BanditInstance.of(*instance.bandit())
    truth = bandit.gradient(instance.k)
    size, rest = divmod(suite.num_groups, suite.num_blocks)
    if rest:
        raise ValueError(f"suite {suite.name}: num_groups must be a multiple of num_blocks")
    estimator = candidate.build(instance.k)
    [blocks] = sample_segments([estimator], bandit, instance.n, [size] * suite.num_blocks, instance.group_seed)
    return block_sums(instance.name, blocks, truth, constant)


def block_sums(instance: str, blocks: Segments, truth: Array, constant: float | None) -> BlockSums:
    """Return what is kept of sampled blocks.

    Args:
        instance: the bandit's name.
        blocks: averages over blocks of one size.
        truth: exact gradient, [arms].
        constant: the certified c of E[g] = c * gradient, None where there is none.
    """
    size = int(blocks.sizes[0])
    sums = blocks.mean * size
    products = sums @ sums.T
    return BlockSums(
        instance=instance,
        num_groups=size * len(sums),
        truth_sq=float(truth @ truth),
        constant=constant,
        sum_sq=_rounded(blocks.square * size),
        dot=_rounded(sums @ truth),
        gram=[_rounded(products[row, : row + 1]) for row in range(len(products))],
    )


def contradicts_certificate(noise: Sequence[BlockSums | None]) -> bool:
    """Do the sampled gradients disagree with the certified E[g] = c * gradient?

    With r_b the deviation of block b's mean from c * gradient, sum_{b != b'} r_b r_b' has expectation zero if the
    certificate holds on the bandit. Divided by the root of its sum of squares it is at most (chi^2_1 - 1) / sqrt(2) in
    distribution (a deviation in one direction; many directions are closer to normal), and it is bounded, so that the
    sum over bandits has lighter tails than chi-square. False-alarm rate below `FALSE_ALARM` for a whole suite.
    """
    scores = [_deviation(sums) for sums in noise if sums is not None and sums.constant is not None]
    if not scores:
        return False
    return sum(1.0 + math.sqrt(2.0) * score for score in scores) > float(chi2.isf(FALSE_ALARM, len(scores)))


def _deviation(sums: BlockSums) -> float:
    size = sums.num_groups / len(sums.dot)
    constant = sums.constant or 0.0
    dot = np.array(sums.dot)
    products = (
        sums.full_gram() - constant * size * (dot[:, None] + dot[None, :]) + (constant * size) ** 2 * sums.truth_sq
    )
    # Rounding of the stored products, and of advantages without any noise, is no evidence.
    floor = 1e-6 * (np.abs(sums.full_gram()).max() + (constant * size) ** 2 * sums.truth_sq)
    others = products - np.diag(np.diag(products))
    spread = float(np.sqrt((others**2).sum()))
    return float(others.sum()) / (math.sqrt(2.0) * max(spread, floor * len(dot)))


def _rounded(values: Array) -> list[float]:
    """Eight significant digits: far below the sampling error, and short in JSON."""
    return [float(f"{value:.8g}") for value in values.tolist()]


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
        raw = np.einsum("rb,bc,rc->r", weights, sums.full_gram(), weights) / groups**2
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
        solved = (cos > 0) & (cos**2 > ETA_TARGET)
        b95 = np.where(solved, ETA_TARGET * nsr / np.where(solved, cos**2 - ETA_TARGET, 1.0), np.inf)
    return NoiseMetrics(cos, nsr, b95, variance, alignment)


def usable(noise: Sequence[BlockSums | None]) -> list[BlockSums] | None:
    """Return the sums of every bandit, or None where one is missing or too noisy for the number of its groups.

    Where the squared norm of E[g] is not certified it is estimated, which takes max(1000, 50 NSR) groups. Where it is,
    the sampled second moment must exceed it, also without any one block: what does not is no variance.
    """
    found: list[BlockSums] = []
    for sums in noise:
        if sums is None:
            return None
        if sums.constant is None:
            nsr = float(noise_metrics(sums, np.ones((1, len(sums.dot)))).nsr[0])
            if np.isfinite(nsr) and required_groups(nsr) > sums.num_groups:
                return None
        elif not (noise_metrics(sums, jackknife_weights(len(sums.dot))).variance > 0.0).all():
            return None
        found.append(sums)
    return found


@cache
def jackknife_weights(num_blocks: int) -> Array:
    """Plain weights, and those without each block in turn, [1 + B, B]; read-only."""
    without = (1.0 - np.eye(num_blocks)) * (num_blocks / (num_blocks - 1))
    weights = np.concatenate([np.ones((1, num_blocks)), without])
    weights.setflags(write=False)
    return weights


def log_ratios(
    entry: Sequence[BlockSums],
    reference: Sequence[BlockSums],
    metric: Literal["b95", "variance"],
    weights: Callable[[str, int], Array],
) -> Array | None:
    """Log of the geometric mean over bandits of a metric relative to the reference's, one for each weighting, [R].

    "b95" is B95, infinite ones counting as `B95_CAP` times the reference's. "variance" is the total variance after
    matching the scale, V / alignment^2 with alignment = <E g, gradient> / ||gradient||^2.

    Args:
        entry: block sums per bandit of the suite.
        reference: the same of the reference.
        metric: which one.
        weights: weights of the blocks, [R, B], from a bandit's name and its number of blocks.

    Returns:
        None where an alignment is not positive.
    """
    logs = 0.0
    for sums, base in zip(entry, reference, strict=True):
        rows = weights(base.instance, len(base.sum_sq))
        ours, theirs = noise_metrics(sums, rows), noise_metrics(base, rows)
        if metric == "b95":
            logs += np.log(np.minimum(ours.b95 / theirs.b95, B95_CAP))
        elif (ours.alignment <= 0).any():
            return None
        else:
            logs += np.log(ours.variance / ours.alignment**2) - np.log(theirs.variance / theirs.alignment**2)
    return np.asarray(logs) / len(reference)


def nsr_interval(entry: Sequence[BlockSums]) -> Interval:
    """Median of NSR over a suite's bandits, with its 95 % interval; None where it is infinite.

    Args:
        entry: block sums per bandit of the suite.
    """
    values = [noise_metrics(sums, jackknife_weights(len(sums.dot))).nsr for sums in entry]
    with np.errstate(divide="ignore"):
        return _t_interval(np.log(np.median(values, axis=0)))


def ratio_interval(
    entry: Sequence[BlockSums], reference: Sequence[BlockSums], metric: Literal["b95", "variance"]
) -> Interval:
    """B95 or variance relative to the reference as in `log_ratios`, with its 95 % interval; None if there is none."""
    logs = log_ratios(entry, reference, metric, _leave_one_out)
    if logs is None:
        return Interval()
    if metric == "b95" and any(sums.constant is None for sums in entry):
        return _simulated_b95_interval(float(logs[0]), entry, reference)
    return _t_interval(logs)


def _simulated_b95_interval(log: float, entry: Sequence[BlockSums], reference: Sequence[BlockSums]) -> Interval:
    """Interval of the B95 ratio of an estimator whose cosine is estimated.

    B95 jumps from finite to the cap where cos^2 crosses 0.95, and no straight line through its values tells how it
    varies there. So cos^2 and the log of NSR over the reference's B95 are simulated for each bandit, as Student's t
    around their estimates with the jackknife's covariance, and the quantiles taken of the mean of what follows.
    """
    rng = np.random.default_rng(derive_seed(0, "simulated b95"))
    total = np.zeros(SIMULATIONS)
    for ours, theirs in zip(entry, reference, strict=True):
        weights = jackknife_weights(len(ours.dot))
        own, base = noise_metrics(ours, weights), noise_metrics(theirs, weights)
        with np.errstate(divide="ignore"):
            values = np.stack([own.cos * np.abs(own.cos), np.log(own.nsr / base.b95)])
        drawn = _student_around(values, rng) if np.isfinite(values).all() else np.full((2, SIMULATIONS), np.inf)
        excess = np.minimum(drawn[0], 1.0) - ETA_TARGET
        solved = (excess > 0) & np.isfinite(drawn[1])
        logs = math.log(ETA_TARGET) + np.where(solved, drawn[1], 0.0) - np.log(np.where(solved, excess, 1.0))
        total += np.minimum(np.where(solved, logs, math.inf), math.log(B95_CAP))
    low, high = np.quantile(total / len(entry), [0.025, 0.975])
    return Interval.of(*(float(np.exp(value)) for value in (log, low, high)))


def _student_around(values: Array, rng: np.random.Generator) -> Array:
    """Draw from Student's t around estimates, given with their values without each block, [2, 1 + B]; [2, draws]."""
    blocks = values.shape[1] - 1
    covariance = np.cov(values[:, 1:], ddof=0) * (blocks - 1)
    sizes, directions = np.linalg.eigh(covariance)
    factor = directions * np.sqrt(np.maximum(sizes, 0.0))
    return values[:, :1] + factor @ rng.standard_t(blocks - 1, size=(2, SIMULATIONS))


def _t_interval(logs: Array) -> Interval:
    """Estimate and interval from a log and its values without each block in turn, [1 + B].

    Student's t on the jackknife's pseudo-values, which are nearly normal (each is made of a thousand groups) and
    independent: quantiles of a bootstrap over B = 16 blocks would cover like a normal interval with a standard
    deviation too small by sqrt(15/16).
    """
    if not np.isfinite(logs).all():
        return Interval.of(float(np.exp(logs[0])))
    blocks = len(logs) - 1
    half = float(t.isf(0.025, blocks - 1)) * float(np.std(pseudo_values(logs), ddof=1)) / math.sqrt(blocks)
    return Interval.of(*(float(np.exp(value)) for value in (logs[0], logs[0] - half, logs[0] + half)))


def pseudo_values(logs: Array) -> Array:
    """The jackknife's pseudo-values [B] of a statistic, from itself and its values without each block, [1 + B]."""
    return (len(logs) - 1) * logs[0] - (len(logs) - 2) * logs[1:]


def _leave_one_out(instance: str, num_blocks: int) -> Array:
    return jackknife_weights(num_blocks)


def jackknife_columns(entry: Sequence[BlockSums], reference: Sequence[BlockSums]) -> Array:
    """Pseudo-values [B] of the log B95 ratio, one per block of all bandits together.

    They are independent of each other, and paired with those of every other entry.
    """
    logs = log_ratios(entry, reference, "b95", _leave_one_out)
    assert logs is not None  # B95 ratios always exist
    return pseudo_values(logs)
