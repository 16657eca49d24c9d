"""The names of TRL that are used here, once it is known to be the supported version."""

from __future__ import annotations

from maxpo_bench.llm.training.versions import require_trl

require_trl()

from trl.trainer.grpo_config import GRPOConfig  # noqa: E402 - another version may lack it
from trl.trainer.grpo_trainer import GRPOTrainer  # noqa: E402 - see above

__all__ = ["GRPOConfig", "GRPOTrainer"]
