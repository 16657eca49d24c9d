"""The language-model track. So far: the clipped group objective for any estimator's advantages (the paper's Eq 13)."""

from maxpo_bench.llm.loss import group_policy_loss

__all__ = ["group_policy_loss"]
