"""What is added up over groups of samples, and how a stream of groups is cut into chunks and segments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from maxpo_bench.moments.gradient import FloatArray
from maxpo_bench.moments.multisets import IntArray


@dataclass(frozen=True, eq=False)
class Segments:
    """Averages over consecutive segments of independent gradient estimates.

    Args:
        sizes: groups in each segment, [S], >= 1.
        mean: mean of g_hat, [S, A].
        square: mean of ``||g_hat||^2``, [S].
        advantage_square: mean square of the advantages, [S].
        group_mean_square: mean square of the advantages' group mean, [S].
    """

    sizes: IntArray
    mean: FloatArray
    square: FloatArray
    advantage_square: FloatArray
    group_mean_square: FloatArray

    def select(self, which: IntArray | slice) -> Segments:
        """Return some of the segments."""
        return Segments(
            self.sizes[which],
            self.mean[which],
            self.square[which],
            self.advantage_square[which],
            self.group_mean_square[which],
        )


@dataclass(frozen=True, eq=False)
class GroupSums:
    """Sums over the groups of each segment, for one estimator; g is without the estimator's scale factor.

    Args:
        by_arm: sum of the advantages of each arm's samples, [S, A].
        sums: of ``||g||^2``, of the squared advantages, of the squared totals T and of T, T being the sum of a group's
            advantages, [S, 4].
    """

    by_arm: FloatArray
    sums: FloatArray

    def into_averages(self, sizes: Sequence[int], policy: FloatArray, n: int, factor: float) -> Segments:
        """Return the averages over each segment of ``sizes`` groups, with g_hat = factor * g.

        ``by_arm`` is turned into the mean in its place, so this can be done once: new memory would take longer.
        """
        counts = np.array(sizes, dtype=np.int64)
        square, advantage_square, total_square, total = (self.sums / counts[:, None]).T
        mean = self.by_arm
        mean *= factor / counts[:, None]
        for row, share in zip(mean, factor * total, strict=True):
            row -= share * policy
        return Segments(
            sizes=counts,
            mean=mean,
            square=factor**2 * square,
            advantage_square=advantage_square / n,
            group_mean_square=total_square / n**2,
        )


def cut_stream(sizes: Sequence[int], chunk: int) -> Iterator[list[tuple[int, slice]]]:
    """Cut the stream of all groups into chunks; for each, yield the segments in it and the slice of each one's groups.

    Chunks go across segments, so that how the stream is cut into segments changes nothing else.
    """
    ends = np.cumsum(sizes).tolist()
    segment = 0
    for start in range(0, ends[-1], chunk):
        parts: list[tuple[int, slice]] = []
        position, stop = start, min(start + chunk, ends[-1])
        while position < stop:
            end = min(stop, ends[segment])
            parts.append((segment, slice(position - start, end - start)))
            position = end
            segment += end == ends[segment]
        yield parts


def average_questions(parts: Sequence[Segments]) -> Segments:
    """Segments of the mean of independent estimates, one for each question.

    The mean square of an average of independent estimates is that of its mean plus the variances over Q^2; estimated
    so within each segment, it has the right expectation for every size of segment.
    """
    num_questions = len(parts)
    if num_questions == 1:
        return parts[0]
    mean = np.mean([part.mean for part in parts], axis=0)
    spread = sum(part.square - (part.mean**2).sum(axis=1) for part in parts)
    return Segments(
        sizes=parts[0].sizes,
        mean=mean,
        square=(mean**2).sum(axis=1) + np.asarray(spread) / num_questions**2,
        advantage_square=np.mean([part.advantage_square for part in parts], axis=0),
        group_mean_square=np.mean([part.group_mean_square for part in parts], axis=0),
    )
