"""Estimators that are one gap sum: what each of them is, in a table of seven lines.

With the rewards of a group sorted ascending, gaps d_m = r_(m) - r_(m-1) for m = 2..n, and

    P_(i) = factor * sum_{m <= i} d_m w_m,    A_(i) = P_(i), or P_(i) - mean P if centred,

an estimator is the weights w_m, the factor and whether it is centred. The weights say how likely K-1 of the other
samples all rank below a place: w_m = C(m-1, K-1) / C(n-1, K-1) (`below`) gives EI = R - C, and
w_m = C(m-2, K-1) / C(n-1, K-1) (`two_below`) gives R, the mean maximum with sample i, up to a constant of the group.

How the sum is computed is chosen by `paths`. `set_path` and `use_path` are those of that file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from maxpo_bench.estimators.binomials import ratios
from maxpo_bench.estimators.checks import (
    SmallestGroup,
    check_group_size,
    check_k,
    check_rewards,
    check_spread,
    k_samples,
    k_samples_and_another,
    k_samples_at_least_two,
)
from maxpo_bench.estimators.compiling import STATISTICS, per_sample
from maxpo_bench.estimators.gaps import constant
from maxpo_bench.estimators.paths import GapSum, compute, set_path, use_path
from maxpo_bench.estimators.torch_kernel import torch_weights

__all__ = ["FORMS", "GapForm", "set_path", "use_path"]


def below(n: int, k: int) -> list[float]:
    """Return C(m-1, K-1) / C(n-1, K-1) for m = 2..n: the weights of EI."""
    return ratios(n - 1, k - 1)[1:]


def two_below(n: int, k: int) -> list[float]:
    """Return C(m-2, K-1) / C(n-1, K-1) for m = 2..n: those of R_i and of the canonical advantage; all 0 at K = n."""
    return ratios(n - 1, k - 1)[:-1]


def one(n: int, k: int) -> float:
    """Return 1: no factor."""
    return 1.0


@dataclass(frozen=True, eq=False)
class GapForm:
    """An estimator as a gap sum; calling it gives the advantages.

    Attributes:
        name: in messages.
        smallest: smallest group size, by K.
        weights: w_m for m = 2..n, by (n, K).
        centred: is the group's mean taken off? If not, it is EI up to the factor: the reward itself at K = 1.
        factor: in front of the sum, by (n, K).
    """

    name: str
    smallest: SmallestGroup
    weights: Callable[[int, int], list[float]]
    centred: bool = True
    factor: Callable[[int, int], float] = one

    def __call__(self, rewards: Tensor, k: int) -> Tensor:
        """Return the advantages of rewards `[..., n]`, of the same shape.

        Raises:
            TypeError: ``rewards`` is no real tensor, or ``k`` no integer.
            ValueError: ``k < 1``, groups that are too small, or rewards that are NaN or infinite.
        """
        if torch.compiler.is_compiling():
            return per_sample(rewards.detach(), self.name, k)
        k = check_k(k)
        dtype = check_rewards(rewards)
        n = rewards.shape[-1]
        check_group_size(self.name, n, k, self.smallest(k))
        if rewards.requires_grad:
            rewards = rewards.detach()
        if k == 1 and not self.centred:
            return self._rewards(rewards, dtype)
        return compute(rewards, gap_sum(self, n, k, rewards.device), dtype)

    def _rewards(self, rewards: Tensor, dtype: torch.dtype) -> Tensor:
        """Return the rewards times the factor: EI at K = 1."""
        exact = rewards.double()
        check_spread(rewards, exact.amin(-1), exact.amax(-1), dtype)
        return (exact * self.factor(rewards.shape[-1], 1)).to(dtype).contiguous()


EI = GapForm("ei", k_samples, below, centred=False)
EI_L1O = GapForm("ei_l1o", k_samples_at_least_two, below, factor=lambda n, k: n / (n - 1))
EI_L2O = GapForm("ei_l2o", k_samples_and_another, two_below, factor=lambda n, k: n / (n - k))
EI_MEAN_CENTERED = GapForm("ei_mean_centered", k_samples, below)
PASSK_ANALYTIC = GapForm("passk_analytic", k_samples, two_below)
ALL_SUBSETS_CENTERED = GapForm("all_subsets_centered", k_samples, two_below, factor=lambda n, k: k / n)
PKPO_SLOO_MINUS_ONE = GapForm("pkpo_sloo_minus_one", k_samples, below, centred=False, factor=lambda n, k: k / n)

FORMS = {
    form.name: form
    for form in (EI, EI_L1O, EI_L2O, EI_MEAN_CENTERED, PASSK_ANALYTIC, ALL_SUBSETS_CENTERED, PKPO_SLOO_MINUS_ONE)
}
STATISTICS.update(FORMS)


@lru_cache(maxsize=512)
def gap_sum(form: GapForm, n: int, k: int, device: torch.device) -> GapSum:
    """Return a form's weights at one n and K on a device, the factor in them."""
    factor = form.factor(n, k)
    weights = [factor * weight for weight in form.weights(n, k)]
    for_torch = torch_weights(weights, centred=form.centred, device=device)
    return GapSum(constant(weights, device), form.centred, for_torch)
