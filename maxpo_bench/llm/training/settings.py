"""What is refused, or warned of, in a GRPOConfig: whatever would change an estimator's advantages without a word."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trl.trainer.grpo_config import GRPOConfig

    from maxpo_bench.llm.methods import Method

_logger = logging.getLogger(__name__)


def check_settings(method: Method, args: GRPOConfig) -> None:
    """Check a configuration against the method that is to be trained with it.

    Raises:
        ValueError: groups that are too small for K, or a setting that would rescale advantages or pretend to; the
            message says what to set.
    """
    method.check_group_size(args.num_generations or 0)
    _check_scale(method, args)
    if args.multi_objective_aggregation != "sum_then_normalize":
        raise ValueError(
            f"multi_objective_aggregation={args.multi_objective_aggregation!r} normalises each reward by itself, which "
            f"no estimator sees: set 'sum_then_normalize', {method.name} gets the weighted sum of the rewards"
        )
    _check_ratio(args)
    _warn_of_truncation(args)
    _warn_of_small_evaluation(method, args)


def _check_scale(method: Method, args: GRPOConfig) -> None:
    """Refuse a `scale_rewards` that the advantages will not follow."""
    divides = method.estimator.name == "grpo"
    if args.scale_rewards != "none" and not (divides and args.scale_rewards == "group"):
        also = ", or 'group', which is what it does" if divides else ""
        raise ValueError(
            f"scale_rewards={args.scale_rewards!r} has no effect, {method.name} alone decides the scale of its "
            f"advantages: set scale_rewards='none'{also}"
        )


def _check_ratio(args: GRPOConfig) -> None:
    """Refuse cispo's clamp below 1, which scales even the advantages of unchanged policies."""
    highest = args.epsilon if args.epsilon_high is None else args.epsilon_high
    if args.loss_type == "cispo" and highest < 1:
        raise ValueError(
            f"loss_type='cispo' clamps probability ratios at epsilon_high, here {highest}, so that every advantage "
            "would be multiplied by it: set epsilon_high above 1, for example 5.0, or loss_type='grpo'"
        )


def _warn_of_truncation(args: GRPOConfig) -> None:
    """Warn where completions are not drawn from the distribution that scores them."""
    neutral = {"top_p": (1.0, None), "top_k": (0, None), "min_p": (None, 0.0), "repetition_penalty": (1.0, None)}
    changed = [f"{name}={getattr(args, name)}" for name, values in neutral.items() if getattr(args, name) not in values]
    if changed:
        _logger.warning(
            "%s: completions are drawn from another distribution than the one that scores them, which biases the "
            "policy gradient",
            ", ".join(changed),
        )


def _warn_of_small_evaluation(method: Method, args: GRPOConfig) -> None:
    """Warn where evaluation has rewards, but no advantages."""
    size, least = args.num_generations_eval, method.estimator.min_group_size
    if size is not None and size < least:
        _logger.warning(
            "num_generations_eval=%d: %s with k=%d needs %d completions per group, so that advantages and the loss's "
            "policy term are 0 in evaluation; rewards are measured all the same",
            size,
            method.name,
            method.k,
            least,
        )
