"""Training with TRL: its GRPOTrainer with any estimator's advantages, statistics of each step, exact resuming.

Names load on first use; everything here but `require_trl` needs the extra `llm`: pip install 'maxpo-bench[llm]'.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maxpo_bench.lazy import lazy_names

if TYPE_CHECKING:
    from maxpo_bench.llm.training.checkpoints import is_complete, last_complete_checkpoint
    from maxpo_bench.llm.training.group_advantages import group_statistics, masked_advantages
    from maxpo_bench.llm.training.statistics_callback import GradientStatistics
    from maxpo_bench.llm.training.trainer import EstimatorGRPOTrainer
    from maxpo_bench.llm.training.versions import require_trl

__all__ = [
    "EstimatorGRPOTrainer",
    "GradientStatistics",
    "group_statistics",
    "is_complete",
    "last_complete_checkpoint",
    "masked_advantages",
    "require_trl",
]

_MODULES = {
    "EstimatorGRPOTrainer": "trainer",
    "GradientStatistics": "statistics_callback",
    "group_statistics": "group_advantages",
    "is_complete": "checkpoints",
    "last_complete_checkpoint": "checkpoints",
    "masked_advantages": "group_advantages",
    "require_trl": "versions",
}

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
