"""Second moments of gap sums on softmax bandits by a dynamic programme over the arms in order of reward.

The number c_a of a group's samples on the a lowest arms is a Markov chain. With independent Poisson numbers of samples
on the arms (mean n pi_a each, conditioned on n in all, which is what a group of n is) a step of the chain is a
convolution with Poisson weights, every term is positive, and the probability of a count has a closed form. What is
carried along is the first moment of each running sum, split by the count; second moments are increments of squares,
each closed by the probability of the rest. Cost O(arms * n * D) for each estimator and bandit, D the number of samples
that one arm can hold with a probability that matters.

Notation, for the gap d_a between arms a and a + 1: x = d_a * above(c_a) is added to the advantage of every sample above
it, y = d_a * below(c_a) to every one at or below it, t = d_a * total(c_a) to the group's sum T.
P: what a sample of the arms above a has got so far. m_b: samples on arm b. A_b: their advantage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
import torch
from torch import Tensor

from maxpo_bench.moments.gap_table import GapTable
from maxpo_bench.moments.gradient import FloatArray

BLOCK = 16
"""Arms whose closed-form weights are computed at once."""

NEGLIGIBLE = 1e-19
"""An arm's count is cut where its probability, relative to that of one sample, falls below this."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Arms:
    """Bandits with their arms in ascending order of reward; arms lead, bandits are last.

    Args:
        policy: probabilities, [A, B].
        gaps: d_a = r_(a+1) - r_(a), [A, B], the last one 0.
        lowest: smallest reward, [B].
    """

    policy: Tensor
    gaps: Tensor
    lowest: Tensor


@dataclass(frozen=True)
class Tables:
    """Gap tables of E estimators, [n+1, E] each, and their offsets [E], ordered by what the chain carries for them.

    Args:
        above, below, total, offset: as in ``GapTable``; total and offset exactly 0 for centred estimators.
        pays_below: the estimators that pay samples below a gap anything.
        is_uncentred: those whose total or offset is not 0.
    """

    above: Tensor
    below: Tensor
    total: Tensor
    offset: Tensor
    pays_below: slice
    is_uncentred: slice

    @property
    def n(self) -> int:
        """Group size."""
        return len(self.above) - 1

    @property
    def is_both(self) -> slice:
        """The estimators that are uncentred and pay samples below a gap."""
        return slice(self.is_uncentred.start, max(self.is_uncentred.start, self.pays_below.stop))

    @classmethod
    def of(cls, tables: Sequence[GapTable], device: str | torch.device) -> tuple[Tables, list[int]]:
        """Stack tables; returns them with the index in ``tables`` of each."""

        def place(index: int) -> tuple[bool, bool]:
            return not tables[index].is_centred, not tables[index].below.any()

        order = sorted(range(len(tables)), key=place)
        chosen = [tables[index] for index in order]
        centred = [table.is_centred for table in chosen]
        stacked = cls(
            above=_columns([table.above for table in chosen], device),
            below=_columns([table.below for table in chosen], device),
            total=_columns([0.0 * table.total if table.is_centred else table.total for table in chosen], device),
            offset=_columns([np.array(0.0 if table.is_centred else table.offset) for table in chosen], device),
            pays_below=slice(0, sum(centred) + sum(bool(t.below.any()) for t in chosen if not t.is_centred)),
            is_uncentred=slice(sum(centred), len(chosen)),
        )
        return stacked, order


def _columns(arrays: Sequence[FloatArray], device: str | torch.device) -> Tensor:
    return torch.from_numpy(np.stack(arrays, axis=-1)).to(device)


@dataclass(frozen=True)
class Squares:
    """Raw moments of the unscaled estimate sum_i A_i (e_{a_i} - pi), [E, B], and what its mean is made of.

    Args:
        square: E of its squared length.
        paid_above: sum over counts of P(c_a) (n - c_a) above(c_a), [A, E, B].
        paid_below: sum over counts of P(c_a) c_a below(c_a), [A, E, B].
    """

    square: Tensor
    paid_above: Tensor
    paid_below: Tensor


@dataclass(frozen=True)
class _Weights:
    """Closed forms of one block of arms, [a, n+1, B] each; ``arms`` is the slice they belong to.

    Args:
        before: probability of the counts on the arms up to a (Poisson).
        after: probability of the counts left for the arms above a (Poisson), over that of n samples in all.
        squares_below: E[sum of m_b^2 over the arms up to a | c_a].
        squares_above: the same over the arms above a.
        mass_below: E[sum of pi_b m_b over the arms up to a | c_a].
        mass_above: the same over the arms above a.
    """

    arms: slice
    before: Tensor
    after: Tensor
    squares_below: Tensor
    squares_above: Tensor
    mass_below: Tensor
    mass_above: Tensor


