"""The gap form: every max@K statistic as one sort and one cumulative sum over the gaps of the sorted rewards.

With the rewards of a group sorted ascending and d_m = r_(m) - r_(m-1), each statistic is a sum of d_m times a weight
that depends on (m, n, K) only. All terms are >= 0, tied rewards have d = 0, and an offset of the rewards never enters.
Weights are running products in float64 (no binomials, no log-gamma); sums are accumulated in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from maxpo_bench.estimators.checks import check_group_size, check_k, check_rewards, check_spread


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
        return sums if sums.device.type == "cpu" else self.equal_on_ties(sums)

    def restore(self, by_rank: Tensor) -> Tensor:
        """Put values given by rank back to the samples' places, in the dtype of the results."""
        return torch.empty_like(by_rank).scatter_(-1, self.order, by_rank).to(self.dtype)

    def equal_on_ties(self, sums: Tensor) -> Tensor:
        """Copy the first value of each run of ties over the run: parallel scans round each element on its own."""
        rank = torch.arange(self.n, device=sums.device).expand(sums.shape)
        starts = torch.where(self.values[..., 1:] > self.values[..., :-1], rank[..., 1:], 0)
        first = torch.cat((rank[..., :1], starts), -1).cummax(-1).values
        return sums.gather(-1, first)


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
    values, order = torch.sort(rewards if rewards.is_floating_point() else rewards.double(), dim=-1)
    groups = SortedGroups(values.double(), order, dtype)
    check_spread(rewards, groups.values[..., 0], groups.values[..., -1], dtype)
    return groups, k


@lru_cache(maxsize=512)
def subset_weights(n: int, k: int, device: torch.device) -> Tensor:
    """Return q(m-1) = C(m-1, K-1) / C(n-1, K-1) for m = 1..n, `[n]` float64: P(the K-1 others rank below m).

    A running product from q(n-1) = 1 downwards: q(m-2) = q(m-1) max(m-K, 0) / (m-1).
    """
    with torch.inference_mode(False), torch.no_grad():
        m = torch.arange(n, 1, -1, dtype=torch.float64, device="cpu")
        ratios = torch.cat((torch.ones(1, dtype=torch.float64), (m - k).clamp_(min=0) / (m - 1)))
        return ratios.cumprod(0).flip(0).contiguous().to(device)


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
    """Return 1 - C(m-1, K) / C(n, K) for m = 2..n: P(the largest of K samples has rank m or more).

    As u_m - u_{m-1} = u_m K / m for u_m = C(m, K) / C(n, K), these are sums of positive terms: no cancellation.
    """
    with torch.inference_mode(False), torch.no_grad():
        # u_m K / m = C(m-1, K-1) / C(n-1, K-1) * K / n
        jumps = subset_weights(n, k, torch.device("cpu"))[1:] * (k / n)
        return jumps.flip(0).cumsum(0).flip(0).to(device)


def centre(by_rank: Tensor) -> Tensor:
    """Subtract the mean over the group."""
    return by_rank - by_rank.mean(-1, keepdim=True)
