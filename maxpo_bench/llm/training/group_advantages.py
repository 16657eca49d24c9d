"""Advantages of groups in which some completions have no reward, and what is reported of each batch of groups.

A completion that no reward function could score has reward NaN. The estimator sees the scorable ones of each group,
as a smaller group; the others get advantage 0, and so does a whole group with fewer scorable ones than the estimator
needs. Whether that is unbiased depends on why completions are unscorable. If it does not depend on the completion, as
when a grader is down, the rest is an i.i.d. sample of the policy, and the estimator stays what it is at the smaller n.
If it does, the rest is a sample of the policy given that it is scorable: an estimator that is unbiased and centred then
follows the gradient of max@K of that conditional policy; one that is not centred also moves the probability of being
scorable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from maxpo_bench.estimators import Estimator


def total_rewards(per_function: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted sum of the reward functions' values, `[B]`, as TRL takes it.

    Args:
        per_function: `[B, F]`, NaN where a function does not apply.
        weights: `[F]`.

    Returns:
        The sum over the functions that apply; NaN where none does.
    """
    total = (per_function * weights.to(per_function.device).unsqueeze(0)).nansum(dim=1)
    return total.masked_fill(per_function.isnan().all(dim=1), torch.nan)


def masked_advantages(estimator: Estimator, rewards: Tensor) -> Tensor:
    """Return the advantages of each group's scorable completions among themselves, 0 for the others, `[G, n]`.

    Args:
        estimator: with its K.
        rewards: `[G, n]`, NaN where a completion is unscorable.

    Returns:
        `estimator(rewards)` where all completions are scorable. Groups with fewer scorable completions than
        `estimator.min_group_size` get 0.

    Raises:
        TypeError: the estimator returned no tensor.
        ValueError: infinite rewards, rewards outside the estimator's domain, or a result of another shape.
    """
    advantages = torch.zeros_like(rewards)
    for chosen, groups in _by_size(rewards, estimator.min_group_size):
        if chosen is None:
            return estimator(groups).to(rewards.dtype)
        advantages[chosen] = estimator(groups).to(rewards.dtype).flatten()
    return advantages


def group_statistics(estimator: Estimator, rewards: Tensor, advantages: Tensor) -> dict[str, float]:
    """Return what is reported of a batch of groups.

    Args:
        estimator: with its K.
        rewards: `[G, n]`, NaN where a completion is unscorable.
        advantages: `[G, n]`.

    Returns:
        - "reward_max_at_k": mean of rho_K, the unbiased max@K (Eq 12), over the groups with K scorable completions;
        - "dead_groups": share of groups whose advantages are all 0;
        - "skipped_groups": share of groups with fewer scorable completions than the estimator needs;
        - "unscorable": share of completions that are unscorable;
        - "centring": root mean square of the groups' mean advantages over that of all advantages;
        - "advantage_rms": root mean square of the advantages.

        NaN where there is nothing to take a mean of.
    """
    from maxpo_bench.estimators import max_at_k

    best = [max_at_k(groups, estimator.k).double() for _, groups in _by_size(rewards, estimator.k)]
    exact = advantages.double()
    scale = exact.square().mean().sqrt()
    missing = rewards.isnan()
    figures = {
        "reward_max_at_k": torch.cat(best).mean() if best else scale.new_tensor(torch.nan),
        "dead_groups": (advantages == 0).all(-1).double().mean(),
        "skipped_groups": ((~missing).sum(-1) < estimator.min_group_size).double().mean(),
        "unscorable": missing.double().mean(),
        "centring": exact.mean(-1).square().mean().sqrt() / scale,
        "advantage_rms": scale,
    }
    return dict(zip(figures, torch.stack(list(figures.values())).tolist(), strict=True))


def _by_size(rewards: Tensor, least: int) -> Iterator[tuple[Tensor | None, Tensor]]:
    """Yield the scorable rewards of all groups with equally many of them, and where they are; None for everywhere."""
    scorable = ~rewards.isnan()
    counts = scorable.sum(-1)
    for size in counts.unique().tolist():
        if size < least or not size:
            continue
        if size == rewards.shape[-1] and bool(scorable.all()):
            yield None, rewards
            continue
        chosen = scorable & (counts == size).unsqueeze(-1)
        yield chosen, rewards[chosen].view(-1, size)