def second_moments(arms: Arms, tables: Tables, progress: Progress | None = None) -> Squares:
    """Return the second moments of all estimators on all bandits.

    Args:
        arms: the bandits.
        tables: the estimators.
        progress: called with (arms done, arms in all).
    """
    policy_square = arms.policy.square().sum(0)
    chain = _Chain(arms, tables)
    square = _square_of_offset(arms, tables)
    paid_above = arms.policy.new_zeros(len(arms.policy), tables.above.shape[1], arms.policy.shape[1])
    paid_below = torch.zeros_like(paid_above)
    for weights in _closed_forms(arms, tables.n):
        joint = weights.before * weights.after
        count = _counts(tables.n, joint)
        paid_above[weights.arms] = tables.above.T @ (joint * (tables.n - count))
        paid_below[weights.arms] = tables.below.T @ (joint * count)
        chain.advance(weights, policy_square, square)
        if progress is not None:
            progress(weights.arms.stop, len(arms.policy))
    return Squares(square, paid_above, paid_below)


def _square_of_offset(arms: Arms, tables: Tables) -> Tensor:
    """E of the squared length if every sample got its share of the lowest reward only, [E, B]."""
    n, policy_square = tables.n, arms.policy.square().sum(0)
    return (tables.offset[:, None] * arms.lowest).square() * n * (1 - policy_square)


