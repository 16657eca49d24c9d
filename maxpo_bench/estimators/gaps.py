"""The gap form: every max@K statistic as one sort and one cumulative sum over the gaps of the sorted rewards.

With the rewards of a group sorted ascending and d_m = r_(m) - r_(m-1), each statistic is a sum of d_m times a weight
that depends on (m, n, K) only. All terms are >= 0, tied rewards have d = 0, and an offset of the rewards never enters.
Weights are ratios of binomials, correctly rounded (`binomials`); sums are accumulated in float64.

This file has the sorted groups and the weights. Estimators that are one such sum are described in `gap_form`; those
that are put together from several work on `SortedGroups`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from maxpo_bench.estimators.binomials import complements, ratios
from maxpo_bench.estimators.checks import check_group_size, check_k, check_rewards, check_spread

SMALL = 16
"""Group size from which NumPy's sort of float32 is worth its preparations."""
POSITION = 2**29 - 1
"""The bits that a float64 has more than a float32: all ones."""


@dataclass(frozen=True, slots=True)
class SortedGroups:
    """Rewards of groups, sorted along the last axis.

    Attributes:
        values: `[..., n]` float64, ascending.
        order: `[..., n]` int64, the position in the group of each sorted value.
        dtype: dtype of the results.
    """

    values: Tensor
    order: Tensor
    dtype: torch.dtype

    @property
    def n(self) -> int:
        """Group size."""
        return self.values.shape[-1]

    @property
    def lowest(self) -> Tensor:
        """Smallest reward of each group, `[..., 1]`."""
        return self.values[..., :1]

    def gaps(self) -> Tensor:
        """Return d_m for m = 2..n, `[..., n-1]`, all >= 0."""
        return self.values[..., 1:] - self.values[..., :-1]

    def prefix(self, weights: Tensor) -> Tensor:
        """Return sum_{m <= i} d_m w_m for each rank i, `[..., n]`; ``weights`` are those of m = 2..n."""
        sums = torch.zeros_like(self.values)
        torch.cumsum(self.gaps().mul_(weights), -1, out=sums[..., 1:])
        return sums if sums.device.type == "cpu" else equal_on_ties(self.values, sums)

    def restore(self, by_rank: Tensor) -> Tensor:
        """Put values given by rank back to the samples' places, in the dtype of the results."""
        return torch.empty_like(by_rank).scatter_(-1, self.order, by_rank).to(self.dtype)


def equal_on_ties(values: Tensor, sums: Tensor) -> Tensor:
    """Copy the first of each run of ties in ``values`` over the run: parallel scans round each element on its own.

    Args:
        values: `[..., n]`, ascending.
        sums: `[..., n]`, in the same order.
    """
    rank = torch.arange(values.shape[-1], device=sums.device).expand(sums.shape)
    starts = torch.where(values[..., 1:] > values[..., :-1], rank[..., 1:], 0)
    first = torch.cat((rank[..., :1], starts), -1).cummax(-1).values
    return sums.gather(-1, first)


def sort_values(rewards: Tensor) -> tuple[Tensor, Tensor]:
    """Return the sorted rewards, `[..., n]` float64, and the positions that they come from, int64; NaN comes last.

    On the CPU NumPy sorts, with vector instructions where the processor has them: float64 by their positions; float32
    as float64 with the position in the 29 bits that these have more, which makes it one sort of plain numbers. Small
    groups of float32 are left to torch.
    """
    is_single, is_double = rewards.dtype == torch.float32, rewards.dtype == torch.float64
    is_small = is_single and rewards.shape[-1] < SMALL
    if not (is_single or is_double) or is_small or not rewards.is_cpu or torch.compiler.is_compiling():
        values, order = torch.sort(rewards, dim=-1)
        return values.double(), order
    if is_double:
        order = torch.as_tensor(rewards.numpy().argsort(axis=-1))
        return rewards.gather(-1, order), order
    values = rewards.double()
    bits = values.view(torch.int64).bitwise_or_(positions(rewards.shape[-1]))
    values.numpy().sort(axis=-1)
    order = bits.bitwise_and(POSITION)
    bits.bitwise_and_(~POSITION)
    return values, order


@lru_cache(maxsize=64)
def positions(n: int) -> Tensor:
    """Return 0..n-1, int64 on the CPU.

    Raises:
        ValueError: groups too large for the bits that a position has.
    """
    if n > POSITION:
        raise ValueError(f"groups may have at most {POSITION} samples, got {n}: split them")
    with torch.inference_mode(False):
        return torch.arange(n, device="cpu")


def sort_groups(rewards: Tensor, k: int, name: str, smallest: Callable[[int], int]) -> tuple[SortedGroups, int]:
    """Check the arguments of estimator ``name`` and sort the groups; returns them and ``k`` as an ``int``.

    Raises:
        TypeError: ``k`` is no integer, or ``rewards`` no real tensor.
        ValueError: ``k < 1``, groups smaller than ``smallest(k)``, NaN or infinite rewards.
    """
    k = check_k(k)
    dtype = check_rewards(rewards)
    check_group_size(name, rewards.shape[-1], k, smallest(k))
    rewards = rewards.detach()
    values, order = sort_values(rewards if rewards.is_floating_point() else rewards.double())
    groups = SortedGroups(values, order, dtype)
    check_spread(rewards, groups.values[..., 0], groups.values[..., -1], dtype, sums=4 * groups.n)
    return groups, k


@lru_cache(maxsize=512)
def subset_weights(n: int, k: int, device: torch.device) -> Tensor:
    """Return q(m-1) = C(m-1, K-1) / C(n-1, K-1) for m = 1..n, `[n]` float64: P(the K-1 others rank below m)."""
    return constant(ratios(n - 1, k - 1), device)


@lru_cache(maxsize=512)
def improvement_weights(n: int, k: int, device: torch.device) -> Tensor:
    """Return the weights of EI, q(m-1) for m = 2..n."""
    return subset_weights(n, k, device)[1:]


@lru_cache(maxsize=512)
def canonical_weights(n: int, k: int, device: torch.device) -> Tensor:
    """Return n h_m = n q(m-2) / (n-K) for m = 2..n, the weights of the canonical advantage; needs K <= n - 1."""
    return subset_weights(n, k, device)[:-1] * (n / (n - k))


@lru_cache(maxsize=512)
def containing_weights(n: int, k: int, device: torch.device) -> Tensor:
    """Return q(m-2) for m = 2..n, the weights of R_i - rho_K = ((n-K)/n) A; all 0 at K = n."""
    return subset_weights(n, k, device)[:-1]


@lru_cache(maxsize=512)
def survival_weights(n: int, k: int, device: torch.device) -> Tensor:
    """Return 1 - C(m-1, K) / C(n, K) for m = 2..n: P(the largest of K samples has rank m or more)."""
    return constant(complements(n, k)[1:n], device)


def constant(values: Sequence[float], device: torch.device) -> Tensor:
    """Return a float64 tensor that may be cached: no inference tensor, wherever it is made."""
    with torch.inference_mode(False), torch.no_grad():
        return torch.tensor(values, dtype=torch.float64, device="cpu").to(device)


def centre(by_rank: Tensor) -> Tensor:
    """Subtract the mean over the group."""
    return by_rank - by_rank.mean(-1, keepdim=True)