class _Chain:
    """First moments of the running sums, split by the count: ``state`` [n+1, channels, B].

    Channels, each for the estimators that need it: P; the sum of m_b^2 A_b over the arms so far; T; the sum of
    pi_b m_b A_b; that of pi_b m_b T.
    """

    def __init__(self, arms: Arms, tables: Tables) -> None:
        self.arms, self.tables = arms, tables
        estimators, bandits = tables.above.shape[1], arms.policy.shape[1]
        members = [slice(0, estimators), tables.pays_below, tables.is_uncentred, tables.is_uncentred, tables.is_both]
        ends = list(accumulate(max(0, each.stop - each.start) for each in members))
        places = [slice(start, end) for start, end in pairwise([0, *ends])]
        self.prefix, self.squares, self.total, self.weighted, self.cross = places
        start = tables.offset[:, None] * arms.lowest
        self.state = arms.policy.new_zeros(tables.n + 1, ends[-1], bandits)
        self.state[0, self.prefix] = start
        self.state[0, self.total] = tables.n * start[tables.is_uncentred]

    def advance(self, weights: _Weights, policy_square: Tensor, square: Tensor) -> None:
        """Take a block of arms; add what its gaps contribute to E of the squared length, ``square`` [E, B]."""
        states = self._run(weights)
        gaps = self.arms.gaps[weights.arms, None]
        first = weights.after * gaps
        second = weights.before * first * gaps
        self._add_own_square(square, states, weights, first, second)
        if self.total.stop > self.total.start:
            total, cross = self._with_total(states, weights, first, second)
            square[self.tables.is_uncentred] += policy_square * total - 2 * cross

    def _run(self, weights: _Weights) -> Tensor:
        """Return the first moments after each gap of the block, [a, n+1, channels, B]."""
        policy = self.arms.policy[weights.arms]
        mean = self.tables.n * policy
        states = policy.new_empty(len(policy), *self.state.shape)
        most = [_most_samples(largest, self.tables.n) for largest in mean.amax(1).tolist()]
        kernels = _poisson(mean, max(most))
        state = self.state
        for new, source, kernel, most_a, mean_a, probability in zip(
            states, self._sources(weights), kernels, most, mean, policy, strict=True
        ):
            torch.mul(state, kernel[0], out=new)
            for samples in range(1, most_a + 1):
                new[samples:].addcmul_(state[:-samples], kernel[samples])
            self._join_arm(new, mean_a, mean_a * probability)
            new += source
            state = new
        self.state = state.clone()
        return states

    def _join_arm(self, state: Tensor, mean: Tensor, mass: Tensor) -> None:
        """Let the arm's samples join those below: E[m f(c - m)] is mean * f(c - 1), E[m (m-1) ..] mean^2 * f(c - 2)."""
        tables = self.tables
        prefix, squares = state[:, self.prefix], state[:, self.squares]
        squares[1:].addcmul_(prefix[:-1, tables.pays_below], mean)
        squares[2:].addcmul_(prefix[:-2, tables.pays_below], mean * mean)
        if self.total.stop > self.total.start:
            state[1:, self.weighted].addcmul_(prefix[:-1, tables.is_uncentred], mass)
            state[1:, self.cross].addcmul_(state[:-1, self.total][:, : self.cross.stop - self.cross.start], mass)

    def _sources(self, weights: _Weights) -> Tensor:
        """Return what each gap of the block adds to the first moments, [a, n+1, channels, B]."""
        tables = self.tables
        mass = weights.before * self.arms.gaps[weights.arms, None]
        sources = mass.new_empty(len(mass), *self.state.shape)
        for place, weight, table in (
            (self.prefix, mass, tables.above),
            (self.squares, mass * weights.squares_below, tables.below[:, tables.pays_below]),
            (self.total, mass, tables.total[:, tables.is_uncentred]),
            (self.weighted, mass * weights.mass_below, tables.below[:, tables.is_uncentred]),
            (self.cross, mass * weights.mass_below, tables.total[:, tables.is_both]),
        ):
            torch.mul(weight[:, :, None], table[:, :, None], out=sources[:, :, place])
        return sources

    def _add_own_square(self, square: Tensor, states: Tensor, weights: _Weights, first: Tensor, second: Tensor) -> None:
        """E[sum_b m_b^2 A_b^2]: increments 2 x P + x^2 for the samples above, 2 y A_b + y^2 for those below.

        The states are those after the gap, so that x^2 and y^2 are in there twice.
        """
        above, below = self.tables.above, self.tables.below[:, self.tables.pays_below]
        square += 2 * _summed(first * weights.squares_above, states[:, :, self.prefix], above)
        square -= _closed(second * weights.squares_above, above.square())
        below_square = square[self.tables.pays_below]
        below_square += 2 * _summed(first, states[:, :, self.squares], below)
        below_square -= _closed(second * weights.squares_below, below.square())

    def _with_total(self, states: Tensor, weights: _Weights, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        """E[T^2] and E[T sum_b pi_b m_b A_b] of the uncentred, again as increments."""
        these, both = self.tables.is_uncentred, self.tables.is_both
        above, below, total = (table[:, these] for table in (self.tables.above, self.tables.below, self.tables.total))
        totals = states[:, :, self.total]
        square = 2 * _summed(first, totals, total) - _closed(second, total.square())
        ahead = first * weights.mass_above
        cross = _summed(ahead, totals, above)
        cross += _summed(ahead, states[:, :, self.prefix][:, :, these], total)
        cross += _summed(first, states[:, :, self.weighted], total)
        cross -= _closed(second * weights.mass_above, above * total)
        cross -= _closed(second * weights.mass_below, below * total)
        cross[: both.stop - both.start] += _summed(first, states[:, :, self.cross], self.tables.below[:, both])
        return square, cross


def _summed(weights: Tensor, states: Tensor, table: Tensor) -> Tensor:
    """Sum over arms and counts of weights [a, n+1, B] * states [a, n+1, E, B] * table [n+1, E], [E, B]."""
    return ((states * weights[:, :, None]).sum(0) * table[:, :, None]).sum(0)


def _closed(weights: Tensor, table: Tensor) -> Tensor:
    """Sum over arms and counts of weights [a, n+1, B] * table [n+1, E], [E, B]."""
    return table.T @ weights.sum(0)


def _counts(n: int, like: Tensor) -> Tensor:
    return torch.arange(n + 1, dtype=like.dtype, device=like.device)[:, None]


def _closed_forms(arms: Arms, n: int) -> Iterator[_Weights]:
    """Yield the weights of block after block of arms."""
    policy = arms.policy
    below, squares = policy.cumsum(0), policy.square().cumsum(0)
    above = sum_from_next(policy)
    above_squares = sum_from_next(policy.square())
    in_all = _poisson(policy.new_full((1, 1), n), n)[0, n]
    count = _counts(n, policy)
    rest = n - count
    for start in range(0, len(policy), BLOCK):
        block = slice(start, min(start + BLOCK, len(policy)))
        share_below = _over(squares[block], below[block])[:, None]
        share_above = _over(above_squares[block], above[block])[:, None]
        yield _Weights(
            arms=block,
            before=_poisson(n * below[block], n),
            after=_poisson(n * above[block], n).flip(1) / in_all,
            squares_below=count * (1 + (count - 1) * _over(share_below, below[block, None])),
            squares_above=rest * (1 + (rest - 1) * _over(share_above, above[block, None])),
            mass_below=count * share_below,
            mass_above=rest * share_above,
        )


def sum_from_next(values: Tensor) -> Tensor:
    """Sum over the arms above each, [A, B]; exactly 0 for the last."""
    sums = torch.zeros_like(values)
    sums[:-1] = values.flip(0).cumsum(0).flip(0)[1:]
    return sums


def _over(top: Tensor, bottom: Tensor) -> Tensor:
    """Return the quotient, 0 where the denominator is 0."""
    return torch.where(bottom > 0, top / torch.where(bottom > 0, bottom, 1.0), 0.0)


def _poisson(mean: Tensor, most: int) -> Tensor:
    """Poisson probabilities of 0..most, [a, most+1, B] for means [a, B], by running products: no large logarithms."""
    factors = torch.empty(len(mean), most + 1, mean.shape[1], dtype=mean.dtype, device=mean.device)
    factors[:, 0] = torch.exp(-mean)
    torch.div(mean[:, None], _counts(most, mean)[1:], out=factors[:, 1:])
    return factors.cumprod(1)


def _most_samples(mean: float, n: int) -> int:
    """Return how many samples an arm can hold with a probability that matters."""
    samples, relative = 1, 1.0
    while samples < n and relative > NEGLIGIBLE:
        samples += 1
        relative *= mean / samples
    return samples
